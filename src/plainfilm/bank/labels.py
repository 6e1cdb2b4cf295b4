"""What the labels of collections say of studies and sentences, as a matrix of states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.errors import DataError, nearest
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS
from plainfilm.metrics.findings import BLANK, States

_RANK = np.array([1, 3, 0, 2])  # by state as an index: negative 0, positive 1, blank -2, uncertain -1
_STATE_OF_RANK = np.array([BLANK, 0, -1, 1], dtype=np.int8)


def strongest(states: States, groups: NDArray[np.int64], count: int) -> States:
    """States (N, C) of N statements about `count` things, as one row per thing (count, C).

    Where statements differ, positive goes before uncertain, uncertain before negative.
    """
    ranks = np.zeros((count, states.shape[1]), dtype=np.int64)
    np.maximum.at(ranks, groups, _RANK[states])
    return _STATE_OF_RANK[ranks]


class Labels:
    """Statements of one origin about the studies and sentences of some collections.

    `observations` names the columns of every state matrix: the CheXpert classes in their published order
    where the origin uses no other names, all its names in alphabetical order otherwise.
    """

    def __init__(self, collections: Sequence[Collection], origin: str | None = None) -> None:
        self.origin = _origin(collections, origin)
        self._frames = [_statements(collection, self.origin) for collection in collections]
        used = {name for frame in self._frames for name in frame["observation"].unique()}
        chexpert = used <= set(CHEXPERT_OBSERVATIONS)
        self.observations = tuple(CHEXPERT_OBSERVATIONS) if chexpert else tuple(sorted(used))

    def states(self, place: int, target: str, ids: Sequence[str]) -> States:
        """States (N, C) of the studies or sentences (`target`) called `ids` in collection `place`."""
        frame = self._frames[place]
        frame = frame[frame["target"] == target]
        index = pd.Index(ids)
        if not index.is_unique:
            unique = index.unique()
            return self.states(place, target, list(unique))[unique.get_indexer(index)]
        rows = index.get_indexer(pd.Index(frame["target_id"]))
        columns = pd.Index(self.observations).get_indexer(pd.Index(frame["observation"]))
        ranks = np.zeros((len(index), len(self.observations)), dtype=np.int64)
        known = rows >= 0
        stated = _RANK[frame["state"].to_numpy(dtype=np.int8)]
        np.maximum.at(ranks, (rows[known], columns[known]), stated[known])
        return _STATE_OF_RANK[ranks]


def _statements(collection: Collection, origin: str) -> pd.DataFrame:
    table = collection.table("labels").select(["target", "target_id", "observation", "state", "origin"])
    return table.filter(pc.equal(table["origin"], origin)).drop_columns(["origin"]).to_pandas()


def _origin(collections: Sequence[Collection], wanted: str | None) -> str:
    """The origin to use: `wanted`, or else the only one that speaks of both studies and sentences."""
    known = set.intersection(*(_complete_origins(collection) for collection in collections))
    where = ", ".join(str(collection.path) for collection in collections)
    if wanted is not None:
        if wanted in known:
            return wanted
        raise DataError(
            f"{where}: no labels of studies and sentences from '{wanted}': {nearest(wanted, known)}"
        )
    if not known:
        raise DataError(
            f"{where}: no labels of its studies and sentences; run `plainfilm label {collections[0].path}`"
        )
    if len(known) > 1:
        names = ", ".join(sorted(known))
        raise DataError(f"{where}: labels from several origins ({names}); choose one with labels=ORIGIN")
    return known.pop()


def _complete_origins(collection: Collection) -> set[str]:
    pairs = (
        collection.table("labels").select(["origin", "target"]).group_by(["origin", "target"]).aggregate([])
    )
    found: dict[str, set[str]] = {}
    for row in pairs.to_pylist():
        found.setdefault(row["origin"], set()).add(row["target"])
    return {origin for origin, targets in found.items() if {"study", "sentence"} <= targets}

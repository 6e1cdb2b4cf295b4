"""What the labels of collections say of studies, sentences and films, as a matrix of states."""

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

Targets = tuple[frozenset[str], ...]
"""What an origin must speak of to be used: all the targets of one of these sets."""

STUDIES_AND_SENTENCES: Targets = (frozenset({"study", "sentence"}),)
FILMS: Targets = (frozenset({"image"}), frozenset({"study"}))
"""A film is spoken of by itself or through its study."""

_SPOKEN_OF = {STUDIES_AND_SENTENCES: "studies and sentences", FILMS: "films or studies"}


def strongest(states: States, groups: NDArray[np.int64], count: int) -> States:
    """States (N, C) of N statements about `count` things, as one row per thing (count, C).

    Where statements differ, positive goes before uncertain, uncertain before negative.
    """
    ranks = np.zeros((count, states.shape[1]), dtype=np.int64)
    np.maximum.at(ranks, groups, _RANK[states])
    return _STATE_OF_RANK[ranks]


class Labels:
    """Statements of one origin about the studies and sentences, or the films, of some collections.

    `observations` names the columns of every state matrix: the CheXpert classes in their published order
    where the origin uses no other names, all its names in alphabetical order otherwise. `stated` are the
    names that occur.
    """

    def __init__(
        self,
        collections: Sequence[Collection],
        origin: str | None = None,
        targets: Targets = STUDIES_AND_SENTENCES,
    ) -> None:
        self.origin = _origin(collections, origin, targets)
        self._frames = [_statements(collection, self.origin) for collection in collections]
        self.stated = {str(name) for frame in self._frames for name in frame["observation"].unique()}
        chexpert = self.stated <= set(CHEXPERT_OBSERVATIONS)
        self.observations = tuple(CHEXPERT_OBSERVATIONS) if chexpert else tuple(sorted(self.stated))

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

    def of_films(self, place: int, images: Sequence[str], studies: Sequence[str]) -> States:
        """States (N, C) of films of collection `place`: their own, else those of their study.

        images, studies: (N,) the ids of the films and of the studies they belong to.
        """
        own, of_study = self.states(place, "image", images), self.states(place, "study", studies)
        return np.where((own != BLANK).any(axis=1, keepdims=True), own, of_study)


def _statements(collection: Collection, origin: str) -> pd.DataFrame:
    table = collection.table("labels").select(["target", "target_id", "observation", "state", "origin"])
    return table.filter(pc.equal(table["origin"], origin)).drop_columns(["origin"]).to_pandas()


def _origin(collections: Sequence[Collection], wanted: str | None, targets: Targets) -> str:
    """The origin to use: `wanted`, or else the only one that speaks of all that is needed."""
    known = set.intersection(*(_origins(collection, targets) for collection in collections))
    where = ", ".join(str(collection.path) for collection in collections)
    spoken_of = _SPOKEN_OF[targets]
    if wanted is not None:
        if wanted in known:
            return wanted
        raise DataError(f"{where}: no labels of {spoken_of} from '{wanted}': {nearest(wanted, known)}")
    if not known:
        raise DataError(f"{where}: no labels of its {spoken_of}; run `plainfilm label {collections[0].path}`")
    if len(known) > 1:
        names = ", ".join(sorted(known))
        raise DataError(f"{where}: labels from several origins ({names}); choose one with labels=ORIGIN")
    return known.pop()


def _origins(collection: Collection, targets: Targets) -> set[str]:
    """The origins that speak of all the targets of one of `targets`."""
    pairs = (
        collection.table("labels").select(["origin", "target"]).group_by(["origin", "target"]).aggregate([])
    )
    found: dict[str, set[str]] = {}
    for row in pairs.to_pylist():
        found.setdefault(row["origin"], set()).add(row["target"])
    return {origin for origin, spoken_of in found.items() if any(need <= spoken_of for need in targets)}

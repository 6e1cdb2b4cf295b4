"""Measures the agreement between the origins of a collection's labels, by study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from plainfilm.collection.collection import Collection
from plainfilm.collection.label_origins import origins
from plainfilm.collection.labels import LabelReader
from plainfilm.metrics.agreement import agreement
from plainfilm.metrics.bootstrap import Interval
from plainfilm.metrics.findings import NOT_MENTIONED, States


def label_agreement(collection: Collection) -> Iterator[dict[str, Any]]:
    """An entry for every two origins that label studies, and every observation that both mention.

    The studies counted have labels of both origins, by the rule of `collection.labels` (an image's own labels
    included); an observation that an origin does not mention is a category of its own. `kappa` is over
    positive, negative, uncertain and not mentioned, `positive_kappa` over positive or not, each with its 95 %
    interval by patient.
    """
    names = origins(collection, ("study",))
    if len(names) < 2:
        return
    stated = {origin: _Stated.of(collection, origin) for origin in names}
    for one, other in combinations(names, 2):
        sides = stated[one], stated[other]
        is_labelled = np.all([(side.states != NOT_MENTIONED).any(axis=1) for side in sides], axis=0)
        shared = [name for name in sides[0].first_stated if name in sides[1].observations]
        if not is_labelled.any() or not shared:
            continue
        first, second = (side.columns(shared)[is_labelled] for side in sides)
        patients = collection.columns("studies", ["patient_id"])["patient_id"].filter(pa.array(is_labelled))
        measured_by_name = agreement(first, second, pd.Categorical(patients.to_numpy()))
        for name, measured in zip(shared, measured_by_name, strict=True):
            yield {
                "kind": "agreement",
                "collection": collection.name,
                "observation": name,
                "origins": [one, other],
                "n": measured.n,
                "both_positive": int(measured.table[0, 0]),
                "one_positive": [int(measured.table[0, 1:].sum()), int(measured.table[1:, 0].sum())],
                "same": _rounded(measured.same),
                "kappa": _rounded(measured.kappa),
                "positive_kappa": _rounded(measured.positive_kappa),
            }


class _Stated(NamedTuple):
    """The states (N, C) of all studies by the labels of one origin, and the observations of the columns in
    alphabetical order and in that of the table."""

    states: States
    observations: tuple[str, ...]
    first_stated: tuple[str, ...]

    @classmethod
    def of(cls, collection: Collection, origin: str) -> _Stated:
        """What an origin states; its labels themselves are no longer in memory."""
        reader = LabelReader(collection, [origin])
        return cls(reader.studies(), reader.observations, reader.first_stated)

    def columns(self, names: Sequence[str]) -> States:
        """(N, n) the states of n observations."""
        return self.states[:, [self.observations.index(name) for name in names]]


def _rounded(interval: Interval) -> list[float | None]:
    """[value, low, high]."""
    return [None if one is None else round(one, 4) for one in (interval.value, interval.low, interval.high)]

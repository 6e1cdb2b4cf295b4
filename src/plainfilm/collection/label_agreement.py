"""How far the origins of a collection's labels agree on its studies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from plainfilm.collection.collection import Collection
from plainfilm.collection.label_origins import origins
from plainfilm.collection.labels import LabelReader
from plainfilm.metrics.agreement import agreement
from plainfilm.metrics.bootstrap import Interval
from plainfilm.metrics.findings import NOT_MENTIONED


def label_agreement(collection: Collection) -> Iterator[dict[str, Any]]:
    """An entry for every two origins that label studies, and every observation that both speak of.

    Counted are the studies of which both origins say anything, by the rule of `collection.labels` (an image's
    own labels included); what one of them does not mention is a category of its own. `kappa` is over
    positive, negative, uncertain and not mentioned, `positive_kappa` over positive or not, each with its 95 %
    interval by patient.
    """
    studies = collection.table("studies")
    readers = {origin: LabelReader(collection, [origin]) for origin in origins(collection, ("study",))}
    for one, other in combinations(readers, 2):
        sides = [(readers[origin], readers[origin].studies()) for origin in (one, other)]
        is_labelled = np.all([(states != NOT_MENTIONED).any(axis=1) for _, states in sides], axis=0)
        shared = [name for name in readers[one].first_stated if name in readers[other].observations]
        if not is_labelled.any() or not shared:
            continue
        first, second = (
            states[is_labelled][:, [reader.observations.index(name) for name in shared]]
            for reader, states in sides
        )
        found = agreement(first, second, studies["patient_id"].to_numpy()[is_labelled])
        for name, measured in zip(shared, found, strict=True):
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


def _rounded(interval: Interval) -> list[float | None]:
    """[value, low, high]."""
    return [None if one is None else round(one, 4) for one in (interval.value, interval.low, interval.high)]

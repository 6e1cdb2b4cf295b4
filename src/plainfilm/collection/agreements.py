"""How far the origins of a collection's labels agree on its studies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from plainfilm.collection.collection import Collection
from plainfilm.metrics.agreement import agreement
from plainfilm.metrics.bootstrap import Interval
from plainfilm.metrics.findings import BLANK


def agreements(collection: Collection) -> Iterator[dict[str, Any]]:
    """An entry for every two origins and every observation that both speak of.

    Counted are the studies of which both origins say anything; what one of them does not mention is a
    category of its own. `kappa` is over positive, negative, uncertain and not mentioned, `positive_kappa`
    over positive or not, each with its 95 % interval by patient.
    """
    labels = collection.frame("labels")
    labels = labels[labels["target"] == "study"]
    patients = collection.frame("studies").set_index("study_id")["patient_id"]
    for one, other in combinations(sorted(labels["origin"].unique()), 2):
        sides = [_states(labels[labels["origin"] == origin]) for origin in (one, other)]
        studies = sides[0].index.intersection(sides[1].index)
        shared = [name for name in sides[0].columns if name in set(sides[1].columns)]
        if not len(studies) or not shared:
            continue
        first, second = (side.loc[studies, shared].to_numpy(np.int8) for side in sides)
        found = agreement(first, second, patients.loc[studies].to_numpy())
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


def _states(labels: pd.DataFrame) -> pd.DataFrame:
    """Studies by observations, `BLANK` where nothing is said."""
    table = labels.pivot_table("state", "target_id", "observation", "first", fill_value=BLANK, sort=False)
    return table.fillna(BLANK)


def _rounded(interval: Interval) -> list[float | None]:
    """[value, low, high]."""
    return [None if one is None else round(one, 4) for one in (interval.value, interval.low, interval.high)]

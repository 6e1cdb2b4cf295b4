"""Results of several runs as they are stored: which mean the same, and the rows about the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plainfilm.errors import DataError
from plainfilm.metrics.scores import AREA_UNDER_ROC

_MUST_MATCH = ("split", "collection_fingerprints", "labels", "seed")
"""Keys that must be equal in every protocol; results name further ones (`must_match`)."""
_REFERENCES = "references"
"""The fingerprint of reference texts; where it is stated, it stands for split and collections."""


@dataclass(frozen=True)
class Stored:
    """Results read from their folder."""

    path: Path
    document: Mapping[str, Any]
    items: pd.DataFrame


@dataclass(frozen=True)
class Compared:
    """The results of one model: one, or several of repeated runs."""

    name: str
    repeats: tuple[Stored, ...]

    @property
    def first(self) -> Stored:
        """The results of the first run, which describe the others."""
        return self.repeats[0]


def check_same_protocol(first: Stored, second: Stored) -> None:
    """Check that scores of both mean the same.

    Raises:
        DataError: another task or protocol; the message names the difference.
    """
    if first.document["task"] != second.document["task"]:
        raise DataError(
            f"{first.path} is of task {first.document['task']}, {second.path} of {second.document['task']}: "
            "only results of one task can be compared"
        )
    protocols = first.document["protocol"], second.document["protocol"]
    keys = [*_MUST_MATCH, *first.document.get("must_match", ()), *second.document.get("must_match", ())]
    if all(_REFERENCES in protocol for protocol in protocols):
        keys = [_REFERENCES, *(key for key in keys if key not in ("split", "collection_fingerprints"))]
    for key in dict.fromkeys(keys):
        here, there = (protocol.get(key) for protocol in protocols)
        if here != there:
            raise DataError(
                f"{first.path} has {key} {here}, {second.path} has {there}: their scores mean different "
                "things; evaluate one of them again"
            )


def metrics_of(model: Compared) -> dict[str, Mapping[str, Any]]:
    """The metrics that can be computed again and mean the same in all runs of a model, by name."""
    known: dict[str, Mapping[str, Any]] = {}
    for place, run in enumerate(model.repeats):
        own = {metric["name"]: metric for metric in run.document["metrics"] if "reducer" in metric}
        known = own if place == 0 else _common(known, own)
    return known


def _common(
    first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    return {name: one for name, one in first.items() if name in second and mean_the_same(one, second[name])}


def mean_the_same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two metrics come from the same statistics in the same way and have one identity."""
    return all(first.get(key) == second.get(key) for key in ("reducer", "parts", "identity"))


def single_classes(models: Sequence[Compared]) -> dict[str, dict[str, str]]:
    """By group and class, the statistic that the AUROC of the class comes from, where all models have it."""
    common = [metrics_of(model) for model in models]
    found: dict[str, dict[str, str]] = {}
    for name, metric in common[0].items():
        shared = all(name in other and mean_the_same(metric, other[name]) for other in common[1:])
        if shared and metric["reducer"] == AREA_UNDER_ROC and len(metric["parts"]) == 1:
            _, separator, observation = name.removeprefix(f"{metric['group']}/").partition("/")
            if separator:
                found.setdefault(metric["group"], {})[observation] = metric["parts"][0]
    return found


def operating_parts(model: Compared, group: str, name: str) -> tuple[str, str] | None:
    """The statistics of sensitivity and specificity at the threshold of a class, if all runs have them."""
    metrics = metrics_of(model)
    points = model.first.document.get("operating_points", {}).get(group, {}).get(name)
    if points is None or not all(point in metrics for point in points):
        return None
    sensitivity, specificity = (metrics[point]["parts"][0] for point in points)
    return sensitivity, specificity


def paired(runs: Sequence[Stored], group: str) -> tuple[list[pd.DataFrame], np.ndarray]:
    """The rows of all runs about the same items in the same order, and the items' patients.

    Raises:
        DataError: no item is in all of them.
    """
    sides = [run.items[run.items["group"] == group].set_index("item_id") for run in runs]
    shared = sides[0].index
    for side in sides[1:]:
        shared = shared.intersection(side.index, sort=False)
    if shared.empty or not shared.is_unique:
        where = " and ".join(str(run.path) for run in runs)
        raise DataError(f"{where}: no items in common under {group}")
    return [side.loc[shared] for side in sides], sides[0].loc[shared, "patient_id"].to_numpy()


def statistic(rows: pd.DataFrame, name: str) -> np.ndarray:
    """One statistic (N, 2) of the rows of a group."""
    return rows[[f"{name}|numerator", f"{name}|denominator"]].to_numpy(dtype=np.float64)

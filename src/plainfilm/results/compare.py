"""Compares results: paired differences of the same items under two models, with intervals.

Overlapping intervals are inconclusive; the difference over the items of the same patients shows whether one
model is better. Every score is computed again from the stored statistics per item, so the comparison uses
exactly what was scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plainfilm.errors import DataError
from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.scores import Score, Statistics, differences, intervals
from plainfilm.results.reading import ITEMS, META, read_document, read_items
from plainfilm.results.text import DIRECTIONS_EXPLAINED, directed, number
from plainfilm.results.text import interval as written_interval
from plainfilm.types import Better

_MUST_MATCH = ("split", "collection_fingerprints", "labels", "seed")
"""Keys that must be equal in every protocol; results name further ones (`must_match`)."""


@dataclass(frozen=True)
class Stored:
    """Results read from their folder."""

    path: Path
    document: Mapping[str, Any]
    items: pd.DataFrame


@dataclass(frozen=True)
class Difference:
    """One score of two results and the second minus the first, with its 95 % interval.

    `title`, `heading`, `better` and `headline` describe the score.
    """

    name: str
    title: str
    heading: str
    better: Better | None
    headline: bool
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def is_clear(self) -> bool:
        """True if the interval of the difference excludes 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def verdict(self) -> str | None:
        """For a clear difference, whether the second result is "better" or "worse" by the direction."""
        if not self.is_clear or self.better is None or self.difference is None:
            return None
        return "better" if (self.difference > 0) == (self.better == "higher") else "worse"


def read(folder: Path | str) -> Stored:
    """The results in `folder`.

    Raises:
        DataError: the folder holds no results, or results of a task that stores nothing per item.
    """
    folder = Path(folder)
    if not (folder / META).is_file():
        raise DataError(f"{folder}: not results (no {META}); make some with `plainfilm evaluate`")
    document = read_document(folder)
    items = read_items(folder, document)
    if items is None:
        raise DataError(f"{folder}: holds nothing per item (no {ITEMS}), so it cannot be compared")
    return Stored(folder, document, items)


def compare(first: Stored, second: Stored) -> list[Difference]:
    """`second` minus `first` for every common score, over the common items.

    Raises:
        DataError: another task or protocol (the message names the difference), or no common item.
    """
    _check_same_protocol(first, second)
    resamples = int(first.document["protocol"].get("resamples", 1000))
    seed = int(first.document["protocol"].get("seed", 0))
    compared = []
    for group, metrics in _common_metrics(first, second).items():
        sides, patients = _paired(first, second, group)
        bootstrap = PatientBootstrap(patients, resamples, seed)
        scores = [Score(m["name"], m["reducer"], tuple(m["parts"])) for m in metrics]
        ours, theirs = (_statistics(side, scores) for side in sides)
        solved = differences(scores, theirs, ours, bootstrap)
        sides_of_each = zip(metrics, _values(scores, ours), _values(scores, theirs), solved, strict=True)
        compared += [
            Difference(*_described(metric), here, there, one.value, one.low, one.high, len(patients))
            for metric, here, there, one in sides_of_each
        ]
    return compared


def _described(metric: Mapping[str, Any]) -> tuple[str, str, str, Better | None, bool]:
    """Name, title, heading, direction, and whether a headline; for older results, the name only."""
    name, group = metric["name"], metric["group"]
    title = metric.get("title") or name.removeprefix(f"{group}/")
    heading = metric.get("heading") or group
    return name, title, heading, metric.get("better"), metric.get("headline", False)


def as_rows(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """For JSON."""
    return [{**asdict(one), "verdict": one.verdict} for one in differences]


def as_lines(first: str, second: str, differences: Sequence[Difference]) -> list[str]:
    """A side-by-side table, headline scores first. A star marks a difference whose interval excludes 0, with
    the verdict on the second result."""
    ordered = sorted(differences, key=lambda one: not one.headline)
    names = [f"{one.heading}  {directed(one.title, one.better)}" for one in ordered]
    width = max(map(len, names))
    columns = [max(7, len(name)) for name in (first, second)]
    lines = [f"{'':<{width}}  {first:>{columns[0]}}  {second:>{columns[1]}}  difference"]
    for name, one in zip(names, ordered, strict=True):
        star = f" * {one.verdict or ''}".rstrip() if one.is_clear else ""
        lines.append(
            f"{name:<{width}}  {number(one.first):>{columns[0]}}  {number(one.second):>{columns[1]}}  "
            f"{number(one.difference)} {written_interval(one.low, one.high)}  n={one.n}{star}"
        )
    star = "* the interval of the difference excludes 0 (better, worse: the second)"
    return [*lines, f"{DIRECTIONS_EXPLAINED}; {star}"]


def _values(scores: Sequence[Score], statistics: Statistics) -> list[float | None]:
    """The scores over the shared items, without resampling (as if of one patient)."""
    count = len(next(iter(statistics.values())))
    return [one.value for one in intervals(scores, statistics, PatientBootstrap(np.zeros(count)))]


def _check_same_protocol(first: Stored, second: Stored) -> None:
    if first.document["task"] != second.document["task"]:
        raise DataError(
            f"{first.path} is of task {first.document['task']}, {second.path} of {second.document['task']}: "
            "only results of one task can be compared"
        )
    keys = [*_MUST_MATCH, *first.document.get("must_match", ()), *second.document.get("must_match", ())]
    for key in dict.fromkeys(keys):
        here, there = first.document["protocol"].get(key), second.document["protocol"].get(key)
        if here != there:
            raise DataError(
                f"{first.path} has {key} {here}, {second.path} has {there}: their scores mean different "
                "things; evaluate one of them again"
            )


def _common_metrics(first: Stored, second: Stored) -> dict[str, list[Mapping[str, Any]]]:
    """The metrics of both results computed from the same stored statistics, by group."""
    theirs = {m["name"]: m for m in second.document["metrics"] if "reducer" in m}
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for metric in first.document["metrics"]:
        other = theirs.get(metric["name"])
        if other and (metric.get("reducer"), metric.get("parts")) == (other["reducer"], other["parts"]):
            by_group.setdefault(metric["group"], []).append(metric)
    if not by_group:
        raise DataError(f"{first.path} and {second.path}: no score in common")
    return by_group


def _paired(first: Stored, second: Stored, group: str) -> tuple[list[pd.DataFrame], np.ndarray]:
    """The rows of both results about the same items in the same order, and the items' patients."""
    sides = [side.items[side.items["group"] == group].set_index("item_id") for side in (first, second)]
    shared = sides[0].index.intersection(sides[1].index, sort=False)
    if shared.empty or not shared.is_unique:
        raise DataError(f"{first.path} and {second.path}: no items in common under {group}")
    return [side.loc[shared] for side in sides], sides[0].loc[shared, "patient_id"].to_numpy()


def _statistics(rows: pd.DataFrame, scores: Sequence[Score]) -> Statistics:
    names = {part for score in scores for part in score.parts}
    return {
        name: rows[[f"{name}|numerator", f"{name}|denominator"]].to_numpy(dtype=np.float64)
        for name in sorted(names)
    }

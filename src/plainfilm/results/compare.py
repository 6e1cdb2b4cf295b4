"""Compares results: the same items under two models, paired, with the interval of the difference.

Two intervals that overlap say little; the difference over the same patients' items says whether one model
is better. Every score is computed again from the statistics its results stored per item, so what is compared
is exactly what was scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plainfilm.errors import DataError
from plainfilm.io.tables import read_json, read_parquet
from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.scores import Score, Statistics, differences, intervals
from plainfilm.results.text import DIRECTIONS_EXPLAINED, directed, number
from plainfilm.results.text import interval as written_interval
from plainfilm.tasks.base import Better

_MUST_MATCH = ("split", "collection_fingerprints", "labels", "seed")
"""Keys of every protocol that must be equal; results name more (`must_match`)."""


@dataclass(frozen=True)
class Stored:
    """Results as read from their folder."""

    path: Path
    document: Mapping[str, Any]
    items: pd.DataFrame


@dataclass(frozen=True)
class Difference:
    """One score of two results and the second minus the first, with its 95 % interval.

    `title`, `heading`, `better` and `headline` are what the results say of the score.
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
        """True where the interval of the difference lies wholly on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def verdict(self) -> str | None:
        """What a clear difference says of the second: "better" or "worse", in the direction of the score."""
        if not self.is_clear or self.better is None or self.difference is None:
            return None
        return "better" if (self.difference > 0) == (self.better == "higher") else "worse"


def read(folder: Path | str) -> Stored:
    """The results in `folder`.

    Raises:
        DataError: not results, or results of a task that stores nothing per item.
    """
    folder = Path(folder)
    if not (folder / "results.json").is_file():
        raise DataError(f"{folder}: not results (no results.json); make some with `plainfilm evaluate`")
    if not (folder / "items.parquet").is_file():
        raise DataError(f"{folder}: holds nothing per item (no items.parquet), so nothing to pair")
    return Stored(
        folder, read_json(folder / "results.json"), read_parquet(folder / "items.parquet").to_pandas()
    )


def compare(first: Stored, second: Stored) -> list[Difference]:
    """`second` minus `first` for every score both have, over the items both have.

    Raises:
        DataError: another task or protocol (says what differs), or no item in common.
    """
    _check_same_protocol(first, second)
    resamples = int(first.document["protocol"].get("resamples", 1000))
    seed = int(first.document["protocol"].get("seed", 0))
    found = []
    for group, metrics in _common_metrics(first, second).items():
        sides, patients = _paired(first, second, group)
        bootstrap = PatientBootstrap(patients, resamples, seed)
        scores = [Score(m["name"], m["reducer"], tuple(m["parts"])) for m in metrics]
        ours, theirs = (_statistics(side, scores) for side in sides)
        solved = differences(scores, theirs, ours, bootstrap)
        sides_of_each = zip(metrics, _values(scores, ours), _values(scores, theirs), solved, strict=True)
        found += [
            Difference(*_described(metric), here, there, one.value, one.low, one.high, len(patients))
            for metric, here, there, one in sides_of_each
        ]
    return found


def _described(metric: Mapping[str, Any]) -> tuple[str, str, str, Better | None, bool]:
    """Name, title, heading, direction, and whether a headline; of older results the name alone is known."""
    name, group = metric["name"], metric["group"]
    title = metric.get("title") or name.removeprefix(f"{group}/")
    heading = metric.get("heading") or group
    return name, title, heading, metric.get("better"), metric.get("headline", False)


def as_rows(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """For JSON."""
    return [{**asdict(one), "verdict": one.verdict} for one in differences]


def as_lines(first: str, second: str, found: Sequence[Difference]) -> list[str]:
    """A side-by-side table, headline scores first. A star marks a difference whose interval does not hold 0,
    and whether it makes the second the better or the worse one."""
    ordered = sorted(found, key=lambda one: not one.headline)
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
    return [*lines, f"{DIRECTIONS_EXPLAINED}; * is clear by its interval, of the second"]


def _values(scores: Sequence[Score], statistics: Statistics) -> list[float | None]:
    """The scores over the shared items; as of one patient there is nothing to resample."""
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
    """Metrics of both that are made of stored statistics in the same way, by group."""
    theirs = {m["name"]: m for m in second.document["metrics"] if "reducer" in m}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for metric in first.document["metrics"]:
        other = theirs.get(metric["name"])
        if other and (metric.get("reducer"), metric.get("parts")) == (other["reducer"], other["parts"]):
            found.setdefault(metric["group"], []).append(metric)
    if not found:
        raise DataError(f"{first.path} and {second.path}: no score in common")
    return found


def _paired(first: Stored, second: Stored, group: str) -> tuple[list[pd.DataFrame], np.ndarray]:
    """The rows of both about the same items in the same order, and the items' patients."""
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

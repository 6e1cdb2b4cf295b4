"""Compares results: paired differences of the same items under two models, with intervals and tests.

Overlapping intervals are inconclusive; the difference over the items of the same patients shows whether one
model is better. Every score is computed again from the stored statistics per item, so the comparison uses
exactly what was scored. A model may have several results, of repeated runs: its score is then their mean, and
the spread is stated beside it.

Scores of single classes are many tests: their p-values are corrected by Holm's method over the classes of one
kind of score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from plainfilm.errors import DataError, UsageError
from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.delong import delong
from plainfilm.metrics.multiple_tests import holm
from plainfilm.metrics.scores import (
    AREA_UNDER_ROC,
    Score,
    Statistics,
    contrasts,
    mean_and_spread,
    ranking_values,
    score_values,
)
from plainfilm.results.reading import ITEMS, META, read_document, read_items
from plainfilm.results.stored import (
    Compared,
    Stored,
    check_same_protocol,
    mean_the_same,
    metrics_of,
    paired,
    statistic,
)
from plainfilm.results.text import DIRECTIONS_EXPLAINED, directed, number
from plainfilm.results.text import interval as written_interval
from plainfilm.types import Better


@dataclass(frozen=True)
class Difference:
    """One score of two models and the second minus the first, with its 95 % interval.

    `title`, `heading`, `better` and `headline` describe the score. p: of no difference, from the resamples;
    delong_p: of the DeLong test by patient, for an AUROC of one class and one run of each model; with `_holm`
    corrected over the classes. first_spread, second_spread: the standard deviation over repeats. lenient_of:
    the name of the strict score that this is a lenient form of.
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
    p: float | None = None
    p_holm: float | None = None
    delong_p: float | None = None
    delong_p_holm: float | None = None
    first_spread: float | None = None
    second_spread: float | None = None
    lenient_of: str | None = None

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


def read_models(words: Sequence[str]) -> list[Compared]:
    """Models from folders of results, or NAME=FOLDER; folders of one name, and those below one folder, are
    repeated runs of one model.

    Raises:
        UsageError: fewer than two models.
        DataError: see `read`; or repeated runs that were not evaluated alike.
    """
    folders: dict[str, list[Path]] = {}
    unnamed = [Path(word).name for word in words if _name_and_folder(word)[0] is None]
    for word in words:
        name, path = _name_and_folder(word)
        if name is None:
            alone = path.name if unnamed.count(path.name) == 1 else str(path)
            # Never a repeated run: results may be compared with themselves.
            name = alone if alone not in folders else f"{alone} ({len(folders) + 1})"
        folders.setdefault(name, []).extend(_runs(path))
    if len(folders) < 2:
        raise UsageError("compare: name results of at least two models; NAME=FOLDER groups repeated runs")
    models = [Compared(name, tuple(map(read, paths))) for name, paths in folders.items()]
    for model in models:
        for other in model.repeats[1:]:
            check_same_protocol(model.first, other)
    return models


def _runs(folder: Path) -> list[Path]:
    """The folder, or the folders of results directly below it, as `finetune` writes those of a fraction."""
    below = sorted(folder.glob("*/results.json")) if not (folder / "results.json").is_file() else []
    return [file.parent for file in below] or [folder]


def _name_and_folder(word: str) -> tuple[str | None, Path]:
    name, separator, folder = word.partition("=")
    return (name, Path(folder)) if separator and folder and not Path(word).exists() else (None, Path(word))


def compare(first: Stored | Compared, second: Stored | Compared) -> list[Difference]:
    """`second` minus `first` for every common score, over the items of all their runs.

    Scores of different identities are left out (`not_compared`).

    Raises:
        DataError: another task or protocol (the message names the difference), or no common item.
    """
    ours, theirs = _as_compared(first), _as_compared(second)
    check_same_protocol(ours.first, theirs.first)
    protocol = ours.first.document["protocol"]
    resamples, seed = int(protocol.get("resamples", 1000)), int(protocol.get("seed", 0))
    compared = []
    for group, metrics in _common_metrics(ours, theirs).items():
        runs, patients = paired([*ours.repeats, *theirs.repeats], group)
        bootstrap = PatientBootstrap(patients, resamples, seed)
        found = _differences(metrics, runs, len(ours.repeats), bootstrap)
        if len(runs) == 2:
            found = [
                _with_delong(one, metric, runs, patients) for one, metric in zip(found, metrics, strict=True)
            ]
        compared += _with_holm(found, group)
    return compared


def not_compared(first: Stored | Compared, second: Stored | Compared) -> dict[str, tuple[str, str]]:
    """The scores that both have under one name with different meanings, and the two identities."""
    ours, theirs = (metrics_of(_as_compared(side)) for side in (first, second))
    return {
        name: (str(ours[name].get("identity")), str(theirs[name].get("identity")))
        for name in ours
        if name in theirs and ours[name].get("identity") != theirs[name].get("identity")
    }


def _as_compared(side: Stored | Compared) -> Compared:
    return side if isinstance(side, Compared) else Compared(side.path.name, (side,))


def _differences(
    metrics: Sequence[Mapping[str, Any]],
    runs: Sequence[pd.DataFrame],
    first_runs: int,
    bootstrap: PatientBootstrap,
) -> list[Difference]:
    """The scores of the first runs, of the others, and the difference of their means."""
    scores = [Score(m["name"], m["reducer"], tuple(m["parts"])) for m in metrics]
    sides = [_statistics(run, scores) for run in runs]
    count = len(sides) - first_runs
    coefficients = [-1 / first_runs] * first_runs + [1 / count] * count
    solved = contrasts(scores, sides, coefficients, bootstrap)
    values = [score_values(scores, side) for side in sides]
    found = []
    for place, (metric, one) in enumerate(zip(metrics, solved, strict=True)):
        here, there = (
            mean_and_spread([run[place] for run in part])
            for part in (values[:first_runs], values[first_runs:])
        )
        difference = Difference(
            *_described(metric), here[0], there[0], one.value, one.low, one.high, len(bootstrap.codes), one.p
        )
        lenient_of = metric.get("lenient_of")
        found.append(replace(difference, first_spread=here[1], second_spread=there[1], lenient_of=lenient_of))
    return found


def _with_delong(
    difference: Difference, metric: Mapping[str, Any], runs: Sequence[pd.DataFrame], patients: np.ndarray
) -> Difference:
    if metric["reducer"] != AREA_UNDER_ROC or len(metric["parts"]) > 1:
        return difference
    scores, counts, positive = ranking_values([statistic(run, metric["parts"][0]) for run in runs])
    known = counts.all(axis=0)
    test = delong(scores[:, known], positive[0, known], patients[known])
    return difference if test is None else replace(difference, delong_p=test.difference()[2])


def _with_holm(differences: Sequence[Difference], group: str) -> list[Difference]:
    """P-values corrected over the classes of each kind of score (KIND/CLASS in the names of a group)."""
    found = list(differences)
    kinds: dict[str, list[int]] = {}
    for place, one in enumerate(found):
        kind, separator, _ = one.name.removeprefix(f"{group}/").partition("/")
        if separator:
            kinds.setdefault(kind, []).append(place)
    for places in kinds.values():
        by_resamples = holm([found[place].p for place in places])
        by_delong = holm([found[place].delong_p for place in places])
        for place, p, delong_p in zip(places, by_resamples, by_delong, strict=True):
            found[place] = replace(found[place], p_holm=p, delong_p_holm=delong_p)
    return found


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
    values = [
        [with_spread(one.first, one.first_spread), with_spread(one.second, one.second_spread)]
        for one in ordered
    ]
    width = max(map(len, names))
    columns = [
        max(7, len(name), *(len(pair[place]) for pair in values))
        for place, name in enumerate((first, second))
    ]
    lines = [f"{'':<{width}}  {first:>{columns[0]}}  {second:>{columns[1]}}  difference"]
    for name, (here, there), one in zip(names, values, ordered, strict=True):
        star = f" * {one.verdict or ''}".rstrip() if one.is_clear else ""
        lines.append(
            f"{name:<{width}}  {here:>{columns[0]}}  {there:>{columns[1]}}  "
            f"{number(one.difference)} {written_interval(one.low, one.high)}  n={one.n}{_tests(one)}{star}"
        )
    lines += turned_rankings(differences)
    star = "* the interval of the difference excludes 0 (better, worse: the second)"
    return [*lines, f"{DIRECTIONS_EXPLAINED}; {star}"]


def turned_rankings(differences: Sequence[Difference]) -> list[str]:
    """A line for each lenient score that ranks the two results the other way round than its strict form."""
    by_name = {one.name: one for one in differences}
    lines = []
    for one in differences:
        strict = by_name.get(one.lenient_of or "")
        if strict is None or not one.difference or not strict.difference:
            continue
        if (one.difference > 0) != (strict.difference > 0):
            lines.append(
                f"the ranking turns: {number(one.difference)} by '{one.title}', "
                f"{number(strict.difference)} by '{strict.title}'"
            )
    return lines


def with_spread(value: float | None, spread: float | None) -> str:
    """A score, and its standard deviation over repeats.

    >>> with_spread(0.5, None), with_spread(0.5, 0.012)
    ('0.500', '0.500 ± 0.012')
    """
    return number(value) if spread is None else f"{number(value)} ± {number(spread)}"


def _tests(one: Difference) -> str:
    """The p-values; those of a class corrected over the classes."""
    corrected = {"p (Holm)": one.p_holm, "DeLong p (Holm)": one.delong_p_holm}
    stated = corrected if one.p_holm is not None else {"p": one.p}
    return "".join(f"  {name} {number(p)}" for name, p in stated.items() if p is not None)


def _common_metrics(first: Compared, second: Compared) -> dict[str, list[Mapping[str, Any]]]:
    """The metrics of both that are computed from the same statistics and mean the same, by group."""
    theirs = metrics_of(second)
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for name, metric in metrics_of(first).items():
        if name in theirs and mean_the_same(metric, theirs[name]):
            by_group.setdefault(metric["group"], []).append(metric)
    if not by_group:
        raise DataError(f"{first.first.path} and {second.first.path}: no score in common")
    return by_group


def _statistics(rows: pd.DataFrame, scores: Sequence[Score]) -> Statistics:
    names = {part for score in scores for part in score.parts}
    return {name: statistic(rows, name) for name in sorted(names)}

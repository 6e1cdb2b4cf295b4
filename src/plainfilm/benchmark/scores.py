"""The table of a benchmark: every headline score of every model, its rank, and its distance from the best.

Ranks and differences are over the items that all models of a row share, from the same resamples of patients.
The p-values of a row are corrected by Holm's method over its models.

A model with repeated runs has the mean of their scores, with its interval over the patients that these runs
are tested on. How much runs differ says the standard deviation beside it; no interval covers that.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

from plainfilm.benchmark.cells import Cell
from plainfilm.errors import DataError
from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.multiple_tests import holm
from plainfilm.metrics.scores import Score, Statistics, contrasts, mean_and_spread, ranks
from plainfilm.results.stored import (
    Compared,
    Stored,
    check_same_protocol,
    mean_the_same,
    metrics_of,
    paired,
    statistic,
)
from plainfilm.types import Better


@dataclass(frozen=True)
class Value:
    """The score of one model, with its 95 % interval over its own `n` items.

    spread: the standard deviation over repeated runs, of which `value` is the mean. rank: among the models
    of the row, 1 is the best, over the shared items. difference: from the best model of the row, `None` for
    itself; p: of no difference, corrected over the row. reason: for no score, or for no rank.
    """

    model: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    spread: float | None = None
    rank: Interval | None = None
    difference: Interval | None = None
    p: float | None = None
    is_best: bool = False
    baselines: Mapping[str, float] | None = None
    reason: str | None = None
    cell: Cell | None = None

    @property
    def results(self) -> tuple[Stored, ...]:
        """What the score is of: one result, or those of repeated runs."""
        return self.cell.results if self.cell else ()


@dataclass(frozen=True)
class Row:
    """One score on one collection: a value per model, in the order of the models."""

    collection: str
    task: str
    name: str
    title: str
    heading: str
    better: Better | None
    values: tuple[Value, ...]
    shared: int = 0

    @property
    def ranked(self) -> tuple[Value, ...]:
        """The values that have a rank."""
        return tuple(value for value in self.values if value.rank is not None)


def rows(models: Sequence[str], cells: Sequence[Cell]) -> list[Row]:
    """The rows of the table, by collection, task and headline score."""
    by_place = {(cell.collection, cell.task, cell.model): cell for cell in cells}
    places = dict.fromkeys((cell.collection, cell.task) for cell in cells)
    found: list[Row] = []
    for collection, task in places:
        own = [by_place[collection, task, model] for model in models]
        if any(cell.results for cell in own):
            found += _rows_of(collection, task, own)
    return found


def _rows_of(collection: str, task: str, cells: Sequence[Cell]) -> list[Row]:
    known: dict[str, Mapping[str, Any]] = {}
    for cell in cells:
        for run in cell.results:
            for name, metric in _headlines(run).items():
                known.setdefault(name, metric)
    return [_with_ranks(_row(collection, task, metric, cells)) for metric in known.values()]


def _headlines(run: Stored) -> dict[str, Mapping[str, Any]]:
    return {
        metric["name"]: metric
        for metric in run.document["metrics"]
        if metric.get("headline") and metric.get("subgroup") is None
    }


def score_of(run: Stored, name: str) -> float | None:
    """A headline of stored results; `None` where they have none of this name, or it cannot be computed."""
    metric = _headlines(run).get(name)
    return metric["value"] if metric else None


def _row(collection: str, task: str, known: Mapping[str, Any], cells: Sequence[Cell]) -> Row:
    name = known["name"]
    return Row(
        collection, task, name, known.get("title") or name, known.get("heading") or known.get("group") or "",
        known.get("better"), tuple(_value(cell, name) for cell in cells),
    )  # fmt: skip


def _value(cell: Cell, name: str) -> Value:
    """The score of the results of a cell, the mean of several, or the reason for none."""
    metrics = [_headlines(run).get(name) for run in cell.results]
    found = [metric for metric in metrics if metric is not None]
    if not found or len(found) < len(metrics):
        return Value(cell.model, reason=cell.reason or "the results have no such score", cell=cell)
    value, spread = mean_and_spread([metric["value"] for metric in found])
    if value is None:
        return Value(cell.model, reason=_why_not(found), cell=cell)
    low, high = (found[0]["low"], found[0]["high"]) if len(found) == 1 else _interval_of_mean(cell, found[0])
    names = [metric.get("baselines") or {} for metric in found]
    trivial = [one for one in names[0] if all(one in other for other in names)]
    baselines = {one: statistics.fmean(other[one] for other in names) for one in trivial}
    count = min(metric["n"] for metric in found)
    return Value(cell.model, value, low, high, count, spread, baselines=baselines, cell=cell)


def _why_not(metrics: Sequence[Mapping[str, Any]]) -> str | None:
    place, metric = next((at, one) for at, one in enumerate(metrics, 1) if one["value"] is None)
    note = metric.get("note")
    return f"repeat {place}: {note or 'no score'}" if len(metrics) > 1 else note


def _interval_of_mean(cell: Cell, metric: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Of the mean over the runs of a cell; none where they do not score the same."""
    model = Compared(cell.model, cell.results)
    if metric["name"] not in metrics_of(model):
        return None, None
    score, runs, bootstrap = _scored(metric, [model])
    [one] = contrasts([score], runs, _means(model), bootstrap)
    return one.low, one.high


def _scored(
    metric: Mapping[str, Any], models: Sequence[Compared]
) -> tuple[Score, list[Statistics], PatientBootstrap]:
    """A score, its statistics of all runs of the models in turn, and the resamples of their patients."""
    score = Score(metric["name"], metric["reducer"], tuple(metric["parts"]))
    runs, patients = paired([run for model in models for run in model.repeats], metric["group"])
    protocol = models[0].first.document["protocol"]
    bootstrap = PatientBootstrap(patients, int(protocol["resamples"]), int(protocol["seed"]))
    return score, [{part: statistic(run, part) for part in score.parts} for run in runs], bootstrap


def _means(model: Compared, sign: float = 1.0) -> list[float]:
    """The coefficients of the runs of a model in their mean."""
    return [sign / len(model.repeats)] * len(model.repeats)


def _with_ranks(row: Row) -> Row:
    """`row` with ranks and differences, for the models whose scores mean the same and share items."""
    sides, reasons = _comparable(row)
    values = tuple(
        replace(value, reason=reasons[value.model]) if value.model in reasons else value
        for value in row.values
    )
    if len(sides) < 2:
        return replace(row, values=values)
    score, runs, bootstrap = _scored(metrics_of(sides[0])[row.name], sides)
    counts = [len(side.repeats) for side in sides]
    ranked = ranks(score, runs, bootstrap, higher=row.better != "lower", runs=counts)
    found = _compared(values, sides, ranked, _from_the_best(sides, ranked, score, runs, bootstrap))
    return replace(row, values=found, shared=len(bootstrap.codes))


def _comparable(row: Row) -> tuple[list[Compared], dict[str, str]]:
    """The results that can be ranked, and the reason for those of other models."""
    sides: list[Compared] = []
    reasons: dict[str, str] = {}
    for value in row.values:
        if value.value is None or row.better is None:
            continue
        side = Compared(value.model, value.results)
        metric = metrics_of(side).get(row.name)
        if metric is None:
            continue
        first = sides[0] if sides else side
        try:
            for run in side.repeats:
                check_same_protocol(first.first, run)
        except DataError as error:
            reasons[value.model] = f"not ranked: {error}"
            continue
        if not mean_the_same(metrics_of(first)[row.name], metric):
            reasons[value.model] = "not ranked: its score means something else"
            continue
        sides.append(side)
    return sides, reasons


def _from_the_best(
    sides: Sequence[Compared],
    ranked: Sequence[Interval],
    score: Score,
    runs: Sequence[Statistics],
    bootstrap: PatientBootstrap,
) -> list[Interval | None]:
    """The difference of each model from the best one, for which it is `None`."""
    known = [place for place, one in enumerate(ranked) if one.value is not None]
    best = min(known, key=lambda place: ranked[place].value or 0.0, default=None)
    if best is None:
        return []
    ends = list(accumulate((len(side.repeats) for side in sides), initial=0))
    own = [list(runs[start:end]) for start, end in pairwise(ends)]
    return [
        None
        if place == best
        else contrasts(
            [score], [*own[place], *own[best]], [*_means(side), *_means(sides[best], -1.0)], bootstrap
        )[0]
        for place, side in enumerate(sides)
    ]


def _compared(
    values: Sequence[Value],
    sides: Sequence[Compared],
    ranked: Sequence[Interval],
    apart: Sequence[Interval | None],
) -> tuple[Value, ...]:
    """`values` with the rank of each model, its difference from the best, and the corrected p of that."""
    if not apart:
        return tuple(values)
    others = [place for place, one in enumerate(apart) if one is not None]
    corrected = dict(zip(others, holm([one.p for one in apart if one is not None]), strict=True))
    places = {side.name: place for place, side in enumerate(sides)}
    return tuple(
        value
        if (place := places.get(value.model)) is None
        else replace(
            value,
            rank=ranked[place],
            difference=apart[place],
            p=corrected.get(place),
            is_best=place not in corrected,
        )
        for value in values
    )


def mean_ranks(models: Sequence[str], found: Sequence[Row]) -> dict[str, tuple[float, int]]:
    """The mean rank of each model over the rows that rank every model, and the number of those rows."""
    whole = [row for row in found if len(row.ranked) == len(models)]
    totals = dict.fromkeys(models, 0.0)
    for row in whole:
        for value in row.ranked:
            totals[value.model] += value.rank.value if value.rank and value.rank.value else 0.0
    return {model: (total / len(whole), len(whole)) for model, total in totals.items()} if whole else {}

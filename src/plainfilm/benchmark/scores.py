"""The table of a benchmark: every headline score of every model, its rank, and its distance from the best.

Ranks and differences are over the items that all models of a row share, from the same resamples of patients.
The p-values of a row are corrected by Holm's method over its models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from plainfilm.benchmark.cells import Cell
from plainfilm.errors import DataError
from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.multiple_tests import holm
from plainfilm.metrics.scores import Score, Statistics, differences, ranks
from plainfilm.results.stored import (
    Compared,
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

    rank: among the models of the row, 1 is the best, over the shared items. difference: from the best model
    of the row, `None` for itself; p: of no difference, corrected over the row. reason: for no score, or for
    no rank.
    """

    model: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    rank: Interval | None = None
    difference: Interval | None = None
    p: float | None = None
    is_best: bool = False
    baselines: Mapping[str, float] | None = None
    reason: str | None = None
    cell: Cell | None = None


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
        if any(cell.stored for cell in own):
            found += _rows_of(collection, task, own)
    return found


def _rows_of(collection: str, task: str, cells: Sequence[Cell]) -> list[Row]:
    metrics: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in cells:
        for metric in cell.stored.document["metrics"] if cell.stored else ():
            if metric.get("headline") and metric.get("subgroup") is None:
                metrics.setdefault(metric["name"], {})[cell.model] = metric
    return [
        _with_ranks(_row(collection, task, name, by_model, cells), by_model, cells)
        for name, by_model in metrics.items()
    ]


def _row(
    collection: str,
    task: str,
    name: str,
    by_model: Mapping[str, Mapping[str, Any]],
    cells: Sequence[Cell],
) -> Row:
    known = next(iter(by_model.values()))
    values = []
    for cell in cells:
        metric = by_model.get(cell.model)
        if metric is None:
            reason = cell.reason or "the results have no such score"
            values.append(Value(cell.model, reason=reason, cell=cell))
            continue
        values.append(
            Value(
                cell.model,
                metric["value"],
                metric["low"],
                metric["high"],
                n=metric["n"],
                baselines=metric.get("baselines"),
                reason=metric.get("note") if metric["value"] is None else None,
                cell=cell,
            )
        )
    return Row(
        collection, task, name, known.get("title") or name, known.get("heading") or known.get("group") or "",
        known.get("better"), tuple(values),
    )  # fmt: skip


def _with_ranks(row: Row, by_model: Mapping[str, Mapping[str, Any]], cells: Sequence[Cell]) -> Row:
    """`row` with ranks and differences, for the models whose scores mean the same and share items."""
    sides, reasons = _comparable(row, by_model, cells)
    values = tuple(
        replace(value, reason=reasons[value.model]) if value.model in reasons else value
        for value in row.values
    )
    if len(sides) < 2:
        return replace(row, values=values)
    first = next(iter(sides.values()))
    metric = metrics_of(first)[row.name]
    score = Score(row.name, metric["reducer"], tuple(metric["parts"]))
    runs, patients = paired([side.first for side in sides.values()], metric["group"])
    protocol = first.first.document["protocol"]
    bootstrap = PatientBootstrap(patients, int(protocol["resamples"]), int(protocol["seed"]))
    statistics = [{part: statistic(run, part) for part in score.parts} for run in runs]
    ranked = dict(zip(sides, ranks(score, statistics, bootstrap, higher=row.better != "lower"), strict=True))
    return replace(
        row, values=_compared(values, ranked, dict(zip(sides, statistics, strict=True)), score, bootstrap),
        shared=len(patients),
    )  # fmt: skip


def _comparable(
    row: Row, by_model: Mapping[str, Mapping[str, Any]], cells: Sequence[Cell]
) -> tuple[dict[str, Compared], dict[str, str]]:
    """The results that can be ranked, by model, and for others the reason."""
    sides: dict[str, Compared] = {}
    reasons: dict[str, str] = {}
    for cell in cells:
        if cell.stored is None or cell.model not in by_model or row.better is None:
            continue
        side = Compared(cell.model, (cell.stored,))
        metric = metrics_of(side).get(row.name)
        if metric is None or metric.get("value") is None:
            continue
        first = next(iter(sides.values()), side)
        try:
            check_same_protocol(first.first, side.first)
        except DataError as error:
            reasons[cell.model] = f"not ranked: {error}"
            continue
        if not mean_the_same(metrics_of(first)[row.name], metric):
            reasons[cell.model] = "not ranked: its score means something else"
            continue
        sides[cell.model] = side
    return sides, reasons


def _compared(
    values: Sequence[Value],
    ranked: Mapping[str, Interval],
    statistics: Mapping[str, Statistics],
    score: Score,
    bootstrap: PatientBootstrap,
) -> tuple[Value, ...]:
    known = {model: one.value for model, one in ranked.items() if one.value is not None}
    best = min(known, key=known.__getitem__, default=None)
    if best is None:
        return tuple(values)
    apart = {
        model: differences([score], side, statistics[best], bootstrap)[0]
        for model, side in statistics.items()
        if model != best
    }
    corrected = dict(zip(apart, holm([one.p for one in apart.values()]), strict=True))
    return tuple(
        replace(
            value,
            rank=ranked.get(value.model),
            difference=apart.get(value.model),
            p=corrected.get(value.model),
            is_best=value.model == best,
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

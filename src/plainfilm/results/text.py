"""Scores in a terminal: numbers with their interval, a line per score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plainfilm.results.baselines import baseline
from plainfilm.tasks.base import Metric
from plainfilm.types import Better

DIRECTIONS: dict[Better, str] = {"higher": "↑", "lower": "↓"}
"""The marks for the directions of scores."""
DIRECTIONS_EXPLAINED = "↑ higher is better, ↓ lower is better"


def heading(metric: Metric) -> str:
    """The heading of a metric."""
    return metric.heading or metric.group or ""


def directed(title: str, better: Better | None) -> str:
    """A title with the mark of its direction, if known.

    >>> directed("mean rank", "lower")
    'mean rank ↓'
    """
    return title if better is None else f"{title} {DIRECTIONS[better]}"


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table; a dash for `None`.

    >>> number(0.41234), number(12.0), number(None)
    ('0.412', '12.0', '–')
    """
    if value is None:
        return "–"
    return f"{value:.{digits}f}" if abs(value) < 10 else f"{value:.1f}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval for a table.

    >>> interval(0.38, 0.443), interval(None, None)
    ('[0.380, 0.443]', '[–]')
    """
    if low is None or high is None:
        return "[–]"
    return f"[{number(low, digits)}, {number(high, digits)}]"


def lines(metrics: Sequence[Metric]) -> list[str]:
    """A summary with one line per score: group, title and direction, value, interval, n and baselines."""
    columns = [
        [heading(metric) for metric in metrics],
        [directed(metric.title, metric.better) for metric in metrics],
    ]
    aligned = [[f"{cell:<{max(map(len, column))}}" for cell in column] for column in columns if any(column)]
    return ["  ".join((*cells, *_values(metric))) for metric, *cells in zip(metrics, *aligned, strict=True)]


def _values(metric: Metric) -> Iterator[str]:
    yield f"{number(metric.value)} {interval(metric.low, metric.high)}"
    yield f"n={metric.n}"
    for name, value in metric.baselines.items():
        bounds = metric.baseline_intervals.get(name, (None, None))
        yield f"{baseline(name).title} {number(value)} {interval(*bounds)}"

"""Line charts and bars as data for the macros of `pages/charts.html`, which draw them as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640.0, 240.0
"""Of a chart, in its own units; the page scales it."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 12.0, 10.0, 28.0
COLOURS = ("var(--model)", "#b8801f", "#8e6bb0", "#c2588f", "#4a86c5", "#7d8796")
MOST_POINTS = 300
"""Points of a line beyond which neighbours are averaged."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """A line of a chart: `points` for SVG; a single point is a dot. last: its last value."""

    name: str
    colour: str
    points: str
    dot: tuple[float, float] | None
    last: float


@dataclass(frozen=True)
class Chart:
    """Lines on common axes. x_ticks, y_ticks: places in the chart and labels."""

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM


def chart(
    title: str, series: Mapping[str, Points], limits: tuple[float, float] | None = None
) -> Chart | None:
    """A chart of (x, y) points by name of the line; `None` without any finite point. limits: of x."""
    known = {name: _finite(points) for name, points in series.items()}
    known = {name: points for name, points in known.items() if points}
    if not known:
        return None
    x_all = limits or _span([x for points in known.values() for x, _ in points])
    y_all = _span([y for points in known.values() for _, y in points])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_all[0]) / (x_all[1] - x_all[0])
        up = (y - y_all[0]) / (y_all[1] - y_all[0])
        return (
            _LEFT + across * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM),
        )

    lines = []
    for number, (name, points) in enumerate(known.items()):
        placed = [place(*point) for point in thinned(points)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        dot = placed[0] if len(placed) == 1 else None
        lines.append(Line(name, COLOURS[number % len(COLOURS)], drawn, dot, points[-1][1]))
    return Chart(
        title,
        tuple(lines),
        tuple((place(value, y_all[0])[0], f"{value:g}") for value in ticks(*x_all)),
        tuple((place(x_all[0], value)[1], f"{value:g}") for value in ticks(*y_all)),
    )


def thinned(points: Points) -> list[tuple[float, float]]:
    """At most `MOST_POINTS` points, each the mean of neighbours."""
    size = -(-len(points) // MOST_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)] if points else []
    return [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups
    ]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round values between two others, about so many.

    >>> ticks(0, 1), ticks(0.13, 0.61)
    ([0.0, 0.5, 1.0], [0.2, 0.4, 0.6])
    """
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(step * number, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The range of values, with room where they are all one."""
    low, high = min(values), max(values)
    if low == high:
        room = abs(low) / 10 or 1.0
        return low - room, high + room
    return low, high

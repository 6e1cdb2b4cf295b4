"""Draws the figures that a task describes (`tasks.base.Figure`), in one style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plainfilm.io.manifest import Change
from plainfilm.results.baselines import baseline
from plainfilm.results.drawing import MODEL, REFERENCE, SERIES, axes_of, legible, png
from plainfilm.tasks.base import Curve, CurveFigure, Figure, IntervalFigure, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN = 0.02
"""Margin around the limits, as a fraction of their range."""
LONG_LABEL = 22
"""Letters of a label beyond which the legend has one column."""


def write_figures(figures: Sequence[Figure], change: Change, below: str) -> dict[str, bytes]:
    """Draw every figure as a file of `change`, in its folder `below`; return the PNG bytes by title."""
    drawn = {figure.title: draw(figure) for figure in figures}
    for title, data in drawn.items():
        with change.writing(f"{below}/{_file_name(title)}.png") as temporary:
            temporary.write_bytes(data)
    return drawn


def draw(figure: Figure) -> bytes:
    """The figure as PNG."""
    return _intervals(figure) if isinstance(figure, IntervalFigure) else _curves(figure)


def _intervals(figure: IntervalFigure) -> bytes:
    count = len(figure.series)
    drawn, axes = axes_of((0.22 + 0.08 * count) * len(figure.rows) + 1.1)
    if figure.reference is not None:
        axes.axvline(figure.reference, color=REFERENCE, linewidth=2, zorder=0)
    step, middle = 0.66 / max(3, count), (count - 1) / 2
    for place, (series, colour) in enumerate(zip(figure.series, _colours(figure.series), strict=True)):
        _points(axes, series, step * (middle - place), colour)
    names = legible(figure.rows, figure.numbers)
    axes.set_yticks(range(len(figure.rows)))
    axes.set_yticklabels(names.texts, fontfamily=names.families)
    if names.are_numbers:
        axes.set_ylabel("row of the table: no font here has its letters")
    axes.set_xlim(*_around(figure.limits))
    axes.set_xlabel(figure.x_label)
    _legend(axes)
    return png(drawn)


def _points(axes: Axes, series: Series, shift: float, colour: str) -> None:
    width, size = (2.0, 4.0) if series.is_baseline else (2.6, 5.0)
    label: str | None = _name(series)
    for row, point in enumerate(series.points):
        if point is None:
            continue
        value, low, high = point
        axes.plot([low, high], [row + shift] * 2, color=colour, linewidth=width, solid_capstyle="round")
        axes.plot(value, row + shift, "o", color=colour, markersize=size, label=label)
        label = None  # one entry in the legend for all points


def _curves(figure: CurveFigure) -> bytes:
    drawn, axes = axes_of(4.2, 5.4)
    if figure.diagonal:
        axes.plot([0, 1], [0, 1], color=REFERENCE, linewidth=2, zorder=0)
    for curve, colour in zip(figure.curves, _colours(figure.curves), strict=True):
        if figure.step:
            axes.step(curve.x, curve.y, where="post", color=colour, label=_name(curve))
        else:
            line = "o-" if figure.points else "-"
            axes.plot(curve.x, curve.y, line, color=colour, markersize=5, label=_name(curve))
        if curve.mark:
            axes.plot(*curve.mark, "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
        for x, low, high in zip(curve.x, curve.low, curve.high, strict=False):
            axes.plot([x, x], [low, high], color=colour, linewidth=2.5)
    if figure.log_x:
        axes.set_xscale("log")
    if figure.x_ticks:
        axes.set_xticks(list(figure.x_ticks), list(figure.x_ticks.values()))
        axes.minorticks_off()
    if figure.y_limits:
        axes.set_ylim(*_around(figure.y_limits))
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    _legend(axes)
    return png(drawn)


def _colours(series: Sequence[Series | Curve]) -> list[str]:
    """The colour of each baseline, and others for models; a single model always has the same colour."""
    models = sum(not one.is_baseline for one in series)
    strong = iter([MODEL] if models == 1 else _endless(SERIES, models))
    return [baseline(one.name).colour if one.is_baseline else next(strong) for one in series]


def _endless(colours: Sequence[str], count: int) -> list[str]:
    return [colours[place % len(colours)] for place in range(count)]


def _name(series: Series | Curve) -> str:
    return baseline(series.name).title if series.is_baseline else series.name


def _around(limits: tuple[float, float]) -> tuple[float, float]:
    room = MARGIN * (limits[1] - limits[0])
    return limits[0] - room, limits[1] + room


def _legend(axes: Axes) -> None:
    # Above the axes: a corner inside them may hold an interval.
    labels = axes.get_legend_handles_labels()[1]
    if not labels:
        return
    columns = 3 if max(map(len, labels)) <= LONG_LABEL else 1
    axes.legend(frameon=False, fontsize=8, ncols=columns, loc="lower left", bbox_to_anchor=(0, 1))


def _file_name(title: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in title.lower()).strip("_").replace("__", "_")

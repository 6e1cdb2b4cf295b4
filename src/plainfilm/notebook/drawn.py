"""Draws a film with its boxes, map and sentences as PNG."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.pages.boxes import ShownBox
from plainfilm.pages.colours import of_box
from plainfilm.predictor import SimilarityMap
from plainfilm.results.drawing import INK, legible, png
from plainfilm.results.similarity_maps import colour_bar, coloured, drawn_film

_DPI, _GAP, _LINE, _BAR = 100, 16, 18, 46
_DASHES = {"truth": "-", "prediction": (0, (4, 3))}


def drawn(
    film: NDArray[np.uint8],
    boxes: Sequence[ShownBox] = (),
    map: SimilarityMap | None = None,  # noqa: A002
    sentences: Sequence[str] = (),
) -> bytes:
    """The film (H, W), and with a map the film below it, with boxes on both and sentences below, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = drawn_film(film)
    height, width = shown.shape
    pictures = [np.repeat(shown[..., None], 3, axis=2)] + ([] if map is None else [coloured(shown, map)])
    whole = len(pictures) * (width + _GAP) - _GAP
    lines = [line for one in sentences for line in textwrap.wrap(one, max(20, whole // 7))]
    foot = len(lines) * _LINE + (_GAP if lines else 0) + (0 if map is None else _BAR)
    figure = Figure(figsize=(whole / _DPI, (height + foot) / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    tall = height + foot
    for place, picture in enumerate(pictures):
        at = (place * (width + _GAP) / whole, foot / tall, width / whole, height / tall)
        axes = figure.add_axes(at)
        axes.imshow(picture, interpolation="nearest", aspect="auto")
        axes.set_axis_off()
        for box in boxes:
            _box(axes, box, width / film.shape[1], (width, height))
    if map is not None:
        colour_bar(figure, map, (0.1, (foot - 20) / tall, 0.8, 10 / tall), "horizontal")
    _write(figure, lines, tall)
    return png(figure)


def _box(axes: Any, box: ShownBox, scale: float, size: tuple[int, int]) -> None:
    from matplotlib import patheffects
    from matplotlib.patches import Rectangle

    colour = of_box(box.kind)
    outline: list[patheffects.AbstractPathEffect] = [patheffects.withStroke(linewidth=3, foreground="black")]
    x0, x1 = sorted((box.x0 * scale, box.x1 * scale))
    y0, y1 = sorted((box.y0 * scale, box.y1 * scale))
    dashes = _DASHES.get(box.kind, ":")
    # The edge of the first pixel lies at -0.5.
    frame = Rectangle(
        (x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1.5, linestyle=dashes
    )
    frame.set_path_effects(outline)
    axes.add_patch(frame)
    name = box.name if box.score is None else f"{box.name} {box.score:.2f}"
    words = legible([name])
    below, at_right = y0 < _LINE, x0 > 0.7 * size[0]
    axes.text(
        min(x1, size[0]) if at_right else max(x0, 0),
        y0 + 3 if below else y0 - 3,
        words.texts[0],
        color=colour,
        fontsize=8,
        fontweight="bold",
        fontfamily=words.families,
        va="top" if below else "bottom",
        ha="right" if at_right else "left",
        path_effects=outline,
        clip_on=True,
        parse_math=False,
    )


def _write(figure: Any, lines: Sequence[str], tall: int) -> None:
    if not lines:
        return
    words = legible(lines)
    for number, line in enumerate(words.texts):
        top = (len(lines) - number) * _LINE
        figure.text(
            0.01,
            top / tall,
            line,
            va="top",
            fontsize=9,
            color=INK,
            fontfamily=words.families,
            parse_math=False,
        )

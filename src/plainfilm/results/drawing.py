"""The common style of all figures: axes, colours, PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

INK, MODEL = "#1c2430", "#1f6f78"
REFERENCE = "#b9bfc9"
"""The colour of lines to read a figure by, such as that of chance."""
SERIES = ("#c8443c", "#2b59c3", MODEL, "#6f8f1f", "#1c2430", "#0e9db0")
"""Colours of several models or parts of a model in one figure; none is that of a baseline."""

_USUAL = "DejaVu Sans"
"""Matplotlib's own font: Latin, Greek and Cyrillic letters, no Chinese ones."""
_PLACEHOLDERS = "Last Resort"
"""A font of matplotlib with a placeholder for every letter."""


@dataclass(frozen=True)
class Names:
    """The labels of a figure: `texts` in the fonts `families`, with numbers if no font has the letters."""

    texts: tuple[str, ...]
    families: tuple[str, ...] = (_USUAL,)
    are_numbers: bool = False


def legible(names: Sequence[str], numbers: Sequence[int] = ()) -> Names:
    """`names` in fonts of this machine that have all their letters, else `numbers` (default: from 1)."""
    from matplotlib import font_manager

    def letters(path: str) -> set[int]:
        return set(font_manager.get_font(path).get_charmap())

    missing = {ord(letter) for name in names for letter in name}
    missing -= letters(font_manager.findfont(_USUAL))
    if not missing:
        return Names(tuple(names))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        if not font.name.startswith(_PLACEHOLDERS) and missing <= letters(font.fname):
            return Names(tuple(names), (_USUAL, font.name))
    places = numbers or range(1, len(names) + 1)
    return Names(tuple(str(place) for place in places), are_numbers=True)


def axes_of(height: float, width: float = 7.2) -> tuple:
    """A figure of `width` by `height` inches and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    axes.grid(axis="x", color="#e6e8ec", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def png(figure) -> bytes:  # type: ignore[no-untyped-def]
    """The figure as PNG, with the same bytes for the same figure."""
    stream = io.BytesIO()
    # Without date and version, the same results give the same bytes.
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()

"""The one look of all figures: axes, colours, PNG bytes."""

from __future__ import annotations

import io

INK, MODEL, BASELINES = "#1c2430", "#1f6f78", ("#b9bfc9", "#d9a441")


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
    """The figure as PNG, the same bytes for the same figure."""
    stream = io.BytesIO()
    # No date and no version in the file: the same results give the same bytes.
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()

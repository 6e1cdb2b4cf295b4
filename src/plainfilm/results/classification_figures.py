"""Figures of a classification: AUROC per observation, and what predicted probabilities are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from plainfilm.metrics.calibration import reliability
from plainfilm.results.drawing import BASELINES, MODEL, axes_of, legible, png
from plainfilm.results.share_figures import share_figures
from plainfilm.results.text import group_title
from plainfilm.tasks.base import Metric, Results

PROBABILITY = "probability_"
"""Columns of `predictions` with this prefix hold probabilities, each made in its own way."""
_COLOURS = ("#d9a441", "#7d8796", MODEL, "#8e5ea2", "#3f7fbf", "#b0412e")
_KIND = "auroc/"
_BINS = 10


def classification_figures(results: Results) -> dict[str, bytes]:
    """PNG bytes by title; empty for results that are not of a classification."""
    drawn: dict[str, bytes] = {}
    single = [
        metric
        for metric in results.metrics
        if metric.subgroup is None and metric.group and metric.name.startswith(f"{metric.group}/{_KIND}")
    ]
    if any(metric.value is not None for metric in single):
        drawn["AUROC per observation"] = _per_observation(single)
    drawn |= share_figures(results.metrics)
    kinds = [name for name in results.predictions.columns if name.startswith(PROBABILITY)]
    if kinds and "positive" in results.predictions:
        drawn["Reliability"] = _reliability(results.predictions, kinds)
    return drawn


def _per_observation(metrics: Sequence[Metric]) -> bytes:
    groups = list(dict.fromkeys(metric.group for metric in metrics))
    names = {metric.name.removeprefix(f"{metric.group}/{_KIND}"): metric.support or 0 for metric in metrics}
    ordered = sorted(names, key=lambda name: (names[name], name))
    step, middle = 0.6 / max(3, len(groups)), (len(groups) - 1) / 2
    figure, axes = axes_of(0.42 * len(ordered) + 1.0)
    axes.axvline(0.5, color=BASELINES[0], linewidth=2, zorder=0)
    for metric in metrics:
        if metric.value is None:
            continue
        shift = groups.index(metric.group)
        y = ordered.index(metric.name.removeprefix(f"{metric.group}/{_KIND}")) + step * (shift - middle)
        colour = _COLOURS[shift % len(_COLOURS)]
        axes.plot([metric.low, metric.high], [y, y], color=colour, linewidth=2.5, solid_capstyle="round")
        axes.plot(metric.value, y, "o", color=colour, markersize=4.5)
    axes.set_yticks(range(len(ordered)))
    shown = legible(list(names))
    texts = dict(zip(names, shown.texts, strict=True))
    labels = [f"{texts[name]} ({names[name]})" for name in ordered]
    axes.set_yticklabels(labels, fontfamily=shown.families)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("AUROC; 95 % interval by patient; (positive films); the grey line is chance")
    if shown.are_numbers:
        axes.set_ylabel("row of the table Observations: no font here has its letters")
    _legend(axes, [group_title(str(group)) for group in groups])
    return png(figure)


def _legend(axes, groups: Sequence[str]) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker="o", label=group)
        for group, colour in zip(groups, _COLOURS, strict=False)
    ]
    # Below the axes: a corner inside them may hold somebody's interval.
    axes.legend(handles=handles, frameon=False, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))


def _reliability(predictions: pd.DataFrame, kinds: Sequence[str]) -> bytes:
    figure, axes = axes_of(4.6, 5.4)
    axes.plot([0, 1], [0, 1], color=BASELINES[0], linewidth=2, zorder=0)
    known = predictions["positive"].notna().to_numpy()
    happened = predictions["positive"].fillna(False).to_numpy(dtype=bool)
    for kind, colour in zip(kinds, _COLOURS, strict=False):
        values = predictions[kind].to_numpy(dtype=np.float64)
        rows = known & np.isfinite(values)
        if rows.any():
            found = reliability(values[rows], happened[rows], "mass", _BINS)
            label = group_title(kind.removeprefix(PROBABILITY))
            axes.plot(found.predicted, found.observed, "o-", color=colour, markersize=5, label=label)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(f"predicted, mean of each of {_BINS} bins of equal mass, all observations pooled")
    axes.set_ylabel("share that is positive")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return png(figure)

"""Figures of an evaluation: scores per observation beside the baselines, and how deep one must look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plainfilm.io.files import replacing
from plainfilm.results.classification_figures import classification_figures
from plainfilm.results.drawing import BASELINES, MODEL, axes_of, png
from plainfilm.results.text import baseline_title
from plainfilm.tasks.base import Metric, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SINGLE = "finding_f1_positive/"


def write_figures(results: Results, folder: Path) -> dict[str, bytes]:
    """Draws what the results allow into `folder`; returns the PNG bytes by title."""
    drawn: dict[str, bytes] = {}
    groups = list(dict.fromkeys(metric.group for metric in results.metrics if metric.group))
    per_observation = {
        group: [m for m in results.metrics if m.group == group and f"/{SINGLE}" in m.name and m.support]
        for group in groups
    }
    for group, metrics in per_observation.items():
        if metrics:
            drawn[f"F1 per observation, {group}"] = _per_observation(metrics)
    if results.items is not None and "rank|numerator" in results.items:
        drawn["How deep one must look"] = _rank_curves(results)
    drawn |= classification_figures(results)
    for name, data in drawn.items():
        with replacing(folder / f"{_file_name(name)}.png") as temporary:
            temporary.write_bytes(data)
    return drawn


def _per_observation(metrics: Sequence[Metric]) -> bytes:
    ordered = sorted(metrics, key=lambda metric: (metric.support or 0, metric.name))
    figure, axes = axes_of(0.34 * len(ordered) + 1.0)
    for place, metric in enumerate(ordered):
        for shift, (name, colour) in enumerate(zip(metric.baselines, BASELINES, strict=False)):
            low, high = metric.baseline_intervals.get(name, (np.nan, np.nan))
            y = place - 0.22 * (shift + 1)
            axes.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="round")
            axes.plot(metric.baselines[name], y, "o", color=colour, markersize=4)
        axes.plot([metric.low or 0, metric.high or 0], [place, place], color=MODEL, linewidth=3)
        axes.plot(metric.value or 0, place, "o", color=MODEL, markersize=6)
    axes.set_yticks(range(len(ordered)))
    axes.set_yticklabels([f"{m.name.split(SINGLE)[1].rpartition('@')[0]} ({m.support})" for m in ordered])
    axes.set_xlim(-0.02, 1.0)
    axes.set_xlabel("F1, positive only; 95 % interval by patient; (positive queries)")
    _legend(axes, metrics[0].baselines)
    return png(figure)


def _legend(axes: Axes, baselines: Mapping[str, float]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=MODEL, marker="o", label="model")]
    for name, colour in zip(baselines, BASELINES, strict=False):
        handles.append(Line2D([], [], color=colour, marker="o", label=baseline_title(name)))
    axes.legend(handles=handles, frameon=False, loc="lower right", fontsize=8)


def _rank_curves(results: Results) -> bytes:
    assert results.items is not None
    figure, axes = axes_of(3.2)
    for group, rows in results.items.groupby("group", sort=False):
        ranks = np.sort(rows.loc[rows["rank|denominator"] > 0, "rank|numerator"].to_numpy())
        if len(ranks):
            share = np.arange(1, len(ranks) + 1) / len(ranks)
            axes.step(np.concatenate([[1], ranks]), np.concatenate([[0], share]), where="post", label=group)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("first item of one's own is within this rank")
    axes.set_ylabel("share of queries")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return png(figure)


def _file_name(title: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in title.lower()).strip("_").replace("__", "_")

"""What more labels are worth: AUROC against the share of the patients that was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plainfilm.results.drawing import BASELINES, MODEL, axes_of, png
from plainfilm.results.text import baseline_title
from plainfilm.tasks.base import Metric

_GROUP = "share_"
_NAMES = ("auroc_common_macro", "auroc_macro")
"""The score to draw, where it is there: only the former is over the same observations at every share."""


def share_figures(metrics: Sequence[Metric]) -> dict[str, bytes]:
    """PNG bytes by title; empty for results of fewer than two shares."""
    found: dict[float, Metric] = {}
    by_name = {metric.name: metric for metric in metrics if metric.subgroup is None}
    for group in dict.fromkeys(one.group for one in metrics if one.group and one.group.startswith(_GROUP)):
        drawn = next((by_name[f"{group}/{name}"] for name in _NAMES if f"{group}/{name}" in by_name), None)
        if drawn is not None and drawn.value is not None:
            found[float(str(group).removeprefix(_GROUP))] = drawn
    return {"AUROC by share of the labels": _by_share(found)} if len(found) > 1 else {}


def _by_share(found: Mapping[float, Metric]) -> bytes:
    figure, axes = axes_of(4.6, 5.4)
    shares = [100 * share for share in found]
    for kind, colour in zip(next(iter(found.values())).baselines, BASELINES, strict=False):
        trivial = [metric.baselines.get(kind, float("nan")) for metric in found.values()]
        axes.plot(shares, trivial, "o-", color=colour, markersize=4, label=baseline_title(kind))
    values = [metric.value or 0.0 for metric in found.values()]
    axes.plot(shares, values, "o-", color=MODEL, markersize=6, label="model")
    for share, metric in zip(shares, found.values(), strict=True):
        axes.plot([share, share], [metric.low, metric.high], color=MODEL, linewidth=2.5)
    axes.set_xscale("log")
    axes.set_xticks(shares, [f"{share:g} %" for share in shares])
    axes.minorticks_off()
    axes.set_xlabel("share of the training patients; 95 % interval by patient")
    axes.set_ylabel("AUROC, macro over what every share could learn")
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return png(figure)

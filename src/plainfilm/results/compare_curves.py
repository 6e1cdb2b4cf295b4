"""ROC and precision-recall curves of several models, by class and on average, with their operating points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.metrics import curves
from plainfilm.metrics.curves import Points
from plainfilm.metrics.scores import RANKINGS, Score, ranking_values, score_values
from plainfilm.results.stored import Compared, operating_parts, paired, single_classes, statistic
from plainfilm.results.text import number
from plainfilm.tasks.base import Curve, CurveFigure

Floats = NDArray[np.float64]

AT_SPECIFICITY = 0.9
"""The specificity at which the sensitivities of models are stated."""
ON_AVERAGE = "on average"


@dataclass(frozen=True)
class ClassCurves:
    """The curves of all models for one class of one group, over the same items.

    All by model, and the mean over its runs. sensitivity: that at `AT_SPECIFICITY`. decided: 1 - specificity
    and sensitivity at the thresholds chosen on validation items, where there are any.
    """

    group: str
    name: str
    roc: Mapping[str, Points]
    precision_recall: Mapping[str, Points]
    area: Mapping[str, float]
    average_precision: Mapping[str, float]
    sensitivity: Mapping[str, float]
    decided: Mapping[str, tuple[float, float]]
    positives: int
    n: int


def class_curves(models: Sequence[Compared]) -> list[ClassCurves]:
    """The curves of every class that all models score and that has items of both kinds."""
    runs = [run for model in models for run in model.repeats]
    found = []
    for group, names in single_classes(models).items():
        frames, _ = paired(runs, group)
        for name, part in names.items():
            pairs = np.stack([statistic(frame, part) for frame in frames])
            pairs = pairs[:, ranking_values(pairs)[1].all(axis=0)]
            truth = ranking_values(pairs)[2][0]
            if truth.any() and not truth.all():
                decisions = _decisions(models, frames, group, name)
                found.append(_of_class(group, name, models, pairs, decisions))
    return found


def _of_class(
    group: str,
    name: str,
    models: Sequence[Compared],
    pairs: Floats,
    decisions: Mapping[str, tuple[float, float]],
) -> ClassCurves:
    """`pairs` (S, N, 2) are the statistics of the S runs of all models."""
    values, _, positive = ranking_values(pairs)
    truth, runs = positive[0], iter(zip(values, pairs, strict=True))
    own = {model.name: [next(runs) for _ in model.repeats] for model in models}
    scores = {key: [one for one, _ in found] for key, found in own.items()}
    ranked = {key: np.mean([_ranking(pair) for _, pair in found], axis=0) for key, found in own.items()}
    return ClassCurves(
        group,
        name,
        {key: _over_runs(runs, truth, curves.roc_curve, curves.mean_roc) for key, runs in scores.items()},
        {
            key: _over_runs(runs, truth, curves.precision_recall_curve, curves.mean_precision_recall)
            for key, runs in scores.items()
        },
        {key: float(pair[0]) for key, pair in ranked.items()},
        {key: float(pair[1]) for key, pair in ranked.items()},
        {
            key: float(np.mean([curves.sensitivity_at(one, truth, AT_SPECIFICITY) for one in runs]))
            for key, runs in scores.items()
        },
        decisions,
        int(truth.sum()),
        len(truth),
    )


def _ranking(pairs: Floats) -> Floats:
    """AUROC and average precision; both classes occur."""
    scores = [Score(kind, kind, ("class",)) for kind in RANKINGS]
    return np.array(score_values(scores, {"class": pairs}), dtype=np.float64)


def _over_runs(
    scores: Sequence[Floats],
    truth: NDArray[np.bool_],
    curve: Callable[[Any, Any], Points],
    mean: Callable[[Sequence[Points]], Points],
) -> Points:
    found = [curve(one, truth) for one in scores]
    return found[0] if len(found) == 1 else mean(found)


def _decisions(
    models: Sequence[Compared], frames: Sequence[pd.DataFrame], group: str, name: str
) -> dict[str, tuple[float, float]]:
    """1 - specificity and sensitivity at the thresholds of each model whose results have operating points."""
    rows, found = iter(frames), {}
    for model in models:
        own = [next(rows) for _ in model.repeats]
        parts = operating_parts(model, group, name)
        if parts is None:
            continue
        sums = [[statistic(run, part).sum(axis=0) for part in parts] for run in own]
        if all(bottom > 0 for run in sums for _, bottom in run):
            sensitivity, specificity = np.mean(
                [[top / bottom for top, bottom in run] for run in sums], axis=0
            )
            found[model.name] = 1.0 - float(specificity), float(sensitivity)
    return found


def curve_figures(found: Sequence[ClassCurves]) -> list[tuple[CurveFigure, CurveFigure]]:
    """For each group an ROC and a precision-recall figure on average over its classes, then those of each."""
    figures = []
    groups = dict.fromkeys(one.group for one in found)
    for group in groups:
        own = [one for one in found if one.group == group]
        suffix = f" ({group})" if len(groups) > 1 else ""
        if len(own) > 1:
            figures.append(_pair(_averaged(own), suffix))
        figures += [_pair(one, suffix) for one in own]
    return figures


def _averaged(classes: Sequence[ClassCurves]) -> ClassCurves:
    """The mean curves over the classes, and the mean scores (macro)."""

    def mean(of: str) -> dict[str, float]:
        return {key: float(np.mean([getattr(one, of)[key] for one in classes])) for key in classes[0].roc}

    return ClassCurves(
        classes[0].group,
        f"{ON_AVERAGE} over {len(classes)} classes",
        {key: curves.mean_roc([one.roc[key] for one in classes]) for key in classes[0].roc},
        {
            key: curves.mean_precision_recall([one.precision_recall[key] for one in classes])
            for key in classes[0].roc
        },
        mean("area"),
        mean("average_precision"),
        mean("sensitivity"),
        {},
        sum(one.positives for one in classes),
        max(one.n for one in classes),
    )


def _pair(one: ClassCurves, suffix: str) -> tuple[CurveFigure, CurveFigure]:
    prevalence = one.positives / one.n
    roc = CurveFigure(
        title=f"ROC, {one.name}{suffix}",
        x_label="1 - specificity",
        y_label="sensitivity",
        curves=tuple(
            _curve(f"{key} (AUROC {number(one.area[key])})", points, one.decided.get(key))
            for key, points in one.roc.items()
        ),
        y_limits=(0.0, 1.0),
        diagonal=True,
        points=False,
    )
    by_chance = (
        ()
        if one.name.startswith(ON_AVERAGE)
        else (
            Curve(f"prevalence {number(prevalence)}", (0.0, 1.0), (prevalence, prevalence), is_baseline=True),
        )
    )
    precision_recall = CurveFigure(
        title=f"Precision and recall, {one.name}{suffix}",
        x_label="recall",
        y_label="precision",
        curves=(
            *(
                _curve(f"{key} (AP {number(one.average_precision[key])})", points, None)
                for key, points in one.precision_recall.items()
            ),
            *by_chance,
        ),
        y_limits=(0.0, 1.0),
        points=False,
    )
    return roc, precision_recall


def _curve(name: str, points: Points, mark: tuple[float, float] | None) -> Curve:
    x, y = curves.thinned(points)
    return Curve(name, tuple(x.tolist()), tuple(y.tolist()), mark=mark)

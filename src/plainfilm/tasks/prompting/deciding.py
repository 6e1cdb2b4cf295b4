"""What is fitted on validation films and used on others: thresholds, calibration, plausible labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.calibration import Platt, fit_platt, fit_scale
from plainfilm.metrics.classification import Criterion, best_threshold
from plainfilm.metrics.conformal import Bounds, fit_bounds
from plainfilm.nn.decisions import Decision, Decisions, Ensembles
from plainfilm.predictor import ZeroShot
from plainfilm.prompts import Prompts
from plainfilm.tasks.prompting.films import Films

GROUPS = ("positive prompt", "negative prompt", "combined")
"""Scores by the positive ensemble alone, by the negative one alone (the less alike the more positive), and by
both together (positive and negative contrasted, PNC)."""
COMBINED = GROUPS[2]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """One entry per observation, `None` where the validation films have one class only.

    thresholds: by group. platt: the probability of a margin. scale: what margins are multiplied with before
    a sigmoid, the same for all observations. bounds: where labels stay plausible. positives, negatives: how
    many films.
    """

    thresholds: Mapping[str, Sequence[float | None]]
    platt: Sequence[Platt | None]
    scale: float | None
    bounds: Sequence[Bounds]
    prevalence: Sequence[float | None]
    positives: Sequence[int]
    negatives: Sequence[int]


def group_scores(found: ZeroShot) -> dict[str, Floats]:
    """The scores (N, C) of each group, higher is more positive."""
    positive, negative = found.positive.astype(np.float64), found.negative.astype(np.float64)
    return dict(zip(GROUPS, (positive, -negative, found.margin), strict=True))


def fit(found: ZeroShot, films: Films, criterion: Criterion, miss: float) -> Fitted:
    """Fits on validation films (N) what `Fitted` holds."""
    scores = group_scores(found)
    margins = scores[COMBINED]
    known = films.known & np.isfinite(margins)
    columns = range(known.shape[1])
    rows = [known[:, column] for column in columns]
    truths = [films.positive[rows[column], column] for column in columns]
    mine = [margins[rows[column], column] for column in columns]
    pooled = margins[known], films.positive[known]
    return Fitted(
        thresholds={
            group: [
                best_threshold(values[films.known[:, c], c], films.positive[films.known[:, c], c], criterion)
                for c in columns
            ]
            for group, values in scores.items()
        },
        platt=[fit_platt(margin, truth) for margin, truth in zip(mine, truths, strict=True)],
        scale=fit_scale(*pooled) if known.any() else None,
        bounds=[fit_bounds(margin, truth, miss) for margin, truth in zip(mine, truths, strict=True)],
        prevalence=[float(truth.mean()) if len(truth) else None for truth in truths],
        positives=[int(truth.sum()) for truth in truths],
        negatives=[int((~truth).sum()) for truth in truths],
    )


def as_decisions(
    fitted: Fitted,
    prompts: Mapping[str, Prompts],
    ensembles: Ensembles,
    miss: float,
    model_fingerprint: str,
    protocol: Mapping[str, Any],
) -> Decisions:
    """What a model folder keeps; observations that nothing denies have no margin and are left out."""
    decided = {
        name: _decision(fitted, place, asked)
        for place, (name, asked) in enumerate(prompts.items())
        if asked.negative
    }
    return Decisions(
        model_fingerprint=model_fingerprint,
        ensembles=ensembles,
        miss=miss,
        temperature=1.0 / fitted.scale if fitted.scale else None,
        observations=decided,
        protocol=dict(protocol),
    )


def _decision(fitted: Fitted, place: int, prompts: Prompts) -> Decision:
    platt, bounds = fitted.platt[place], fitted.bounds[place]
    return Decision(
        positive=prompts.positive,
        negative=prompts.negative,
        threshold=fitted.thresholds[COMBINED][place],
        slope=platt.slope if platt else None,
        bias=platt.bias if platt else None,
        positive_from=_finite(bounds.positive_from),
        negative_to=_finite(bounds.negative_to),
        positives=fitted.positives[place],
        negatives=fitted.negatives[place],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

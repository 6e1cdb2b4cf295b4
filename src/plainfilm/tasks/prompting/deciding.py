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
from plainfilm.predictor import ZeroShot
from plainfilm.predictor.decisions import Decision, Decisions, Ensembles
from plainfilm.prompts import Prompts
from plainfilm.tasks.prompting.films import Asked, Films

GROUPS = ("positive prompt", "negative prompt", "combined")
"""Scores by the positive ensemble alone, by the negative one alone (the less alike the more positive), and by
both together (positive and negative contrasted, PNC)."""
COMBINED = GROUPS[2]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What a model says of N films and C observations.

    groups: scores (N, C), higher is more positive, by what they are made of. main: the group that decisions
    are made on, its scores being margins: 0 is one half, and `scale` times the margin goes into a sigmoid.
    kept: arrays (N, C) by name that predictions keep of every film. undenied: observations without a margin.
    """

    observations: tuple[str, ...]
    groups: Mapping[str, Floats]
    main: str
    scale: float
    kept: Mapping[str, NDArray]
    undenied: frozenset[str] = frozenset()

    @property
    def margin(self) -> Floats:
        """(N, C)."""
        return self.groups[self.main]


@dataclass(frozen=True)
class Fitted:
    """One entry per observation, `None` where the validation films have one class only.

    thresholds: by group, `main` that of the margins. platt: the probability of a margin. scale: what margins
    are multiplied with before a sigmoid, the same for all observations. bounds: where labels stay plausible.
    positives, negatives: how many films.
    """

    thresholds: Mapping[str, Sequence[float | None]]
    platt: Sequence[Platt | None]
    scale: float | None
    bounds: Sequence[Bounds]
    prevalence: Sequence[float | None]
    positives: Sequence[int]
    negatives: Sequence[int]
    main: str = COMBINED


def prompted(found: ZeroShot, scale: float, asked: Asked) -> Said:
    """What prompts say."""
    positive, negative = found.positive.astype(np.float64), found.negative.astype(np.float64)
    return Said(
        observations=found.observations,
        groups=dict(zip(GROUPS, (positive, -negative, found.margin), strict=True)),
        main=COMBINED,
        scale=scale,
        kept={"positive_score": found.positive, "negative_score": found.negative},
        undenied=frozenset(name for name, prompts in asked.prompts.items() if not prompts.negative),
    )


def fit(said: Said, films: Films, criterion: Criterion, miss: float) -> Fitted:
    """Fits on validation films (N) what `Fitted` holds."""
    scores, margins = said.groups, said.margin
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
        main=said.main,
    )


def as_decisions(
    fitted: Fitted,
    observations: Sequence[str],
    prompts: Mapping[str, Prompts],
    ensembles: Ensembles,
    miss: float,
    model_fingerprint: str,
    protocol: Mapping[str, Any],
) -> Decisions:
    """What a model folder keeps of those of the `observations` (C) that have `prompts`, if only none."""
    decided = {
        name: _decision(fitted, place, prompts[name])
        for place, name in enumerate(observations)
        if name in prompts
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
        threshold=fitted.thresholds[fitted.main][place],
        slope=platt.slope if platt else None,
        bias=platt.bias if platt else None,
        positive_from=_finite(bounds.positive_from),
        negative_to=_finite(bounds.negative_to),
        positives=fitted.positives[place],
        negatives=fitted.negatives[place],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

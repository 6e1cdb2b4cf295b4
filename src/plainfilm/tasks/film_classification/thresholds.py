"""Rankings, decisions at thresholds, and fitting on validation images.

AUROC and average precision need no threshold; F1, precision, sensitivity and specificity are at the
thresholds that were best on validation images. Calibration and conformal bounds are fitted on the same
images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.calibration import Platt, fit_platt, fit_scale
from plainfilm.metrics.classification import Criterion, best_threshold, truth_codes
from plainfilm.metrics.coded import Pairs
from plainfilm.metrics.conformal import Bounds, fit_bounds
from plainfilm.metrics.scores import RANKINGS, Score, Statistics, ranking_statistics, ratio_statistics
from plainfilm.predictor.operating_points import Ensembles, OperatingPoint, OperatingPoints
from plainfilm.prompts import Prompts
from plainfilm.tasks.base import Figure, IntervalFigure, Metric, ScoreTable, Series
from plainfilm.tasks.scoring.measure import DescribedScore
from plainfilm.types import Better

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FITTED_ON = "validation"
RANKED = ("auroc", "average_precision")
DECIDED = ("f1", "precision", "recall", "specificity")
HALF = "f1_at_half"
"""F1 of calling positive if more likely than not, that is, if the positive prompt is closer."""

_KINDS: Mapping[str, tuple[str, Better]] = {
    "auroc": ("AUROC", "higher"),
    "average_precision": ("average precision", "higher"),
    "f1": ("F1", "higher"),
    HALF: ("F1 at one half", "higher"),
    "precision": ("precision", "higher"),
    "recall": ("sensitivity", "higher"),
    "specificity": ("specificity", "higher"),
}
"""Title and direction of each kind of score."""


@dataclass(frozen=True)
class Truth:
    """positive, known: (N, C) by `observations`. A column of one class has no score."""

    observations: Sequence[str]
    positive: Mask
    known: Mask

    def part(self, mask: Mask) -> Truth:
        """The items of `mask` (N,) only."""
        return Truth(self.observations, self.positive[mask], self.known[mask])

    @property
    def usable(self) -> Mask:
        """(C,): both classes occur."""
        positive, negative = self.positive & self.known, ~self.positive & self.known
        return np.asarray(positive.any(axis=0) & negative.any(axis=0))

    @property
    def counted(self) -> Mask:
        """(N, C): known, in a column of both classes."""
        return self.known & self.usable

    @property
    def prevalence(self) -> Floats:
        """(C,) share of positives among the known, 0 if nothing is known."""
        return (self.positive & self.known).sum(axis=0) / np.maximum(self.known.sum(axis=0), 1)

    @property
    def one_class(self) -> dict[str, str]:
        """The reasons why observations without images of both classes have no score."""
        reasons = {}
        for column in np.flatnonzero(~self.usable).tolist():
            values = self.positive[self.known[:, column], column]
            only = "unlabelled" if not len(values) else "positive" if values.all() else "negative"
            reasons[self.observations[int(column)]] = f"not computable: all films are {only}"
        return reasons


@dataclass(frozen=True)
class Evaluated:
    """Definitions of scores, with the statistics of the model and of each baseline."""

    scores: list[DescribedScore]
    values: Statistics
    baselines: Mapping[str, Statistics]


@dataclass(frozen=True)
class FilmScores:
    """The scores of N images for C observations.

    groups: scores (N, C), higher is more positive, by their origin. main: the group for decisions; its scores
    are margins: 0 is one half, and a sigmoid of `scale` times the margin is the probability. kept: arrays (N,
    C) by name that are stored with the predictions. without_margin: the reasons why observations have none.
    """

    observations: tuple[str, ...]
    groups: Mapping[str, Floats]
    main: str
    scale: float
    kept: Mapping[str, NDArray]
    without_margin: Mapping[str, str] = field(default_factory=dict)

    @property
    def margin(self) -> Floats:
        """(N, C)."""
        return self.groups[self.main]


@dataclass(frozen=True)
class Fitted:
    """One entry per observation, `None` if the validation images have one class only.

    thresholds: by group, `main` that of the margins. platt: the probability of a margin. scale: the factor of
    margins before a sigmoid, the same for all observations. bounds: of the margins at which labels are
    plausible. positives, negatives: numbers of images.
    """

    thresholds: Mapping[str, Sequence[float | None]]
    platt: Sequence[Platt | None]
    scale: float | None
    bounds: Sequence[Bounds]
    prevalence: Sequence[float | None]
    positives: Sequence[int]
    negatives: Sequence[int]
    main: str


def fit(scores: FilmScores, truth: Truth, criterion: Criterion, miss: float) -> Fitted:
    """Fit all of `Fitted` on validation images."""
    margins = scores.margin
    known = truth.known & np.isfinite(margins)
    columns = range(known.shape[1])
    truths = [truth.positive[known[:, column], column] for column in columns]
    mine = [margins[known[:, column], column] for column in columns]
    return Fitted(
        thresholds={
            group: [
                best_threshold(values[truth.known[:, c], c], truth.positive[truth.known[:, c], c], criterion)
                for c in columns
            ]
            for group, values in scores.groups.items()
        },
        platt=[fit_platt(margin, own) for margin, own in zip(mine, truths, strict=True)],
        scale=fit_scale(margins[known], truth.positive[known]) if known.any() else None,
        bounds=[fit_bounds(margin, own, miss) for margin, own in zip(mine, truths, strict=True)],
        prevalence=[float(own.mean()) if len(own) else None for own in truths],
        positives=[int(own.sum()) for own in truths],
        negatives=[int((~own).sum()) for own in truths],
        main=scores.main,
    )


def as_operating_points(
    fitted: Fitted,
    observations: Sequence[str],
    prompts: Mapping[str, Prompts],
    ensembles: Ensembles,
    miss: float,
    model_fingerprint: str,
    protocol: Mapping[str, Any],
) -> OperatingPoints:
    """The operating points of the `observations` (C) that have `prompts`, even without negative ones."""
    decided = {
        name: _decision(fitted, place, prompts[name])
        for place, name in enumerate(observations)
        if name in prompts
    }
    return OperatingPoints(
        model_fingerprint=model_fingerprint,
        ensembles=ensembles,
        miss=miss,
        temperature=1.0 / fitted.scale if fitted.scale else None,
        observations=decided,
        protocol=dict(protocol),
    )


def _decision(fitted: Fitted, place: int, prompts: Prompts) -> OperatingPoint:
    platt, bounds = fitted.platt[place], fitted.bounds[place]
    return OperatingPoint(
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


def thresholds_document(
    fitted: Fitted | None, observations: Sequence[str], criterion: Criterion, *, on_validation: bool
) -> dict[str, Any]:
    """The protocol's entry on thresholds. on_validation: the validation images are evaluated."""
    if fitted is None:
        why = "the validation films are evaluated" if on_validation else "no labelled films for validation"
        return {"chosen_on": "none", "why": why}
    return {
        "chosen_on": FITTED_ON,
        "best": criterion,
        "values": {
            group: dict(zip(observations, one, strict=True)) for group, one in fitted.thresholds.items()
        },
        "temperature": 1.0 / fitted.scale if fitted.scale else None,
        "positives": dict(zip(observations, fitted.positives, strict=True)),
        "negatives": dict(zip(observations, fitted.negatives, strict=True)),
    }


def observation_scores(
    kind: str, title: str, better: Better, observations: Sequence[str], *, headline: bool = True
) -> list[DescribedScore]:
    """For a kind of score, the macro mean over the observations that have it, then each observation."""
    is_ranking = kind in RANKINGS
    prefix, of_all, of_one = ("score", kind, kind) if is_ranking else (kind, "mean", "ratio")
    parts = tuple(f"{prefix}/{name}" for name in observations)
    single = [
        DescribedScore(f"{kind}/{name}", of_one, (part,), f"{title}, {name}", better)
        for name, part in zip(observations, parts, strict=True)
    ]
    return [DescribedScore(f"{kind}_macro", of_all, parts, f"{title}, macro", better, headline), *single]


def _scores_of(kinds: Sequence[str], observations: Sequence[str]) -> list[DescribedScore]:
    return [score for kind in kinds for score in observation_scores(kind, *_KINDS[kind], observations)]


def number_of_films(score: Score, values: Statistics) -> int:
    """The n of a score: images for which any of its observations is known."""
    names = [part.partition("/")[2] for part in score.parts]
    return int(np.any([values[f"known/{name}"][:, 0] > 0 for name in names], axis=0).sum())


def known_statistics(truth: Truth) -> dict[str, Pairs]:
    """The statistics that `number_of_films` counts."""
    return {f"known/{name}": ratio_statistics(truth.known[:, c]) for c, name in enumerate(truth.observations)}


def score_statistics(scores: Floats, truth: Truth) -> dict[str, Pairs]:
    """Statistics of the rankings of scores (N, C): score/OBSERVATION."""
    codes = truth_codes(truth.positive, truth.counted)
    return {
        f"score/{name}": ranking_statistics(scores[:, c], codes[:, c])
        for c, name in enumerate(truth.observations)
    }


def _decision_statistics(
    called_positive: Floats, truth: Truth, decided: Mask, kinds: Sequence[str]
) -> dict[str, Pairs]:
    """Statistics of `kinds`: called_positive (N, C), 1 for positive; or its probability.

    decided: (C,) observations with a threshold; the others have no such score.
    """
    statistics: dict[str, Pairs] = {}
    for column, name in enumerate(truth.observations):
        enters = (truth.counted[:, column] & decided[column]).astype(np.float64)
        positive, called = truth.positive[:, column] * enters, called_positive[:, column]
        negative = enters - positive
        hits, extra = positive * called, negative * called
        sides = {
            "f1": (2 * hits, hits + extra + positive),
            HALF: (2 * hits, hits + extra + positive),
            "precision": (hits, hits + extra),
            "recall": (hits, positive),
            "specificity": (negative - extra, negative),
        }
        statistics |= {f"{kind}/{name}": ratio_statistics(*sides[kind]) for kind in kinds}
    return statistics


def ranked_and_decided(
    zero_is_half: bool, scores: Floats, thresholds: Sequence[float | None] | None, truth: Truth
) -> Evaluated:
    """For scores (N, C), higher is more positive: rankings, decisions at `thresholds` (C,) if there are any,
    and, with `zero_is_half`, at 0. An observation without scores (NaN) has no score."""
    described = _scores_of(RANKED, truth.observations)
    values = {**known_statistics(truth), **score_statistics(scores, truth)}
    chance = np.tile(truth.prevalence, (len(scores), 1))
    trivial = {"random": chance, "majority": (chance > 0.5).astype(np.float64)}
    baselines: dict[str, dict[str, Pairs]] = {name: {} for name in trivial}
    baselines["random"] |= score_statistics(np.where(np.isfinite(scores), 0.0, np.nan), truth)
    cuts: list[tuple[Floats, tuple[str, ...]]] = []
    if thresholds is not None:
        cuts.append((np.array([np.nan if one is None else one for one in thresholds]), DECIDED))
    if zero_is_half:
        cuts.append((np.zeros(scores.shape[1]), (HALF,)))
    for cut, kinds in cuts:
        decided = np.isfinite(cut) & np.isfinite(scores).any(axis=0)
        described += _scores_of(kinds, truth.observations)
        values |= _decision_statistics((scores >= cut).astype(np.float64), truth, decided, kinds)
        for name, called in trivial.items():
            baselines[name] |= _decision_statistics(called, truth, decided, kinds)
    return Evaluated(described, values, baselines)


def operating_points(
    metrics: Sequence[Metric], groups: Sequence[str], observations: Sequence[str]
) -> dict[str, dict[str, tuple[str, str]]]:
    """By group and observation, the metrics of sensitivity and specificity at its threshold, if any."""
    names = {metric.name for metric in metrics}
    points = {
        group: {one: (f"{group}/recall/{one}", f"{group}/specificity/{one}") for one in observations}
        for group in groups
    }
    return {
        group: known
        for group, own in points.items()
        if (known := {one: pair for one, pair in own.items() if set(pair) <= names})
    }


def observations_table(
    metrics: Sequence[Metric],
    groups: Sequence[str],
    observations: Sequence[str],
    headings: Mapping[str, str] | None = None,
) -> ScoreTable:
    """One row per observation: AUROC of every group, then the other scores of the last group."""
    main, names = groups[-1], {metric.name for metric in metrics}
    wanted = {f"{group}/auroc": f"AUROC, {(headings or {}).get(group, group)}" for group in groups}
    wanted |= {
        f"{main}/average_precision": "average precision",
        f"{main}/f1": "F1",
        f"{main}/recall": "sensitivity",
        f"{main}/specificity": "specificity",
        "abstention/abstains": "abstains",
    }
    columns = {kind: title for kind, title in wanted.items() if f"{kind}/{observations[0]}" in names}
    return ScoreTable(
        title="Observations",
        introduction="Decisions are at the threshold chosen on validation films. A dash is a score that "
        "cannot be computed; point at it for the reason.",
        row_heading="observation",
        columns=tuple(columns.values()),
        rows={name: tuple(f"{kind}/{name}" for kind in columns) for name in observations},
    )


def auroc_figure(
    metrics: Sequence[Metric],
    groups: Sequence[str],
    observations: Sequence[str],
    headings: Mapping[str, str] | None = None,
) -> tuple[Figure, ...]:
    """AUROC per observation, sorted by number of positive images; no figure if none is computable."""
    by_name = {metric.name: metric for metric in metrics}
    support = {name: by_name[f"{groups[0]}/auroc/{name}"].support or 0 for name in observations}
    ordered = sorted(observations, key=lambda name: (support[name], name))
    series = tuple(
        Series(
            (headings or {}).get(group, group),
            tuple(by_name[f"{group}/auroc/{name}"].as_point() for name in ordered),
        )
        for group in groups
    )
    if not any(point for one in series for point in one.points):
        return ()
    return (
        IntervalFigure(
            title="AUROC per observation",
            x_label="AUROC; 95 % interval by patient; (positive films); the grey line is chance",
            rows=tuple(f"{name} ({support[name]})" for name in ordered),
            series=series,
            reference=0.5,
            numbers=tuple(list(observations).index(name) + 1 for name in ordered),
        ),
    )

"""Scores from sufficient statistics: two numbers per item, and their aggregation.

Nearly every retrieval score is a ratio of two sums over items (recall at k, micro precision), a mean of such
ratios (macro), their harmonic mean (the published F1) or a median; nearly every classification score is one
of those or depends on the order of the items' scores (AUROC). The two numbers of every item (`Statistics`)
are sufficient for values, intervals, baselines' intervals and paired differences, all computed by the same
code; when stored, they allow two results to be compared later.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plainfilm.metrics import classification
from plainfilm.metrics.bootstrap import Floats, Interval, PatientBootstrap, Weights, weighted_median
from plainfilm.metrics.coded import Pairs, paired
from plainfilm.metrics.confusion import matthews
from plainfilm.metrics.detection import rank_boxes
from plainfilm.metrics.reports.bleu import corpus_bleu

AREA_UNDER_ROC = "auroc"
RANKINGS = (AREA_UNDER_ROC, "average_precision")
"""Aggregations of `ranking_statistics`."""
BOX_PRECISION = "box_average_precision"
BY_SUPPORT = "auroc_by_support"
AGGREGATIONS = (
    *("ratio", "mean", "strict_mean", "harmonic", "median", "bleu", "matthews"),
    *(*RANKINGS, BY_SUPPORT, BOX_PRECISION),
)
"""The aggregations of the parts of a score to one number."""
_OF_WEIGHTS = ("median", *RANKINGS, BY_SUPPORT, BOX_PRECISION)
"""Those that are no functions of sums over items."""
_RANKED = (*RANKINGS, BY_SUPPORT)
_ROUNDING = 1e-12
"""What is smaller comes from rounding."""


@dataclass(frozen=True)
class Score:
    """A named number aggregated from `parts` (names of statistics) by `aggregation`, one of `AGGREGATIONS`.

    ratio: sum of the numerators over the sum of the denominators of its single part.
    mean: mean of the parts' ratios, over the parts whose denominator is not 0.
    strict_mean: the same with 0 for a part whose denominator is 0.
    harmonic: harmonic mean of the parts' ratios; 0 if one of them is 0.
    median: median of the single part's numerators, over the items whose denominator is not 0.
    bleu: corpus BLEU; the first part holds the lengths, the others the n-grams (`metrics.reports.bleu`).
    matthews: of a confusion of classes; the first part holds what is right, the others the number of items
    that are of a class and that are said to be (`metrics.confusion`).
    auroc, average_precision: mean over the parts (`ranking_statistics`) that have items of both classes.
    auroc_by_support: the same, each part weighted by its number of positive items.
    box_average_precision: mean over the parts (scores and codes of `metrics.detection`) that have true boxes.
    """

    name: str
    aggregation: str
    parts: tuple[str, ...]


Combine = Callable[[Floats], Floats]
"""Values (R, S) of a score of S sides to one value (R,) each."""

Statistics = Mapping[str, Pairs]
"""Sufficient statistics: by name an array (N, 2), the addends of each item to numerator and denominator."""


def ratio_statistics(numerator: ArrayLike, denominator: ArrayLike | None = None) -> Pairs:
    """(N, 2) from N numerators and denominators; the denominators are 1 by default."""
    return paired(numerator, np.ones(np.shape(numerator)) if denominator is None else denominator)


def ranking_statistics(scores: ArrayLike, truth: ArrayLike) -> Pairs:
    """(N, 2) from N scores and their truth codes (`classification.truth_codes`): statistics of `RANKINGS`.

    The numerator is the score and the denominator the code; the code is 0 if the score is not finite.
    """
    values, codes = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    kept = np.isfinite(values)
    return ratio_statistics(np.where(kept, values, 0.0), np.where(kept, codes, classification.UNKNOWN))


def ranking_values(statistics: ArrayLike) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """The scores (...) of ranking statistics (..., 2), whether each counts, and whether it is positive."""
    pairs = np.asarray(statistics, dtype=np.float64)
    codes = pairs[..., 1]
    return pairs[..., 0], codes != classification.UNKNOWN, codes == classification.POSITIVE


def count(score: Score, values: Statistics) -> int:
    """The number of items of the score: those with a non-zero denominator in any part."""
    return int(np.any([values[part][:, 1] > 0 for part in score.parts], axis=0).sum())


def score_values(scores: Sequence[Score], values: Statistics) -> list[float | None]:
    """The value of every score, without resampling; `None` for what cannot be computed."""
    items = len(next(iter(values.values()), ()))
    alone = PatientBootstrap(np.zeros(items))
    return [one.value for one in intervals(scores, values, alone)]


def mean_and_spread(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """The mean of a score over repeated runs, if all have a value, and the standard deviation, if there are
    several.

    >>> mean_and_spread([0.5, 0.7]), mean_and_spread([0.5]), mean_and_spread([0.5, None])
    ((0.6, 0.1414213562373095), (0.5, None), (None, None))
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None, None
    return statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None


def intervals(scores: Sequence[Score], values: Statistics, bootstrap: PatientBootstrap) -> list[Interval]:
    """Value and interval of every score, all from the same resamples."""
    return contrasts(scores, [values], [1.0], bootstrap)


def differences(
    scores: Sequence[Score], first: Statistics, second: Statistics, bootstrap: PatientBootstrap
) -> list[Interval]:
    """`first` minus `second` for every score, over the same items in the same order (paired)."""
    return contrasts(scores, [first, second], [1.0, -1.0], bootstrap)


def contrasts(
    scores: Sequence[Score],
    sides: Sequence[Statistics],
    coefficients: Sequence[float],
    bootstrap: PatientBootstrap,
) -> list[Interval]:
    """Every score of each of S `sides`, over the same items in the same order, times its coefficient, added
    up: the mean over repeats, or its difference from that of another model."""
    weights = np.asarray(coefficients, dtype=np.float64)
    return _combined(scores, sides, lambda values: _added(values, weights), bootstrap)


def ranks(
    score: Score,
    sides: Sequence[Statistics],
    bootstrap: PatientBootstrap,
    *,
    higher: bool = True,
    runs: Sequence[int] | None = None,
) -> list[Interval]:
    """The rank of each of M models by `score`, over the same items in the same order: 1 is the best, and
    equal scores share the mean of their ranks. The interval is that of the rank over the resamples.

    sides: those of the runs of all models in turn. runs: how many each model has, by default one; a model
    with several is ranked by the mean of their scores.
    """
    means = _means_of_runs(runs or [1] * len(sides))
    sign = 1.0 if higher else -1.0
    found = []
    for place in range(means.shape[1]):
        [one] = _combined([score], sides, partial(_rank, means=means, place=place, sign=sign), bootstrap)
        found.append(one)
    return found


def _means_of_runs(runs: Sequence[int]) -> Floats:
    """(S, M) weights that turn the scores of S runs into the means of M models."""
    return np.repeat(np.diag(1.0 / np.asarray(runs, dtype=np.float64)), runs, axis=0)


def _rank(values: Floats, means: Floats, place: int, sign: float) -> Floats:
    """The rank (R,) of model `place` by scores (R, S) of runs; NaN if one of them is not computable."""
    scores = values @ means
    ahead = sign * (scores - scores[:, [place]])
    better, equal = ahead > _ROUNDING, np.abs(ahead) <= _ROUNDING
    rank = 1 + better.sum(axis=1) + (equal.sum(axis=1) - 1) / 2
    return np.where(np.isfinite(scores).all(axis=1), rank, np.nan)


def _combined(
    scores: Sequence[Score], sides: Sequence[Statistics], combine: Combine, bootstrap: PatientBootstrap
) -> list[Interval]:
    """Every score of the S `sides` together: `combine` takes values (R, S) of a score and returns (R,)."""
    summed = [score for score in scores if score.aggregation not in _OF_WEIGHTS]
    names = _parts(summed)
    by_name: dict[str, Interval] = {}
    if summed:
        places = {name: place for place, name in enumerate(names)}

        def addends(rows: NDArray[np.int64]) -> Floats:
            own = [np.stack([side[name][rows] for name in names], axis=1) for side in sides]
            return np.stack(own, axis=1).astype(np.float64, copy=False)

        solved = bootstrap.of_sums(addends, lambda sums: _scores_of_sums(summed, sums, places, combine))
        by_name = {score.name: interval for score, interval in zip(summed, solved, strict=True)}
    for kinds, solve in ((_RANKED, _ranked), ((BOX_PRECISION,), _box_precision)):
        own = [score for score in scores if score.aggregation in kinds]
        if own:
            solved = solve(own, sides, combine, bootstrap)
            by_name |= {score.name: interval for score, interval in zip(own, solved, strict=True)}
    for score in scores:
        if score.aggregation == "median":
            by_name[score.name] = _median(score, sides, combine, bootstrap)
    return [by_name[score.name] for score in scores]


def _scores_of_sums(
    scores: Sequence[Score], sums: Floats, places: Mapping[str, int], combine: Combine
) -> Floats:
    """Scores (R, M) from sums (R, S, parts, 2): those of the sides, combined."""
    ratios = np.full(sums.shape[:-1], np.nan)
    np.divide(sums[..., 0], sums[..., 1], out=ratios, where=sums[..., 1] > 0)
    columns = []
    for score in scores:
        own = [places[part] for part in score.parts]
        whole = {"bleu": corpus_bleu, "matthews": matthews}.get(score.aggregation)
        reduced = whole(sums[:, :, own]) if whole else _aggregate(score.aggregation, ratios[:, :, own])
        columns.append(combine(reduced))
    return np.stack(columns, axis=1)


def _added(sides: Floats, coefficients: Floats) -> Floats:
    """Scores (R, S) of sides times their coefficients (S,), added up; equal scores differ by exactly 0."""
    added = sides @ coefficients
    return np.where(np.abs(added) < _ROUNDING, 0.0, added)


def _aggregate(aggregation: str, ratios: Floats) -> Floats:
    if aggregation == "ratio":
        return ratios[..., 0]
    if aggregation == "strict_mean":
        return np.nan_to_num(ratios, nan=0.0).mean(axis=-1)
    if aggregation == "mean":
        return _mean_of_known(ratios)
    inverse = np.divide(1.0, ratios, out=np.full(ratios.shape, np.inf), where=ratios != 0)
    return ratios.shape[-1] / inverse.sum(axis=-1)


def _mean_of_known(values: Floats) -> Floats:
    known = np.isfinite(values)
    total, parts = np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1)
    return np.divide(total, parts, out=np.full(total.shape, np.nan), where=parts > 0)


def _ranked(
    scores: Sequence[Score], sides: Sequence[Statistics], combine: Combine, bootstrap: PatientBootstrap
) -> list[Interval]:
    """Scores of `RANKINGS` and of `BY_SUPPORT`, with all parts of all sides presorted once."""
    names = _parts(scores)
    columns = [side[name] for side in sides for name in names]
    presorted = classification.rank_each((one[:, 0], one[:, 1]) for one in columns)
    is_weighted = any(score.aggregation == BY_SUPPORT for score in scores)
    positive = None
    if is_weighted:
        is_positive = [one[:, 1] == classification.POSITIVE for one in columns]
        positive = np.stack(is_positive, axis=1).astype(np.float64)
    shape = (len(sides), len(names))

    def statistic(weights: Weights) -> Floats:
        values = presorted.under(weights).reshape(len(weights), *shape, len(RANKINGS))
        support = None if positive is None else (weights @ positive).reshape(len(weights), *shape)
        solved = []
        for score in scores:
            places = [names.index(part) for part in score.parts]
            if support is not None and score.aggregation == BY_SUPPORT:
                mean = _weighted_mean(values[:, :, places, 0], support[:, :, places])
            else:
                mean = _mean_of_known(values[:, :, places, RANKINGS.index(score.aggregation)])
            solved.append(combine(mean))
        return np.stack(solved, axis=1)

    return bootstrap.of_weights(statistic)


def _box_precision(
    scores: Sequence[Score], sides: Sequence[Statistics], combine: Combine, bootstrap: PatientBootstrap
) -> list[Interval]:
    """Scores of `BOX_PRECISION`, with all parts of all sides presorted once."""
    names = _parts(scores)
    columns = np.stack([side[name] for side in sides for name in names], axis=1)
    presorted = rank_boxes(columns[..., 0], columns[..., 1])

    def statistic(weights: Weights) -> Floats:
        values = presorted.under(weights).reshape(len(weights), len(sides), len(names))
        parts = ([names.index(part) for part in score.parts] for score in scores)
        return np.stack([combine(_mean_of_known(values[:, :, own])) for own in parts], axis=1)

    return bootstrap.of_weights(statistic)


def _parts(scores: Sequence[Score]) -> list[str]:
    return sorted({part for score in scores for part in score.parts})


def _weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Over the last axis, of the values that are numbers."""
    kept = np.where(np.isfinite(values), weights, 0.0)
    total, whole = (kept * np.nan_to_num(values)).sum(axis=-1), kept.sum(axis=-1)
    return np.divide(total, whole, out=np.full(total.shape, np.nan), where=whole > 0)


def _median(
    score: Score, sides: Sequence[Statistics], combine: Combine, bootstrap: PatientBootstrap
) -> Interval:
    columns = [side[score.parts[0]] for side in sides]

    def statistic(weights: Weights) -> Floats:
        medians = [weighted_median(column[:, 0], weights * (column[:, 1] > 0)) for column in columns]
        return combine(np.stack(medians, axis=1))

    return bootstrap.of_weights(statistic)[0]

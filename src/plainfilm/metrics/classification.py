"""Scores of binary classification: AUROC, average precision, and the scores at a threshold.

All are functions of N scores (higher is more positive) and N truths. Ties are exact: equal scores count half
in AUROC (Mann and Whitney 1947) and share one threshold in average precision, so a model with constant scores
gets 0.5 and the prevalence. A score that cannot be computed, because one class is missing, is NaN, never 0 or
0.5, and `macro` leaves it out.

For intervals, `Ranked` sorts every column once and then scores it under any integer weights of the items in
one pass, thousands of resamples a second (`Ranked.under`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import prange
from numpy.typing import ArrayLike, NDArray

from plainfilm.compiled import njit
from plainfilm.metrics.bootstrap import LANES

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
Criterion = Literal["f1", "youden"]

UNKNOWN, NEGATIVE, POSITIVE = 0, 1, 2
"""Codes of an item's truth: left out, negative, positive."""


@njit(inline="always")
def _add(total, weight):  # type: ignore[no-untyped-def]
    for lane in range(len(total)):
        total[lane] += weight[lane]


@njit(inline="always")
def _miss(weight, hits, misses, pairs):  # type: ignore[no-untyped-def]
    """Count a negative item without ties: every hit so far ranks above it."""
    for lane in range(len(hits)):
        misses[lane] += weight[lane]
        pairs[lane] += 2.0 * weight[lane] * hits[lane]


@njit(inline="always", error_model="numpy")
def _close_ties(tied_hits, tied_misses, hits, misses, pairs, precision):  # type: ignore[no-untyped-def]
    """Count the items of one score: hits above them in full, tied hits by half."""
    for lane in range(len(hits)):
        pairs[lane] += tied_misses[lane] * (2.0 * hits[lane] + tied_hits[lane])
        hits[lane] += tied_hits[lane]
        misses[lane] += tied_misses[lane]
        precision[lane] += tied_hits[lane] * hits[lane] / max(hits[lane] + misses[lane], 1.0)
        tied_hits[lane] = tied_misses[lane] = 0.0


@njit(parallel=True, error_model="numpy")
def _ranking_scores(weights, order, positive, first, last, sizes, scores):  # type: ignore[no-untyped-def]
    """AUROC and average precision into `scores` (B, C, 2, L), in one pass over each presorted column.

    weights: (B, N, L) integers, L resamples side by side so that each step works on all of them at once.
    order: (C, N) items by descending score, of which the first `sizes` (C,) count. positive, first, last:
    (C, N), whether the item is positive, and the first and the last of its ties.
    """
    columns, lanes = len(order), weights.shape[2]
    for job in prange(len(weights) * columns):
        block, column = job // columns, job % columns
        hits, misses, pairs = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        precision, tied_hits, tied_misses = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
        for place in range(sizes[column]):
            weight = weights[block, order[column, place]]
            ends = last[column, place]
            if positive[column, place]:
                _add(tied_hits, weight)
            elif ends and first[column, place]:
                _miss(weight, hits, misses, pairs)
                continue
            else:
                _add(tied_misses, weight)
            if ends:
                _close_ties(tied_hits, tied_misses, hits, misses, pairs, precision)
        for lane in range(lanes):
            computable = hits[lane] > 0 and misses[lane] > 0
            scores[block, column, 0, lane] = (
                pairs[lane] / (2.0 * hits[lane] * misses[lane]) if computable else np.nan
            )
            scores[block, column, 1, lane] = precision[lane] / hits[lane] if computable else np.nan


@dataclass(frozen=True)
class Ranked:
    """C columns of N scores, sorted once; build one with `rank`.

    order: (C, N) items by descending score, counted ones first. positive, first, last: (C, N) of the items in
    that order: positive, the first and the last of its ties. sizes: (C,) the number of counted items.
    """

    order: NDArray[np.int32]
    positive: Truth
    first: Truth
    last: Truth
    sizes: NDArray[np.int64]

    def under(self, weights: ArrayLike) -> Floats:
        """AUROC and average precision (R, C, 2) under each row of integer item weights (R, N)."""
        rows = np.asarray(weights)
        lanes = min(LANES, max(1, len(rows)))
        blocks = -(-len(rows) // lanes)
        side_by_side = np.zeros((blocks, rows.shape[1], lanes), dtype=np.float32)
        for block in range(blocks):
            own = rows[block * lanes : (block + 1) * lanes]
            side_by_side[block, :, : len(own)] = own.T
        scores = np.empty((blocks, len(self.order), 2, lanes))
        _ranking_scores(side_by_side, self.order, self.positive, self.first, self.last, self.sizes, scores)
        return np.moveaxis(scores, 3, 1).reshape(blocks * lanes, len(self.order), 2)[: len(rows)]


def rank(scores: ArrayLike, truth: ArrayLike) -> Ranked:
    """Sort scores (N, C) with truths (N, C) of `UNKNOWN`, `NEGATIVE` or `POSITIVE`.

    An item with a non-finite score does not count in its column.
    """
    return rank_each(zip(np.asarray(scores).T, np.asarray(truth).T, strict=True))


def rank_each(columns: Iterable[tuple[ArrayLike, ArrayLike]]) -> Ranked:
    """As `rank`, for C pairs of scores (N,) and truths (N,), of which one is held at a time."""
    found = [_sorted(*map(np.asarray, pair)) for pair in columns]
    if not found:
        none = np.empty((0, 0), dtype=bool)
        return Ranked(none.astype(np.int32), none, none, none, np.empty(0, dtype=np.int64))
    order, positive, first, last, sizes = map(np.stack, zip(*found, strict=True))
    return Ranked(order, positive, first, last, sizes)


def _sorted(scores: NDArray[Any], codes: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """The fields of `Ranked` for one column."""
    values = scores.astype(np.float64, copy=False)
    counts = (codes != UNKNOWN) & np.isfinite(values)
    keys = np.where(counts, -values, np.inf)
    order = np.argsort(keys, kind="stable").astype(np.int32)
    first, last = np.ones((2, len(values)), dtype=bool)
    first[1:] = last[:-1] = keys[order[:-1]] != keys[order[1:]]
    return order, codes[order] == POSITIVE, first, last, counts.sum()


def truth_codes(positive: ArrayLike, known: ArrayLike | None = None) -> NDArray[np.int8]:
    """Truth codes from masks of positive and of known items (by default all), with the same shape."""
    codes = np.where(np.asarray(positive, dtype=bool), POSITIVE, NEGATIVE)
    return (codes if known is None else np.where(known, codes, UNKNOWN)).astype(np.int8)


def auroc(scores: ArrayLike, truth: ArrayLike) -> float:
    """Probability that a positive scores higher than a negative, ties counting half; NaN for one class.

    >>> auroc([0.1, 0.4, 0.4, 0.8], [False, False, True, True])
    0.875
    """
    return float(_one_column(scores, truth)[0])


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float:
    """Mean precision over the positives, each at its threshold; NaN for one class.

    The step-wise sum of scikit-learn, without interpolation.

    >>> average_precision([0.9, 0.8, 0.1], [True, False, True])
    0.8333333333333333
    """
    return float(_one_column(scores, truth)[1])


def _one_column(scores: ArrayLike, truth: ArrayLike) -> Floats:
    values = np.asarray(scores, dtype=np.float64)[:, None]
    column = rank(values, truth_codes(np.asarray(truth, dtype=bool)[:, None]))
    return column.under(np.ones((1, len(values))))[0, 0]


@dataclass(frozen=True)
class Confusion:
    """Counts of outcomes at a threshold: true and false positives, false and true negatives."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def precision(self) -> float:
        """Of the predicted positives, the share that is positive; NaN without predicted positives."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Sensitivity: of the positives, the share predicted; NaN without positives."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Of the negatives, the share predicted; NaN without negatives."""
        return _share(self.true_negative, self.true_negative + self.false_positive)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN without actual and predicted positives."""
        return _share(
            2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative
        )


def confusion(scores: ArrayLike, truth: ArrayLike, threshold: float) -> Confusion:
    """The outcomes if every score of at least `threshold` is predicted positive; NaN does not count."""
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    known = ~np.isnan(values)
    predicted, positive = values[known] >= threshold, positive[known]
    cells = (predicted & positive, predicted & ~positive, ~predicted & positive, ~predicted & ~positive)
    return Confusion(*(int(cell.sum()) for cell in cells))


def best_threshold(scores: ArrayLike, truth: ArrayLike, criterion: Criterion = "f1") -> float | None:
    """The best threshold on these scores, for use on others; `None` if one class is missing.

    f1: the highest F1. youden: the highest sensitivity + specificity (Youden 1950). Of equally good
    thresholds, the highest is taken. It lies half-way to the next lower score, for unseen scores; where no
    double lies between the two, it is the higher score, as scores at the threshold are positive.
    """
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    kept = np.isfinite(values)
    values, positive = values[kept], positive[kept]
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    ends = np.flatnonzero(np.append(ordered[:-1] != ordered[1:], True))
    hits = np.cumsum(positive[order])[ends]
    misses = ends + 1 - hits
    f1, youden = 2 * hits / (ends + 1 + hits[-1]), hits / hits[-1] - misses / misses[-1]
    worth = f1 if criterion == "f1" else youden
    best = ends[int(np.argmax(worth))]
    lower = ordered[best + 1] if best + 1 < len(ordered) else ordered[best]
    middle = ordered[best] + (lower - ordered[best]) / 2
    return float(middle if middle > lower else ordered[best])


def argmax_credit(scores: ArrayLike, truth: ArrayLike) -> Floats:
    """Whether the highest of C scores (N, C) is the right class `truth` (N,): 1, 0, or 1/n if n are tied.

    Its mean is multi-class accuracy, averaged over the orders of tied classes.
    """
    values = np.asarray(scores, dtype=np.float64)
    best = values == values.max(axis=1, keepdims=True)
    right = np.take_along_axis(best, np.asarray(truth, dtype=np.int64)[:, None], axis=1)[:, 0]
    return right / best.sum(axis=1)


def macro(values: ArrayLike) -> float:
    """The mean over the classes that can be computed; NaN if none can.

    >>> macro([0.5, float("nan"), 0.75])
    0.625
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[np.isfinite(numbers)]
    return float(known.mean()) if len(known) else float("nan")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")

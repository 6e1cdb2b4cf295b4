"""How well scores tell positive from negative: AUROC, average precision, and the scores at a threshold.

All are functions of N scores (higher is more positive) and N truths. Ties are exact: equal scores count half
in AUROC (Mann and Whitney 1947) and stand at one threshold in average precision, so a model that scores all
alike gets 0.5 and the prevalence. What cannot be computed, because only one class is there, is NaN: it is
never 0 or 0.5, and `macro` leaves it out.

For intervals, `Ranked` sorts every column once and then scores it under any integer weights of the items
in one pass, thousands of resamples a second (`Ranked.under`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
Criterion = Literal["f1", "youden"]

UNKNOWN, NEGATIVE, POSITIVE = 0, 1, 2
"""Codes of an item's truth: left out, negative, positive."""
LANES = 16
"""Resamples scored side by side: a cache line of weights per item."""


@njit(cache=True, inline="always")
def _add(total, weight):  # type: ignore[no-untyped-def]
    for lane in range(len(total)):
        total[lane] += weight[lane]


@njit(cache=True, inline="always")
def _miss(weight, hits, misses, pairs):  # type: ignore[no-untyped-def]
    """A negative item that ties with nothing: every hit so far stands above it."""
    for lane in range(len(hits)):
        misses[lane] += weight[lane]
        pairs[lane] += 2.0 * weight[lane] * hits[lane]


@njit(cache=True, inline="always", error_model="numpy")
def _close_ties(tied_hits, tied_misses, hits, misses, pairs, precision):  # type: ignore[no-untyped-def]
    """Counts the items of one score: hits above them in full, hits among them by half."""
    for lane in range(len(hits)):
        pairs[lane] += tied_misses[lane] * (2.0 * hits[lane] + tied_hits[lane])
        hits[lane] += tied_hits[lane]
        misses[lane] += tied_misses[lane]
        precision[lane] += tied_hits[lane] * hits[lane] / max(hits[lane] + misses[lane], 1.0)
        tied_hits[lane] = tied_misses[lane] = 0.0


@njit(cache=True, parallel=True, error_model="numpy")
def _ranking_scores(weights, order, positive, first, last, sizes, found):  # type: ignore[no-untyped-def]
    """AUROC and average precision into `found` (B, C, 2, L), in one pass over each presorted column.

    weights: (B, N, L) whole numbers, L resamples side by side so that each step works on all of them at once.
    order: (C, N) items from the highest score on, of which the first `sizes` (C,) count. positive, first,
    last: (C, N), whether the item is positive, and the first and the last of its ties.
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
            found[block, column, 0, lane] = (
                pairs[lane] / (2.0 * hits[lane] * misses[lane]) if computable else np.nan
            )
            found[block, column, 1, lane] = precision[lane] / hits[lane] if computable else np.nan


@dataclass(frozen=True)
class Ranked:
    """C columns of N scores, sorted once; build one with `rank`.

    order: (C, N) items by falling score, those that count first. positive, first, last: (C, N) of the items
    in that order: positive, the first and the last of its ties. sizes: (C,) how many count.
    """

    order: NDArray[np.int32]
    positive: Truth
    first: Truth
    last: Truth
    sizes: NDArray[np.int64]

    def under(self, weights: ArrayLike) -> Floats:
        """AUROC and average precision (R, C, 2) under each row of integer item weights (R, N)."""
        rows = np.asarray(weights)
        blocks = -(-len(rows) // LANES)
        padded = np.zeros((blocks * LANES, rows.shape[1]), dtype=np.float32)
        padded[: len(rows)] = rows
        side_by_side = np.ascontiguousarray(padded.reshape(blocks, LANES, -1).swapaxes(1, 2))
        found = np.empty((blocks, len(self.order), 2, LANES))
        _ranking_scores(side_by_side, self.order, self.positive, self.first, self.last, self.sizes, found)
        return np.moveaxis(found, 3, 1).reshape(blocks * LANES, len(self.order), 2)[: len(rows)]


def rank(scores: ArrayLike, truth: ArrayLike) -> Ranked:
    """Sorts scores (N, C) with truths (N, C) of `UNKNOWN`, `NEGATIVE` or `POSITIVE`.

    An item whose score is not finite does not count in its column.
    """
    values, codes = np.asarray(scores, dtype=np.float64).T, np.asarray(truth).T
    counts = (codes != UNKNOWN) & np.isfinite(values)
    keys = np.where(counts, -values, np.inf)
    order = np.argsort(keys, axis=1, kind="stable")
    ordered = np.take_along_axis(keys, order, axis=1)
    edge = np.ones((len(ordered), ordered.shape[1] + 1), dtype=bool)
    edge[:, 1:-1] = ordered[:, :-1] != ordered[:, 1:]
    positive = np.take_along_axis(codes == POSITIVE, order, axis=1)
    sizes = counts.sum(axis=1)
    return Ranked(order.astype(np.int32), positive, edge[:, :-1].copy(), edge[:, 1:].copy(), sizes)


def truth_codes(positive: ArrayLike, known: ArrayLike | None = None) -> NDArray[np.int8]:
    """Truth codes of the same shape from what is positive and what is known (by default all)."""
    codes = np.where(np.asarray(positive, dtype=bool), POSITIVE, NEGATIVE)
    return (codes if known is None else np.where(known, codes, UNKNOWN)).astype(np.int8)


def auroc(scores: ArrayLike, truth: ArrayLike) -> float:
    """Chance that a positive scores higher than a negative, ties counting half; NaN for one class.

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
    """Counts at a threshold: positives said to be so, negatives said to be positive, and so on."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def precision(self) -> float:
        """Of those said to be positive, the share that is; NaN where none is said to be."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Sensitivity: of the positives, the share found; NaN where there are none."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Of the negatives, the share called so; NaN where there are none."""
        return _share(self.true_negative, self.true_negative + self.false_positive)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN where nothing is positive and nothing said to be."""
        return _share(
            2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative
        )


def confusion(scores: ArrayLike, truth: ArrayLike, threshold: float) -> Confusion:
    """What calling every score of at least `threshold` positive gives."""
    said, positive = np.asarray(scores) >= threshold, np.asarray(truth, dtype=bool)
    cells = (said & positive, said & ~positive, ~said & positive, ~said & ~positive)
    return Confusion(*(int(cell.sum()) for cell in cells))


def best_threshold(scores: ArrayLike, truth: ArrayLike, criterion: Criterion = "f1") -> float | None:
    """The threshold that is best on these scores, to be used on others; `None` where one class is missing.

    f1: the highest F1. youden: the highest sensitivity + specificity (Youden 1950). Equally good thresholds
    go to the highest. It stands half-way to the next lower score, so that it holds for unseen scores.
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
    return float(ordered[best] + (lower - ordered[best]) / 2)


def argmax_credit(scores: ArrayLike, truth: ArrayLike) -> Floats:
    """Whether the highest of C scores (N, C) is the right class `truth` (N,): 1, 0, or 1 in n of n tied.

    Its mean is multi-class accuracy, in the mean over the orders of tied classes.
    """
    values = np.asarray(scores, dtype=np.float64)
    best = values == values.max(axis=1, keepdims=True)
    right = np.take_along_axis(best, np.asarray(truth, dtype=np.int64)[:, None], axis=1)[:, 0]
    return right / best.sum(axis=1)


def macro(values: ArrayLike) -> float:
    """The mean over the classes that can be computed; NaN where none can.

    >>> macro([0.5, float("nan"), 0.75])
    0.625
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[np.isfinite(numbers)]
    return float(known.mean()) if len(known) else float("nan")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")

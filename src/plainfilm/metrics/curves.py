"""ROC and precision-recall curves, exact at ties, and the mean of several.

A curve is its points (x, y) with x ascending. Thresholds between equal scores do not exist: tied items enter
together, so that a constant score has the diagonal for its ROC curve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Points = tuple[Floats, Floats]

GRID = np.linspace(0.0, 1.0, 201)
"""The x of mean curves."""


def roc_curve(scores: ArrayLike, truth: ArrayLike) -> Points:
    """1 - specificity and sensitivity, from (0, 0) to (1, 1), at every threshold; both classes must occur."""
    hits, misses = _counts(scores, truth)
    return misses / misses[-1], hits / hits[-1]


def precision_recall_curve(scores: ArrayLike, truth: ArrayLike) -> Points:
    """Recall and precision at every threshold, and (0, precision of the highest); a positive must occur."""
    hits, misses = (counts[1:] for counts in _counts(scores, truth))
    recall, precision = hits / hits[-1], hits / (hits + misses)
    return np.concatenate([[0.0], recall]), np.concatenate([precision[:1], precision])


def mean_roc(curves: Sequence[Points]) -> Points:
    """The mean sensitivity of ROC curves at `GRID` (vertical averaging, Fawcett 2006), from (0, 0)."""
    heights = [_heights(x, y) for x, y in curves]
    return np.concatenate([[0.0], GRID]), np.concatenate([[0.0], np.mean(heights, axis=0)])


def mean_precision_recall(curves: Sequence[Points]) -> Points:
    """The mean precision of precision-recall curves at `GRID`: that of the first threshold that reaches a
    recall, without interpolation, as average precision takes it."""
    heights = [y[np.minimum(np.searchsorted(x, GRID - 1e-12), len(x) - 1)] for x, y in curves]
    return GRID, np.mean(heights, axis=0)


def sensitivity_at(scores: ArrayLike, truth: ArrayLike, specificity: float) -> float:
    """The highest sensitivity at a threshold with at least this specificity."""
    false_positive, sensitivity = roc_curve(scores, truth)
    return float(sensitivity[false_positive <= 1.0 - specificity + 1e-12].max())


def thinned(points: Points, most: int = 400) -> Points:
    """At most about `most` points of a curve for a drawing: its ends, and points apart by x or by y."""
    x, y = points
    if len(x) <= most:
        return points
    steps = np.floor(np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0]))) * most / 2)
    kept = np.flatnonzero(np.append(steps[1:] != steps[:-1], True) | (np.arange(len(x)) == 0))
    return x[kept], y[kept]


def _counts(scores: ArrayLike, truth: ArrayLike) -> Points:
    """Positives and negatives at or above every distinct score, the highest first, after (0, 0)."""
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    hits = np.cumsum(positive[order])[ends]
    start = np.zeros(1)
    return np.concatenate([start, hits]), np.concatenate([start, ends + 1.0 - hits])


def _heights(x: Floats, y: Floats) -> Floats:
    """The y of a curve at `GRID`: on the line between two points, the highest where it rises straight up."""
    left = np.searchsorted(x, GRID, side="right") - 1
    right = np.minimum(left + 1, len(x) - 1)
    width = x[right] - x[left]
    share = np.divide(GRID - x[left], width, out=np.zeros(len(GRID)), where=width > 0)
    return y[left] + share * (y[right] - y[left])

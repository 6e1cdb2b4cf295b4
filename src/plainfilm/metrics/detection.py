"""Average precision of scored boxes, equal to that of pycocotools.

Boxes of one image and class are matched as in COCO (Lin et al. 2014, arXiv:1405.0312): in descending order of
score each takes the true box of the highest overlap that is still free, if that overlap is at least the
threshold. Precision is interpolated at 101 recalls. A class without a true box has no score.

A box then is a hit or false, a true box found or missed; that is all that average precision depends on. Rows
of codes and scores are therefore sufficient statistics: one row per box and one per true box, in the order of
the images, as equal scores count in the order of their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import prange
from numpy.typing import ArrayLike, NDArray

from plainfilm.compiled import njit
from plainfilm.geometry import Boxes, box_iou_xyxy
from plainfilm.metrics.classification import Floats

UNKNOWN, FALSE, HIT, MISSED = 0, 1, 2, 3
"""Codes of a row: nothing, a box that hits no true box, one that does, a true box that no box hits."""
IOU_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Of the published mean average precision of ChEX (arXiv:2404.15770)."""
RECALLS = np.linspace(0.0, 1.0, 101)

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Matches:
    """Of K boxes in descending order of score with M true boxes, at T thresholds.

    order: (K,) the boxes in that order. taken: (T, K) the true box that each of them hits, -1 for none.
    """

    order: Ints
    taken: Ints

    def found(self, true: int) -> NDArray[np.bool_]:
        """(T, M): whether each of `true` M boxes is hit."""
        return np.stack([np.isin(np.arange(true), row) for row in self.taken])


def match_boxes(
    boxes_xyxy: Boxes,
    scores: ArrayLike,
    true_xyxy: Boxes,
    thresholds: Sequence[float] = IOU_THRESHOLDS,
    ignored: ArrayLike | None = None,
) -> Matches:
    """Match boxes (K, 4) with `scores` (K,) to true boxes (M, 4) of one image and class.

    ignored: (M,) true boxes that are only hit where no other can be, such as those of another size.
    """
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    order = np.argsort(-values, kind="stable")
    overlaps = box_iou_xyxy(np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)[order], true_xyxy)
    aside = np.zeros(overlaps.shape[1], dtype=bool) if ignored is None else np.asarray(ignored, dtype=bool)
    last = np.argsort(aside, kind="stable")
    taken = np.full((len(thresholds), len(order)), -1, dtype=np.int64)
    for place, threshold in enumerate(thresholds):
        free = np.ones(len(aside), dtype=bool)
        for row, own in enumerate(overlaps):
            best = _best(own, free, aside, last, threshold)
            if best >= 0:
                free[best], taken[place, row] = False, best
    return Matches(order, taken)


def _best(own: Floats, free: NDArray, aside: NDArray, last: Ints, threshold: float) -> int:
    """The free true box of the highest overlap; of equal ones the last, as in pycocotools."""
    least, best = min(threshold, 1 - 1e-10), -1
    for true in last.tolist():
        if not free[true] or own[true] < least:
            continue
        if best >= 0 and aside[true] and not aside[best]:
            break
        least, best = own[true], true
    return best


@dataclass(frozen=True)
class RankedBoxes:
    """C columns of N rows, sorted once; build one with `rank_boxes`.

    order: (C, N) the rows that are boxes by descending score, ties in their order. codes: (C, N) of the rows.
    sizes: (C,) the number of boxes.
    """

    order: NDArray[np.int32]
    codes: NDArray[np.int8]
    sizes: Ints

    def under(self, weights: ArrayLike) -> Floats:
        """Average precision (R, C) under each row of integer row weights (R, N); NaN without true boxes."""
        rows = np.ascontiguousarray(weights, dtype=np.float64)
        precision = np.empty((len(rows), len(self.order)))
        _average_precision(rows, self.order, self.codes, self.sizes, RECALLS, precision)
        return precision


def rank_boxes(scores: ArrayLike, codes: ArrayLike) -> RankedBoxes:
    """Sort rows by `scores` (N, C), whose `codes` (N, C) are `UNKNOWN`, `FALSE`, `HIT` or `MISSED`."""
    values, kinds = np.asarray(scores, dtype=np.float64).T, np.asarray(codes).T.astype(np.int8)
    is_box = (kinds == FALSE) | (kinds == HIT)
    order = np.argsort(np.where(is_box, -values, np.inf), axis=1, kind="stable")
    return RankedBoxes(order.astype(np.int32), np.ascontiguousarray(kinds), is_box.sum(axis=1))


def average_precision(scores: ArrayLike, codes: ArrayLike) -> float:
    """Average precision of rows with `scores` (N,) and `codes` (N,); NaN without true boxes."""
    ranked = rank_boxes(np.asarray(scores)[:, None], np.asarray(codes)[:, None])
    return float(ranked.under(np.ones((1, len(np.asarray(codes)))))[0, 0])


@njit(parallel=True)
def _average_precision(weights, order, codes, sizes, recalls, out):  # type: ignore[no-untyped-def]
    columns, rows = order.shape
    for job in prange(len(weights) * columns):
        draw, column = job // columns, job % columns
        weight, code = weights[draw], codes[column]
        true = 0.0
        for row in range(rows):
            if code[row] >= HIT:
                true += weight[row]
        if true == 0.0:
            out[draw, column] = np.nan
            continue
        recall, precision = np.empty(sizes[column]), np.empty(sizes[column])
        hits, misses, steps = 0.0, 0.0, 0
        for place in range(sizes[column]):
            row = order[column, place]
            if code[row] == FALSE:
                misses += weight[row]
            elif weight[row] > 0.0:
                hits += weight[row]
                recall[steps] = hits / true
                precision[steps] = hits / (hits + misses + np.finfo(np.float64).eps)
                steps += 1
        total, best, point = 0.0, 0.0, len(recalls) - 1
        for step in range(steps - 1, -1, -1):
            while point >= 0 and recalls[point] > recall[step]:
                total += best
                point -= 1
            best = max(best, precision[step])
        total += best * (point + 1)
        out[draw, column] = total / len(recalls)

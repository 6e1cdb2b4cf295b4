"""Scores of one answer to a phrase: areas, the pointing game, contrast to noise.

Boxes are (x0, y0, x1, y1) in any one unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plainfilm.geometry import Boxes, box_iou_xyxy

Floats = NDArray[np.float64]


def covered_areas(first_xyxy: Boxes, second_xyxy: Boxes) -> tuple[float, float]:
    """The areas covered by boxes of both sets, and of either; boxes (K, 4) and (M, 4) may overlap.

    With whole numbers these are the numbers of pixels of the two masks.
    """
    every = np.concatenate([np.asarray(one, np.float64).reshape(-1, 4) for one in (first_xyxy, second_xyxy)])
    xs, ys = np.unique(every[:, [0, 2]]), np.unique(every[:, [1, 3]])
    if len(xs) < 2 or len(ys) < 2:
        return 0.0, 0.0
    middles = tuple(np.asarray((edges[1:] + edges[:-1]) / 2, np.float64) for edges in (xs, ys))
    cells = np.outer(np.diff(ys), np.diff(xs))
    count = len(np.asarray(first_xyxy).reshape(-1, 4))
    first, second = (_is_inside(boxes, *middles) for boxes in (every[:count], every[count:]))
    return float(cells[first & second].sum()), float(cells[first | second].sum())


def _is_inside(boxes: Boxes, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """(Y, X): whether a point (x, y) lies in a box."""
    columns = (x >= boxes[:, 0, None]) & (x < boxes[:, 2, None])
    rows = (y >= boxes[:, 1, None]) & (y < boxes[:, 3, None])
    inside: NDArray[np.bool_] = np.any(rows[:, :, None] & columns[:, None, :], axis=0)
    return inside


def painted(boxes_xyxy: Boxes, values: ArrayLike, side: int) -> Floats:
    """A grid (side, side) of the highest of `values` (K,) of the boxes (K, 4), in cells, at the centre of
    each cell; 0 where there is none."""
    centres, grid = np.arange(side) + 0.5, np.zeros((side, side))
    for box, value in zip(np.asarray(boxes_xyxy).reshape(-1, 4), np.asarray(values), strict=True):
        inside = _is_inside(box[None], centres, centres)
        grid[inside] = np.maximum(grid[inside], value)
    return grid


def is_pointed(point: tuple[float, float], true_xyxy: Boxes) -> bool:
    """Whether (x, y) lies in one of the boxes (M, 4): the pointing game (Zhang et al. 2018,
    arXiv:1608.00507), without its margin of 15 pixels."""
    x, y = point
    boxes = np.asarray(true_xyxy, dtype=np.float64).reshape(-1, 4)
    inside = (boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3])
    return bool(inside.any())


def contrast_to_noise(values: Floats, inside: NDArray[np.bool_]) -> float:
    """(mean inside - mean outside) / sqrt(variance inside + variance outside) of a map, values that are not
    numbers left out; 0 for a map without variance, NaN where either part is empty.

    BioViL (arXiv:2204.09817) takes the absolute value, by which a map that is low inside scores well.
    """
    known = np.isfinite(values)
    own, other = values[known & inside], values[known & ~inside]
    if not len(own) or not len(other):
        return float("nan")
    noise = float(np.sqrt(own.var() + other.var()))
    return float(own.mean() - other.mean()) / noise if noise > 0 else 0.0


def best_overlaps(boxes_xyxy: Boxes, true_xyxy: Boxes) -> Floats:
    """(M,) the highest overlap of each true box with any of the boxes; 0 without boxes."""
    overlaps = box_iou_xyxy(boxes_xyxy, true_xyxy)
    found: Floats = overlaps.max(axis=0, initial=0.0)
    return found

"""Box formats and the scaling of boxes between a raw and a stored image. Formats are in the names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""Shape (N, 4)."""


def box_xywh_to_xyxy(boxes_xywh: Boxes) -> Boxes:
    """Corner and size (COCO) to two corners; (N, 4), same unit in and out."""
    boxes = np.asarray(boxes_xywh, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def box_xyxy_to_xywh(boxes_xyxy: Boxes) -> Boxes:
    """Two corners to corner and size (COCO); (N, 4), same unit in and out."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def scale_boxes_xyxy(boxes_xyxy: Boxes, from_size: tuple[int, int], to_size: tuple[int, int]) -> Boxes:
    """Boxes of an image of `from_size` (width, height) on the same image resized to `to_size`."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    factor = np.array([to_size[0] / from_size[0], to_size[1] / from_size[1]] * 2)
    return boxes * factor


def clip_boxes_xyxy(boxes_xyxy: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes cut to an image of `size` (width, height); a box wholly outside gets zero area."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    limits = np.array([size[0], size[1]] * 2, dtype=np.float64)
    return np.clip(boxes, 0.0, limits)


def box_area_xyxy(boxes_xyxy: Boxes) -> NDArray[np.float64]:
    """Areas (N,) in the square of the boxes' unit; zero for an inverted box."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None)
    return sides[:, 0] * sides[:, 1]


def box_iou_xyxy(first_xyxy: Boxes, second_xyxy: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every pair: (N, 4), (M, 4) → (N, M) in [0, 1]; 0 where both are empty."""
    first = np.asarray(first_xyxy, dtype=np.float64).reshape(-1, 1, 4)
    second = np.asarray(second_xyxy, dtype=np.float64).reshape(1, -1, 4)
    low, high = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    inter = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    union = box_area_xyxy(first[:, 0])[:, None] + box_area_xyxy(second[0])[None, :] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)

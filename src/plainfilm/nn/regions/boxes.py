"""Boxes as tensors: formats, overlap, union.

xyxy: (x0, y0, x1, y1); cxcywh: centre, width and height. Both are fractions of the model's input, 0 to 1 from
the top left.
"""

from __future__ import annotations

import torch
from torch import Tensor


def box_cxcywh_to_xyxy(boxes_cxcywh: Tensor) -> Tensor:
    """(..., 4) → (..., 4)."""
    centre, size = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def box_xyxy_to_cxcywh(boxes_xyxy: Tensor) -> Tensor:
    """(..., 4) → (..., 4)."""
    low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def generalised_iou(first_xyxy: Tensor, second_xyxy: Tensor) -> Tensor:
    """Generalised IoU (Rezatofighi et al. 2019, arXiv:1902.09630) of boxes (..., 4) and (..., 4), which are
    broadcast: (...), from -1 to 1; 0 for two boxes without area."""
    low = torch.maximum(first_xyxy[..., :2], second_xyxy[..., :2])
    high = torch.minimum(first_xyxy[..., 2:], second_xyxy[..., 2:])
    inter = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp(min=0).prod(dim=-1) for box in (first_xyxy, second_xyxy)]
    union = areas[0] + areas[1] - inter
    outer_low = torch.minimum(first_xyxy[..., :2], second_xyxy[..., :2])
    outer_high = torch.maximum(first_xyxy[..., 2:], second_xyxy[..., 2:])
    hull = (outer_high - outer_low).clamp(min=0).prod(dim=-1)
    smallest = torch.finfo(union.dtype).tiny
    return inter / union.clamp(min=smallest) - (hull - union) / hull.clamp(min=smallest)

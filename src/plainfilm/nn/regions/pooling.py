"""Soft pooling of the patches inside and around a box.

The weight of patch i for a box with centre (xc, yc), width w and height h is

    exp(-|(x_i - xc) / w|^beta - |(y_i - yc) / h|^beta)

and the feature of the box is the weighted mean of the patches. The published code divides the weights by
their largest and adds up ("sum"), so that a feature grows with its box; its checkpoints need that.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from plainfilm.nn.base import in_full_precision
from plainfilm.nn.regions.boxes import box_xyxy_to_cxcywh
from plainfilm.nn.regions.positions import patch_centres

Pooling = Literal["mean", "sum"]

_SMALLEST_SIDE = 1e-2
"""A thinner box is pooled as one of this width: between two patches it would have no weight at all."""


def gaussian_weights(
    boxes_xyxy: Tensor, patches: int, beta: float = 2.0, pooling: Pooling = "mean"
) -> Tensor:
    """Weights (..., P) of the patches of a square grid for boxes (..., 4); they add up to 1, or with "sum"
    the largest is 1."""
    boxes = box_xyxy_to_cxcywh(in_full_precision(boxes_xyxy))
    centre, size = boxes[..., :2], boxes[..., 2:]
    centres = patch_centres(patches, boxes_xyxy.device)
    distance = (centres - centre.unsqueeze(-2)) / size.clamp(min=_SMALLEST_SIDE).unsqueeze(-2)
    logits = -distance.abs().pow(beta).sum(dim=-1)
    if pooling == "mean":
        return logits.softmax(dim=-1)
    return (logits - logits.amax(dim=-1, keepdim=True)).exp()


def pooled_regions(
    boxes_xyxy: Tensor, values: Tensor, beta: float = 2.0, pooling: Pooling = "mean"
) -> Tensor:
    """Features (N, K, F) of boxes (N, K, 4) on images with patch values (N, P, F)."""
    weights = gaussian_weights(boxes_xyxy, values.shape[1], beta, pooling)
    with torch.autocast(values.device.type, enabled=False):
        return weights.to(values.dtype) @ values

"""Assigns the regions of a prompt to its true boxes (the Hungarian matching of DETR, arXiv:2005.12872).

With few regions every assignment is tried, which is exact and needs no solver; more go to SciPy.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

import torch
from torch import Tensor

from plainfilm.nn.regions.boxes import box_xyxy_to_cxcywh, generalised_iou

_TRIED = 5
"""Up to this many regions all permutations are tried (120)."""


def matching_costs(
    boxes_xyxy: Tensor, scores: Tensor, true_xyxy: Tensor, weights: tuple[float, float, float]
) -> Tensor:
    """Costs (E, R, M) of assigning region r of a prompt to true box m.

    weights: of the L1 distance of (centre, size), of 1 - generalised IoU, and of 1 - `scores` (E, R).
    boxes_xyxy: (E, R, 4). true_xyxy: (E, M, 4).
    """
    found, true = boxes_xyxy[:, :, None], true_xyxy[:, None]
    distance = (box_xyxy_to_cxcywh(found) - box_xyxy_to_cxcywh(true)).abs().sum(dim=-1)
    overlap = 1 - generalised_iou(found, true)
    return weights[0] * distance + weights[1] * overlap + weights[2] * (1 - scores)[:, :, None]


@torch.no_grad()
def assigned(costs: Tensor, present: Tensor) -> Tensor:
    """(E, R) int64: the true box of each region, -1 for none, so that the sum of costs is least.

    costs: (E, R, M). present: (E, M) bool. Each true box gets one region; with more boxes than regions the
    costliest boxes get none.
    """
    regions, most = costs.shape[1:]
    if not costs.numel():
        return torch.full(costs.shape[:2], -1, dtype=torch.int64, device=costs.device)
    if max(regions, most) > _TRIED:
        return _solved(costs, present)
    wide = max(regions, most)
    padded = costs.new_zeros(len(costs), wide, wide)
    # A box that is not there costs nothing, a region too many neither: boxes that are there come first.
    padded[:, :regions, :most] = costs.masked_fill(~present[:, None], 0.0)
    if regions < wide:
        padded[:, regions:, :most] = (present * costs.abs().amax() * wide * 2)[:, None].to(costs.dtype)
    orders = _orders(wide).to(costs.device)
    places = torch.arange(wide, device=costs.device)
    totals = padded[:, places, orders].sum(dim=-1)
    chosen = orders[totals.argmin(dim=1)][:, :regions]
    there = torch.cat([present, present.new_zeros(len(present), wide - most)], dim=1)
    return chosen.masked_fill(~there.gather(1, chosen), -1)


@cache
def _orders(count: int) -> Tensor:
    return torch.tensor(list(permutations(range(count))))


def _solved(costs: Tensor, present: Tensor) -> Tensor:
    from scipy.optimize import linear_sum_assignment

    found = torch.full(costs.shape[:2], -1, dtype=torch.int64)
    for row, (own, there) in enumerate(zip(costs.cpu(), present.cpu(), strict=True)):
        places = there.nonzero().flatten()
        regions, boxes = linear_sum_assignment(own[:, places].double().numpy())
        found[row, torch.from_numpy(regions)] = places[torch.from_numpy(boxes)]
    return found.to(costs.device)

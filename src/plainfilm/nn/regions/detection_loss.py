"""The loss of boxes that a model finds for prompts, as sums over prompts and counts.

Of each prompt the regions are matched to its true boxes (`nn.regions.matching`). A matched region is there,
every other is not: focal loss (Lin et al. 2017, arXiv:1708.02002) of its probability s, -(1 - s)^g log s and
-s^g log(1 - s), averaged over either kind by itself. Of a prompt with boxes every region is drawn to one: the
matched ones to theirs, the others to the cheapest, by the L1 distance of (centre, size) and 1 - generalised
IoU (DETR, arXiv:2005.12872). Of a prompt for something that is there and nobody says where, the region with
the highest score is there, and nothing is known of the others.

Axes: E prompts, R regions of each, M true boxes of each.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plainfilm.nn.regions.boxes import box_xyxy_to_cxcywh, generalised_iou
from plainfilm.nn.regions.matching import assigned, matching_costs

TERMS = ("distance", "overlap", "there", "not_there")
MATCHING_WEIGHTS = (5.0, 2.0, 3.0)
"""Of the distance, the overlap and the score, as published."""
_FOCUS = 2.0


def detection_counts(there: Tensor, regions: int, unplaced: Tensor | None = None) -> dict[str, Tensor]:
    """The number of values of each term, from `there` (E, M) and `unplaced` (E,) bool alone."""
    of_prompt = there.sum(dim=1)
    drawn = (of_prompt > 0).sum() * regions
    matched = of_prompt.clamp(max=regions).sum()
    best = torch.zeros_like(matched) if unplaced is None else unplaced.sum()
    absent = (len(there) - best) * regions - matched
    return dict(zip(TERMS, (drawn, drawn, matched + best, absent), strict=True))


def detection_sums(
    boxes_xyxy: Tensor, logits: Tensor, true_xyxy: Tensor, there: Tensor, unplaced: Tensor | None = None
) -> dict[str, Tensor]:
    """The sum of each term.

    boxes_xyxy: (E, R, 4). logits: (E, R), that a region is there. true_xyxy: (E, M, 4). there: (E, M) bool.
    unplaced: (E,) bool, whether a prompt without a box is for something that is there.
    """
    none = boxes_xyxy.sum() * 0.0 + logits.sum() * 0.0
    somewhere = torch.zeros_like(logits[:, 0], dtype=torch.bool) if unplaced is None else unplaced
    best = _there(logits.amax(dim=1)).masked_fill(~somewhere, 0.0).sum()
    if not true_xyxy.shape[1]:
        absent = _not_there(logits).masked_fill(somewhere[:, None], 0.0).sum()
        return {**dict.fromkeys(TERMS, none), "there": none + best, "not_there": none + absent}
    costs = matching_costs(boxes_xyxy.detach(), logits.detach().sigmoid(), true_xyxy, MATCHING_WEIGHTS)
    match = assigned(costs, there)
    is_matched = match >= 0
    drawn_to = torch.where(is_matched, match, costs.masked_fill(~there[:, None], torch.inf).argmin(dim=2))
    true = true_xyxy.gather(1, drawn_to.unsqueeze(-1).expand(-1, -1, 4))
    is_drawn = there.any(dim=1, keepdim=True)
    distance = (box_xyxy_to_cxcywh(boxes_xyxy) - box_xyxy_to_cxcywh(true)).abs().sum(dim=-1)
    overlap = 1 - generalised_iou(boxes_xyxy, true)
    values = (
        distance.masked_fill(~is_drawn, 0.0),
        overlap.masked_fill(~is_drawn, 0.0),
        _there(logits).masked_fill(~is_matched, 0.0),
        _not_there(logits).masked_fill(is_matched | somewhere[:, None], 0.0),
    )
    sums = {name: none + value.sum() for name, value in zip(TERMS, values, strict=True)}
    return {**sums, "there": sums["there"] + best}


def opposite_sum(logits: Tensor, named: Tensor, other: Tensor) -> Tensor:
    """The sum over prompts of -log sigmoid(a - b), where a and b are the highest logits of the regions of a
    prompt and of the prompt for the other side, where nothing is (RankNet, Burges et al. 2005,
    doi:10.1145/1102351.1102363).

    logits: (E, R). named: (E,) bool, the prompts that have such a one; other: (E,) int64, its place.
    """
    best = logits.amax(dim=1)
    return torch.nn.functional.softplus(best[other[named]] - best[named]).sum()


def _there(logits: Tensor) -> Tensor:
    return -torch.nn.functional.logsigmoid(logits) * (1 - logits.sigmoid()) ** _FOCUS


def _not_there(logits: Tensor) -> Tensor:
    return -torch.nn.functional.logsigmoid(-logits) * logits.sigmoid() ** _FOCUS

"""The loss of boxes that a model finds for prompts, as sums over prompts and counts.

Of each prompt the regions are matched to its true boxes (`nn.regions.matching`). A matched region is there,
every other is not: focal loss (Lin et al. 2017, arXiv:1708.02002) of its probability s, -(1 - s)^g log s and
-s^g log(1 - s), averaged over either kind by itself. Of a prompt with boxes every region is drawn to one: the
matched ones to theirs, the others to the cheapest, by the L1 distance of (centre, size) and 1 - generalised
IoU (DETR, arXiv:2005.12872).

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


def detection_counts(there: Tensor, regions: int) -> dict[str, Tensor]:
    """The number of values of each term, from `there` (E, M) bool alone."""
    of_prompt = there.sum(dim=1)
    drawn = (of_prompt > 0).sum() * regions
    matched = of_prompt.clamp(max=regions).sum()
    return dict(zip(TERMS, (drawn, drawn, matched, len(there) * regions - matched), strict=True))


def detection_sums(boxes_xyxy: Tensor, logits: Tensor, true_xyxy: Tensor, there: Tensor) -> dict[str, Tensor]:
    """The sum of each term.

    boxes_xyxy: (E, R, 4). logits: (E, R), that a region is there. true_xyxy: (E, M, 4). there: (E, M) bool.
    """
    none = boxes_xyxy.sum() * 0.0 + logits.sum() * 0.0
    if not true_xyxy.shape[1]:
        return {**dict.fromkeys(TERMS, none), "not_there": none + _not_there(logits).sum()}
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
        _not_there(logits).masked_fill(is_matched, 0.0),
    )
    return {name: none + value.sum() for name, value in zip(TERMS, values, strict=True)}


def _there(logits: Tensor) -> Tensor:
    return -torch.nn.functional.logsigmoid(logits) * (1 - logits.sigmoid()) ** _FOCUS


def _not_there(logits: Tensor) -> Tensor:
    return -torch.nn.functional.logsigmoid(-logits) * logits.sigmoid() ** _FOCUS

"""The box scores of AnatomiX (arXiv:2601.03191) as its evaluation computes them, more lenient than others.

A sample without a predicted box is left out instead of counting 0; the overlap of a predicted box is that
with any true box, so a true box that is missed costs nothing; and average precision is computed within one
sample, all scores being equal, at IoU 0.25, 0.5, 0.75 and 0.95, and averaged over samples.
"""

from __future__ import annotations

import numpy as np

from plainfilm.geometry import Boxes, box_iou_xyxy
from plainfilm.metrics.detection import FALSE, HIT, MISSED, UNKNOWN, average_precision, match_boxes

LENIENT_IOU = (0.25, 0.5, 0.75, 0.95)


def lenient_overlap(boxes_xyxy: Boxes, true_xyxy: Boxes) -> float | None:
    """Mean over boxes (K, 4) of the highest overlap with any true box (M, 4); `None` without boxes."""
    if not len(boxes_xyxy):
        return None
    return float(box_iou_xyxy(boxes_xyxy, true_xyxy).max(axis=1, initial=0.0).mean())


def sample_precision(boxes_xyxy: Boxes, true_xyxy: Boxes) -> float | None:
    """Average precision within one sample, mean of `LENIENT_IOU`; `None` without boxes."""
    if not len(boxes_xyxy):
        return None
    match = match_boxes(boxes_xyxy, np.ones(len(boxes_xyxy)), true_xyxy, LENIENT_IOU)
    missed = np.where(match.found(len(true_xyxy)), UNKNOWN, MISSED)
    hits = np.where(match.taken >= 0, HIT, FALSE)
    codes = np.concatenate([hits, missed], axis=1)
    return float(np.mean([average_precision(np.ones(len(row)), row) for row in codes]))

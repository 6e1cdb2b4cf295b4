"""Several readers' boxes as one set: weighted box fusion.

Solovyev, Wang and Gabruseva, "Weighted boxes fusion: ensembling boxes from different object detection
models", Image and Vision Computing 107, 2021 (arXiv:1910.13302), section 3. Boxes of radiologists have no
scores, so each counts the same and the score of a fused box says how many of them drew it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plainfilm.sources.common.boxes import Corners


@dataclass(frozen=True, slots=True)
class FusedBox:
    """A box made of others: their mean weighted by score, and which they were (places in the input)."""

    box_xyxy: Corners
    score: float
    members: tuple[int, ...]


def fuse_boxes(
    boxes_xyxy: Sequence[Corners],
    sources: int,
    *,
    scores: Sequence[float] | None = None,
    iou_above: float = 0.55,
) -> list[FusedBox]:
    """The boxes of one class on one image, fused; the order of the result is that of falling score.

    Boxes are taken by falling score, of equal ones the last first, as the authors' own code does. Each joins
    the fused box it overlaps most, if by an intersection over union greater than `iou_above`, and else begins
    one of its own. A fused box of n has the mean of their scores times min(n, `sources`) / `sources`, where
    `sources` is the number of readers or models (paper, equations 1 to 6). A box alone is kept as it is.
    Scores (positive) are 1 by default; boxes have an area, in any one unit.
    """
    weights = list(scores) if scores is not None else [1.0] * len(boxes_xyxy)
    clusters: list[list[int]] = []
    fused: list[Corners] = []
    for place in sorted(range(len(boxes_xyxy)), key=lambda place: (-weights[place], -place)):
        best, overlap = -1, iou_above
        for number, other in enumerate(fused):
            found = iou_of(other, boxes_xyxy[place])
            if found > overlap:
                best, overlap = number, found
        if best < 0:
            clusters.append([place])
            fused.append(boxes_xyxy[place])
        else:
            clusters[best].append(place)
            fused[best] = _mean(boxes_xyxy, weights, clusters[best])
    made = [
        FusedBox(box, _score(weights, cluster, sources), tuple(sorted(cluster)))
        for box, cluster in zip(fused, clusters, strict=True)
    ]
    return sorted(made, key=lambda box: -box.score)


def iou_of(first: Corners, second: Corners) -> float:
    """Intersection over union of two boxes that have an area."""
    wide = min(first[2], second[2]) - max(first[0], second[0])
    high = min(first[3], second[3]) - max(first[1], second[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    return shared / (_area(first) + _area(second) - shared)


def _area(box: Corners) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _mean(boxes: Sequence[Corners], weights: Sequence[float], cluster: Sequence[int]) -> Corners:
    total = sum(weights[place] for place in cluster)
    x0, y0, x1, y1 = (
        sum(boxes[place][side] * weights[place] for place in cluster) / total for side in range(4)
    )
    return x0, y0, x1, y1


def _score(weights: Sequence[float], cluster: Sequence[int], sources: int) -> float:
    mean = sum(weights[place] for place in cluster) / len(cluster)
    return mean * min(len(cluster), sources) / sources

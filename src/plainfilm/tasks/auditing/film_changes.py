"""Changes of a film that a model should, or should not, react to: pure functions of (H, W) uint8 arrays.

Boxes are (K, 4) x0 y0 x1 y1 in pixels of the film.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plainfilm.geometry import Boxes, box_iou_xyxy, clip_boxes_xyxy
from plainfilm.image_analysis.markers import marker_boxes

FilmArray = NDArray[np.uint8]

_RING = 0.15
"""Width of the ring around a box whose grey fills it, as a share of the longer side of the box."""
_TRIALS = 100
_BLEED = 2
"""Pixels around a marker that are covered too: compression blurs letters."""
GAMMAS = {"brighter": 0.7, "darker": 1.4}
"""Exponents of grey as a share of white."""


def occluded(film: FilmArray, boxes: Boxes) -> FilmArray:
    """The film with every box filled by the median grey of a ring around it."""
    covered = film.copy()
    for left, top, right, bottom in _whole(boxes, film):
        ring = max(2, round(_RING * max(right - left, bottom - top)))
        around = film[max(top - ring, 0) : bottom + ring, max(left - ring, 0) : right + ring].astype(float)
        inner = (slice(top - max(top - ring, 0), None), slice(left - max(left - ring, 0), None))
        around[inner][: bottom - top, : right - left] = np.nan
        known = around[np.isfinite(around)]
        covered[top:bottom, left:right] = round(float(np.median(known))) if len(known) else 0
    return covered


def elsewhere(boxes: Boxes, avoided: Boxes, size: tuple[int, int], rng: np.random.Generator) -> Boxes | None:
    """Boxes of the same sizes at other places of a film of `size` (width, height), none of which touches
    `boxes` or `avoided`: their mirror image if it does not, else places drawn at random; `None` without any.

    The mirror image of a lung is a lung, so that what is occluded there looks like what is occluded here.
    """
    taken, moved = np.concatenate([boxes, avoided]), list[NDArray[np.float64]]()
    for box in boxes:
        found = next((one for one in _candidates(box, size, rng) if not _touches(one, taken)), None)
        if found is None:
            return None
        moved.append(found)
        taken = np.concatenate([taken, found[None]])
    return np.stack(moved)


def _candidates(
    box: NDArray[np.float64], size: tuple[int, int], rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    width, height = size
    wide, high = box[2] - box[0], box[3] - box[1]
    yield np.array([width - box[2], box[1], width - box[0], box[3]])
    for _ in range(_TRIALS):
        left, top = rng.uniform(0, max(width - wide, 0)), rng.uniform(0, max(height - high, 0))
        yield np.array([left, top, left + wide, top + high])


def _touches(box: NDArray[np.float64], others: Boxes) -> bool:
    return bool((box_iou_xyxy(box[None], others) > 0).any())


def mirrored(film: FilmArray) -> FilmArray:
    """The film with left and right swapped."""
    return np.ascontiguousarray(film[:, ::-1])


def mirrored_boxes(boxes: Boxes, width: int) -> Boxes:
    """Boxes of a film of `width` pixels on its mirror image."""
    return np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)


def with_gamma(film: FilmArray, gamma: float) -> FilmArray:
    """The film with 255 (grey / 255) ** gamma: brighter below 1, darker above."""
    table = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    changed: FilmArray = table[film]
    return changed


def without_markers(film: FilmArray, kept: Boxes) -> FilmArray | None:
    """The film without what looks like letters in its margins (`image_analysis.markers`), unless that touches
    the boxes `kept`; `None` if there is nothing of this kind."""
    markers = [box for box in marker_boxes(film) if not len(kept) or not _touches(box, kept)]
    if not markers:
        return None
    return occluded(film, np.stack(markers) + np.array([-_BLEED, -_BLEED, _BLEED, _BLEED]))


def _whole(boxes: Boxes, film: FilmArray) -> NDArray[np.int64]:
    """Boxes in whole pixels, clipped to the film; those without any area are left out."""
    clipped = clip_boxes_xyxy(boxes, (film.shape[1], film.shape[0]))
    edges = np.concatenate([np.floor(clipped[:, :2]), np.ceil(clipped[:, 2:])], axis=1).astype(np.int64)
    return edges[(edges[:, 2] > edges[:, 0]) & (edges[:, 3] > edges[:, 1])]

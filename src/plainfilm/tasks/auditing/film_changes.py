"""Changes of a film that a model should, or should not, react to: pure functions of (H, W) uint8 arrays.

Boxes are (K, 4) x0 y0 x1 y1 in pixels of the film.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plainfilm.geometry import Boxes, box_iou_xyxy, clip_boxes_xyxy
from plainfilm.image_analysis.markers import marker_boxes
from plainfilm.seeding import generator

FilmArray = NDArray[np.uint8]

_RING = 0.15
"""Width of the ring around a box whose grey fills it, as a share of the longer side of the box."""
_TRIALS = 100
_BLEED = 2
"""Pixels around a marker that are covered too: compression blurs letters."""
_QUALITY = 30
_NOISE = 8.0
"""Standard deviation of noise in grey levels."""
_TEXT = "PORTABLE  CHEST  AP  12:30"
_TEXT_HEIGHT, _TEXT_MARGIN = 0.035, 0.02
"""Height of burned-in text and its distance from the edge, as shares of the height of the film."""


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


def compressed(film: FilmArray) -> FilmArray:
    """The film as a JPEG file of quality 30 gives it back."""
    file = BytesIO()
    Image.fromarray(film).save(file, "JPEG", quality=_QUALITY)
    return np.array(Image.open(file))


def at_half_resolution(film: FilmArray) -> FilmArray:
    """The film made half as large and large again."""
    image = Image.fromarray(film)
    half = (max(1, image.width // 2), max(1, image.height // 2))
    return np.array(image.resize(half, Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC))


def with_noise(film: FilmArray) -> FilmArray:
    """The film with Gaussian noise, the same for the same size."""
    drawn = generator(0, "reliance", "noise").normal(0, _NOISE, film.shape)
    return np.clip(np.rint(film + drawn), 0, 255).astype(np.uint8)


def with_text(film: FilmArray, kept: Boxes) -> FilmArray:
    """The film with a line of white text in the first corner where it touches none of the boxes `kept`; as it
    is without such a corner."""
    height, width = film.shape
    font = ImageFont.load_default(size=max(6, round(_TEXT_HEIGHT * height)))
    image = Image.fromarray(film)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((0, 0), _TEXT, font=font)
    wide, high, margin = right - left, bottom - top, round(_TEXT_MARGIN * height)
    for x, y in ((x, y) for y in (margin, height - margin - high) for x in (margin, width - margin - wide)):
        if not len(kept) or not _touches(np.array([x, y, x + wide, y + high], dtype=np.float64), kept):
            draw.text((x - left, y - top), _TEXT, fill=255, font=font)
            break
    return np.array(image)


@dataclass(frozen=True)
class HarmlessChange:
    """A change that leaves every finding on the film. title: of the film that is shown; check: what a model
    does that keeps its answers; apply: takes a film and the boxes of its findings."""

    title: str
    check: str
    apply: Callable[[FilmArray, Boxes], FilmArray]


def _film_alone(change: Callable[[FilmArray], FilmArray]) -> Callable[[FilmArray, Boxes], FilmArray]:
    return lambda film, boxes: change(film)


HARMLESS: dict[str, HarmlessChange] = {
    "brighter": HarmlessChange(
        "the film brighter", "works on brighter films", _film_alone(partial(with_gamma, gamma=0.7))
    ),
    "darker": HarmlessChange(
        "the film darker", "works on darker films", _film_alone(partial(with_gamma, gamma=1.4))
    ),
    "compressed": HarmlessChange(
        "the film as a JPEG of low quality", "works on compressed films", _film_alone(compressed)
    ),
    "half_resolution": HarmlessChange(
        "the film at half its resolution", "works at half the resolution", _film_alone(at_half_resolution)
    ),
    "noise": HarmlessChange("the film with noise", "works on noisy films", _film_alone(with_noise)),
    "burned_in_text": HarmlessChange(
        "the film with a line of text in a corner", "is not led by burned-in text", with_text
    ),
}


def _whole(boxes: Boxes, film: FilmArray) -> NDArray[np.int64]:
    """Boxes in whole pixels, clipped to the film; those without any area are left out."""
    clipped = clip_boxes_xyxy(boxes, (film.shape[1], film.shape[0]))
    edges = np.concatenate([np.floor(clipped[:, :2]), np.ceil(clipped[:, 2:])], axis=1).astype(np.int64)
    return edges[(edges[:, 2] > edges[:, 0]) & (edges[:, 3] > edges[:, 1])]

"""Describes boxes on an image in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from plainfilm.errors import UsageError
from plainfilm.geometry import Boxes
from plainfilm.models.base import Describes, EncodesRegions
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm
from plainfilm.predictor.locate import PROMPTS_AT_ONCE, model_limit, on_input

Box = Sequence[float]
"""x0 y0 x1 y1 in pixels of the file as opened."""

_LEAST_VISIBLE = 0.1
"""The share of a box that the model must see, as in training."""


def describe(core: Core, film: EncodedFilm, boxes: Sequence[Box] | Boxes) -> list[str]:
    """A sentence for each box; boxes do not affect each other.

    Raises:
        UsageError: the model does not describe boxes, or a box is inverted, outside the image, or in a part
            of it that preprocessing cuts off.
    """
    model: Describes = core.able(Describes)
    placed = on_shown_part(film, checked(boxes, film.size)).astype(np.float32)
    longest, sentences = model_limit(core, model.writes_with), list[str]()
    for start in range(0, len(placed), PROMPTS_AT_ONCE):
        block = torch.from_numpy(placed[start : start + PROMPTS_AT_ONCE]).to(core.device)
        with torch.inference_mode():
            ids = model.describe(film.features, block[None], longest)
        sentences += core.sentences(model.writes_with, ids[0])
    return sentences


def encode_regions(core: Core, film: EncodedFilm, boxes: Sequence[Box] | Boxes) -> Vectors:
    """Unit vectors (K, D) of boxes, in the space of texts; boxes do not affect each other.

    Raises:
        UsageError: the model does not encode boxes; see `describe`, too.
    """
    model: EncodesRegions = core.able(EncodesRegions)
    placed = on_shown_part(film, checked(boxes, film.size)).astype(np.float32)
    with torch.inference_mode():
        vectors = model.region_vectors(film.features, torch.from_numpy(placed).to(core.device)[None])
    return core.arrays(vectors[0])


def on_shown_part(film: EncodedFilm, boxes: Boxes) -> Boxes:
    """Boxes (K, 4) of the file as opened as fractions of the model's input.

    Raises:
        UsageError: a box lies, or nearly lies, in a part of the film that preprocessing cuts off.
    """
    for box, visible in zip(boxes.tolist(), film.geometry.visible(boxes).tolist(), strict=True):
        if visible < _LEAST_VISIBLE:
            raise UsageError(
                f"box {_shown(box)}: lies where the model does not look: it sees the middle square of a film "
                f"of {film.size[0]} x {film.size[1]} pixels"
            )
    return on_input(film, boxes)


def checked(boxes: Sequence[Box] | Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes (K, 4), checked to lie on an image of `size` (width, height), at least in part.

    Raises:
        UsageError: a box has not four numbers, is inverted, or lies outside the image.
    """
    array = np.asarray(boxes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4 or not np.isfinite(array).all():
        raise UsageError(f"a box is four numbers x0,y0,x1,y1 in pixels of the film, not {boxes!r}")
    for x0, y0, x1, y1 in array.tolist():
        shown = _shown((x0, y0, x1, y1))
        if x0 >= x1 or y0 >= y1:
            raise UsageError(f"box {shown}: is inverted or empty; x0 < x1 and y0 < y1")
        if x1 <= 0 or y1 <= 0 or x0 >= size[0] or y0 >= size[1]:
            raise UsageError(f"box {shown}: lies outside the film of {size[0]} x {size[1]} pixels")
    return array


def _shown(box: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in box)

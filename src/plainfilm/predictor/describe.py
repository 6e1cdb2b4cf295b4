"""Describes boxes on an image in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from plainfilm.errors import UsageError
from plainfilm.geometry import Boxes
from plainfilm.models.base import Describes
from plainfilm.predictor.core import Core
from plainfilm.predictor.films import EncodedFilm
from plainfilm.predictor.locate import on_input

Box = Sequence[float]
"""x0 y0 x1 y1 in pixels of the file as opened."""


def describe(core: Core, film: EncodedFilm, boxes: Sequence[Box] | Boxes) -> list[str]:
    """A sentence for each box; boxes do not affect each other.

    Raises:
        UsageError: the model does not describe boxes, or a box is inverted or outside the image.
    """
    model: Describes = core.able(Describes)
    checked_boxes = checked(boxes, film.size)
    longest = model_limit(core, model.writes_with)
    sentences = []
    for box in on_input(film, checked_boxes):
        at = torch.from_numpy(box.astype(np.float32)).to(core.device)[None, None]
        with torch.inference_mode():
            ids = model.describe(film.features, at, longest)
        sentences += core.sentences(model.writes_with, ids[0])
    return sentences


def model_limit(core: Core, tokenizer: str) -> int:
    """The largest number of tokens that the model writes with a tokenizer."""
    return core.model.facts.tokenizers[tokenizer].max_tokens


def checked(boxes: Sequence[Box] | Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes (K, 4), checked to lie on an image of `size` (width, height), at least in part.

    Raises:
        UsageError: a box has not four numbers, is inverted, or lies outside the image.
    """
    array = np.asarray(boxes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4 or not np.isfinite(array).all():
        raise UsageError(f"a box is four numbers x0,y0,x1,y1 in pixels of the film, not {boxes!r}")
    for x0, y0, x1, y1 in array.tolist():
        shown = f"{x0:g},{y0:g},{x1:g},{y1:g}"
        if x0 >= x1 or y0 >= y1:
            raise UsageError(f"box {shown}: is inverted or empty; x0 < x1 and y0 < y1")
        if x1 <= 0 or y1 <= 0 or x0 >= size[0] or y0 >= size[1]:
            raise UsageError(f"box {shown}: lies outside the film of {size[0]} x {size[1]} pixels")
    return array

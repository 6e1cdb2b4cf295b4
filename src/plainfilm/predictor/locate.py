"""Locates phrases on an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plainfilm.geometry import Boxes
from plainfilm.models.base import Locates
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm
from plainfilm.predictor.texts import tokens


@dataclass(frozen=True)
class FoundText:
    """The location of one phrase on one image.

    boxes: (K, 4) float64, x0 y0 x1 y1 in pixels of the file as opened. scores: (K,) from 0 to 1, the best
    first. sentence: the model's description of it, if the model writes one.
    """

    text: str
    boxes: Boxes
    scores: Vectors
    sentence: str | None = None


def locate(core: Core, film: EncodedFilm, texts: Sequence[str]) -> list[FoundText]:
    """Boxes for each text; texts do not affect each other.

    Raises:
        UsageError: the model does not locate phrases.
    """
    model: Locates = core.able(Locates)
    found = []
    for text in texts:
        with torch.inference_mode():
            located = model.locate(film.features, *tokens(core, [text]))
        boxes, scores = core.arrays(located.boxes[0, 0]), core.arrays(located.scores[0, 0])
        found.append(FoundText(text, on_film(film, boxes), scores))
    return found


def on_film(film: EncodedFilm, boxes: Vectors) -> Boxes:
    """Convert boxes (K, 4) from fractions of the model's input to pixels of the file as opened."""
    return film.geometry.boxes_to_film(boxes.astype(np.float64) * film.geometry.size)


def on_input(film: EncodedFilm, boxes: Boxes) -> Boxes:
    """Convert boxes (K, 4) from pixels of the file as opened to fractions of the model's input."""
    return film.geometry.boxes_to_square(boxes) / film.geometry.size

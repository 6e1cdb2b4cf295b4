"""Where the things that texts name lie on a film."""

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
    """What a model found of one text on one film.

    boxes: (K, 4) float64, x0 y0 x1 y1 in pixels of the file as it was opened. scores: (K,) from 0 to 1, the
    best first. sentence: what it writes of it, where it writes.
    """

    text: str
    boxes: Boxes
    scores: Vectors
    sentence: str | None = None


def locate(core: Core, film: EncodedFilm, texts: Sequence[str]) -> list[FoundText]:
    """Boxes for each text; each is asked by itself, so that an answer never depends on the others.

    Raises:
        UsageError: the model does not say where things are.
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
    """Boxes (K, 4) as shares of the model's input in pixels of the file as it was opened."""
    return film.geometry.boxes_to_film(boxes.astype(np.float64) * film.geometry.size)


def on_input(film: EncodedFilm, boxes: Boxes) -> Boxes:
    """Boxes (K, 4) in pixels of the file as it was opened as shares of the model's input."""
    return film.geometry.boxes_to_square(boxes) / film.geometry.size

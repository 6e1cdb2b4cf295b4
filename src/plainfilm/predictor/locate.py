"""Locates phrases on an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plainfilm.errors import ImageError, UsageError
from plainfilm.geometry import Boxes
from plainfilm.models.base import Locates
from plainfilm.predictor import core as limits
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm, FilmEncoder, FilmLike, joined
from plainfilm.predictor.texts import tokens
from plainfilm.progress import SILENT, Progress


@dataclass(frozen=True)
class FoundText:
    """The location of one phrase on one image.

    boxes: (K, 4) float64, x0 y0 x1 y1 in pixels of the file as opened; none if nothing was found. scores:
    (K,) from 0 to 1, the best first. sentence: the model's description of it, if the model writes one.
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


def stream_located(
    core: Core,
    films: FilmEncoder,
    images: Sequence[FilmLike],
    texts_of_each: Sequence[Sequence[str]],
    progress: Progress = SILENT,
) -> Iterator[tuple[EncodedFilm, list[FoundText]]]:
    """For each image in turn the boxes of each of its texts, and the encoded image.

    Images that are asked the same texts one after the other are asked together.

    Raises:
        UsageError: the model does not locate phrases, or not every image has its texts.
        ImageError: a file is not a usable image; the message has its name.
    """
    core.able(Locates)
    if len(images) != len(texts_of_each):
        raise UsageError(f"{len(images)} images but texts of {len(texts_of_each)}; give those of each")
    waiting: list[EncodedFilm] = []
    asked: tuple[str, ...] = ()
    encoded = films.stream_films(progress.track(images, len(images), "locating"))
    for film, texts in zip(encoded, texts_of_each, strict=True):
        if isinstance(film, ImageError):
            raise film
        if waiting and (tuple(texts) != asked or len(waiting) == limits.BATCH_IMAGES):
            yield from _located_together(core, waiting, asked)
            waiting = []
        asked = tuple(texts)
        waiting.append(film)
    yield from _located_together(core, waiting, asked)


def _located_together(
    core: Core, films: Sequence[EncodedFilm], texts: Sequence[str]
) -> Iterator[tuple[EncodedFilm, list[FoundText]]]:
    if not films or not texts:
        yield from ((film, []) for film in films)
        return
    model: Locates = core.able(Locates)
    with torch.inference_mode():
        located = model.locate(joined([film.features for film in films]), *tokens(core, texts))
    boxes, scores = core.arrays(located.boxes), core.arrays(located.scores)
    for film, own, values in zip(films, boxes, scores, strict=True):
        each = zip(texts, own, values, strict=True)
        yield film, [FoundText(text, on_film(film, corners), score) for text, corners, score in each]


def on_film(film: EncodedFilm, boxes: Vectors) -> Boxes:
    """Convert boxes (K, 4) from fractions of the model's input to pixels of the file as opened."""
    return film.geometry.boxes_to_film(boxes.astype(np.float64) * film.geometry.size)


def on_input(film: EncodedFilm, boxes: Boxes) -> Boxes:
    """Convert boxes (K, 4) from pixels of the file as opened to fractions of the model's input."""
    return film.geometry.boxes_to_square(boxes) / film.geometry.size

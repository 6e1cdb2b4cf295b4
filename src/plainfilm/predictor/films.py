"""Prepares images for a model: threads decode them ahead, and each is encoded only once.

Decoding runs a few batches ahead of the model; memory does not grow with the number of images.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from plainfilm.batches.resampling import Square
from plainfilm.batches.resizing import fixed_geometry, resize_to
from plainfilm.batches.transforms import to_tensor
from plainfilm.errors import ImageError
from plainfilm.geometry import Geometry
from plainfilm.io.images import as_film, one_or_many, read_image, reduced
from plainfilm.nn.base import ImageFeatures
from plainfilm.predictor import core
from plainfilm.predictor.core import Core, Vectors
from plainfilm.progress import SILENT, Progress
from plainfilm.sources.common.film_header import view_in
from plainfilm.types import View

FilmLike: TypeAlias = Any
"""A path, PIL image, array, tensor or record with pixels (`io.images.as_film`), or an `EncodedFilm`."""
Encode: TypeAlias = Callable[[ImageFeatures], Tensor]
"""A function from features of N images to any output, (N, ...)."""
Question: TypeAlias = Callable[[Core], Encode]
"""What is asked about images: a function, importable by name, from a model to what it makes of features."""


@dataclass(frozen=True)
class PreparedFilm:
    """An image as model input. square: (S, S), grey 0 to 255. geometry: the map from pixels of the file as
    opened to pixels of the square."""

    square: Square
    geometry: Geometry


@dataclass(frozen=True)
class EncodedFilm:
    """An encoded film: any function that takes an image accepts it and does not encode it again.

    features: of one image, on the model's device. geometry: the map from pixels of the file as opened to
    pixels of the model's input. model: the fingerprint of the model that encoded it. view: that of the
    file's DICOM header, if it was opened from one.
    """

    features: ImageFeatures
    geometry: Geometry
    model: str
    view: View = View.UNKNOWN

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the file as opened."""
        return self.geometry.film

    def __repr__(self) -> str:
        return f"<Film of {self.size[0]} x {self.size[1]} pixels, encoded by model {self.model[:12]}>"


@dataclass(frozen=True)
class FilmBatch:
    """The answers about a batch of images.

    values: (n, ...) of the n usable images in their order, or their features; `None` if there is none.
    errors: of every image, `None` for a usable one. geometries: of the usable images.
    """

    values: Any
    errors: tuple[ImageError | None, ...]
    geometries: tuple[Geometry, ...]


def pooled(core: Core) -> Encode:
    """The output of the image encoder (N, F), without projection."""
    return lambda features: features.pooled


def view_of_film(film: FilmLike) -> View:
    """The view of a film that its DICOM header states, else unknown."""
    if isinstance(film, EncodedFilm):
        return film.view
    return view_in(Path(film)) if isinstance(film, str | os.PathLike) else View.UNKNOWN


class FilmEncoder:
    """Streams images through the image encoder of a model."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def encode(self, image: FilmLike) -> EncodedFilm:
        """Encode one image.

        Raises:
            ImageError: the image is not usable; the message has its name.
        """
        if isinstance(image, EncodedFilm):
            return image
        prepared = self._prepare(image)
        features = self._features([prepared])
        return EncodedFilm(features, prepared.geometry, self._core.config.fingerprint, view_of_film(image))

    def encode_blank(self) -> EncodedFilm:
        """Encode a black square, which `encode` would refuse: it is no film."""
        side = self._core.config.preprocessing.size
        black = PreparedFilm(
            np.zeros((side, side), dtype=np.uint8),
            fixed_geometry((side, side), self._core.config.preprocessing),
        )
        return EncodedFilm(self._features([black]), black.geometry, self._core.config.fingerprint)

    def stream(self, images: Any, question: Question, progress: Progress = SILENT) -> Iterator[Vectors]:
        """The answers to `question`, in blocks (n, ...).

        Raises:
            UsageError: the model cannot answer it.
            ImageError: a file is not a usable image; the message has its name.
        """
        question(self._core)
        return self._stream(_tracked(images, progress), question)

    def _stream(self, images: Iterable[FilmLike], question: Question) -> Iterator[Vectors]:
        for batch in self.batches(images, question):
            for error in filter(None, batch.errors):
                raise error
            yield batch.values

    def stream_each(
        self, images: Any, question: Question, progress: Progress = SILENT
    ) -> Iterator[Vectors | ImageError]:
        """The answer to `question` for each image in turn; for an unusable image, its error."""
        for batch in self.batches(_tracked(images, progress), question):
            encoded = iter(batch.values if batch.values is not None else ())
            for error in batch.errors:
                yield next(encoded) if error is None else error

    def stream_films(self, images: Iterable[FilmLike]) -> Iterator[EncodedFilm | ImageError]:
        """Each image in turn encoded; for an unusable image, its error."""
        for batch in self.batches(images, None):
            place = 0
            for error in batch.errors:
                if error is not None:
                    yield error
                    continue
                own = batch.values.each(lambda values, at=place: values[at : at + 1])
                yield EncodedFilm(own, batch.geometries[place], self._core.config.fingerprint)
                place += 1

    def batches(self, images: Iterable[FilmLike], question: Question | None) -> Iterator[FilmBatch]:
        """The answers to `question` about every `films_at_once` images, or their features without one; by
        other processes if the model is spread over them."""
        if self._core.elsewhere is not None:
            return self._core.elsewhere.films(images, question, self.batches_here)
        return self.batches_here(images, question)

    def batches_here(self, images: Iterable[FilmLike], question: Question | None) -> Iterator[FilmBatch]:
        """`batches`, computed in this process."""
        encode = None if question is None else question(self._core)
        for films in self._prepared(images):
            usable = [film for film in films if not isinstance(film, ImageError)]
            values: Any = None
            if usable:
                values = self._features(usable) if encode is None else self._encoded(usable, encode)
            errors = tuple(film if isinstance(film, ImageError) else None for film in films)
            yield FilmBatch(values, errors, tuple(film.geometry for film in usable))

    def stream_inputs(self, images: Iterable[FilmLike]) -> Iterator[Tensor]:
        """Images as the image encoder gets them, normalised, in blocks (n, C, S, S); unusable ones are left
        out."""
        for films in self._prepared(images):
            squares = [film.square for film in films if isinstance(film, PreparedFilm)]
            if squares:
                yield self._pixels(squares)

    def _pixels(self, squares: Sequence[Square]) -> Tensor:
        return to_tensor(np.stack(squares), self._core.config.preprocessing).to(self._core.device)

    def _encoded(self, films: Sequence[PreparedFilm | EncodedFilm], encode: Encode) -> Vectors:
        with torch.inference_mode():
            return self._core.arrays(encode(self._features(films)))

    def _features(self, films: Sequence[PreparedFilm | EncodedFilm]) -> ImageFeatures:
        """Features of all images in their order; images that are already encoded are reused."""
        squares = [film.square for film in films if isinstance(film, PreparedFilm)]
        if not squares:
            return joined([film.features for film in films if isinstance(film, EncodedFilm)])
        with torch.inference_mode():
            features = self._core.model.film_features(self._pixels(squares))
        if len(squares) == len(films):
            return features
        own = iter(range(len(squares)))
        parts = []
        for film in films:
            if isinstance(film, EncodedFilm):
                parts.append(film.features)
            else:
                place = next(own)
                parts.append(features.each(lambda values, at=place: values[at : at + 1]))  # type: ignore[misc]
        return joined(parts)

    def _prepared(
        self, images: Iterable[FilmLike]
    ) -> Iterator[list[PreparedFilm | EncodedFilm | ImageError]]:
        remaining = iter(images)
        waiting: deque[list[Future[PreparedFilm | EncodedFilm | ImageError]]] = deque()
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            while True:
                batch = [
                    pool.submit(self._try, image) for image in islice(remaining, self._core.films_at_once)
                ]
                if batch:
                    waiting.append(batch)
                if not waiting:
                    return
                if not batch or len(waiting) > core.BATCHES_AHEAD:
                    yield [future.result() for future in waiting.popleft()]

    def _try(self, image: FilmLike) -> PreparedFilm | EncodedFilm | ImageError:
        try:
            return image if isinstance(image, EncodedFilm) else self._prepare(image)
        except ImageError as error:
            return error

    def _prepare(self, image: FilmLike) -> PreparedFilm:
        """Prepare an image as in training: resize it to the cached side, then to the model's input."""
        preprocessing = self._core.config.preprocessing
        side = preprocessing.read_side
        if isinstance(image, str | os.PathLike):
            opened = read_image(Path(image), shortest_side=side)
            film, size = opened.array, (opened.original_width, opened.original_height)
        else:
            film = as_film(image)
            size = (film.shape[1], film.shape[0])
        film = reduced(film, side)
        geometry = fixed_geometry((film.shape[1], film.shape[0]), preprocessing)
        return PreparedFilm(resize_to(film, preprocessing), geometry.of_larger(*size))


def _tracked(images: Any, progress: Progress) -> Iterator[FilmLike]:
    films = [images] if isinstance(images, EncodedFilm) else one_or_many(images)
    total = len(films) if isinstance(films, Sequence) else None
    return progress.track(films, total, "embedding images")


def joined(parts: Sequence[ImageFeatures]) -> ImageFeatures:
    """The features of several batches of films as one."""
    if len(parts) == 1:
        return parts[0]
    return ImageFeatures(
        torch.cat([part.pooled for part in parts]), torch.cat([part.patches for part in parts])
    )

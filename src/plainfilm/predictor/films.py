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

    def stream(self, images: Any, encode: Encode, progress: Progress = SILENT) -> Iterator[Vectors]:
        """The output of `encode`, in blocks (n, ...).

        Raises:
            ImageError: a file is not a usable image; the message has its name.
        """
        for films in self._batches(_tracked(images, progress)):
            for film in films:
                if isinstance(film, ImageError):
                    raise film
            yield self._encoded([film for film in films if not isinstance(film, ImageError)], encode)

    def stream_each(
        self, images: Any, encode: Encode, progress: Progress = SILENT
    ) -> Iterator[Vectors | ImageError]:
        """The output of `encode` for each image in turn; for an unusable image, its error."""
        for films in self._batches(_tracked(images, progress)):
            usable = [film for film in films if not isinstance(film, ImageError)]
            encoded: Iterator[Vectors] = iter(self._encoded(usable, encode) if usable else ())
            for film in films:
                yield film if isinstance(film, ImageError) else next(encoded)

    def stream_films(self, images: Iterable[FilmLike]) -> Iterator[EncodedFilm | ImageError]:
        """Each image in turn encoded; for an unusable image, its error."""
        for films in self._batches(images):
            usable = [film for film in films if not isinstance(film, ImageError)]
            features = self._features(usable) if usable else None
            place = 0
            for film in films:
                if isinstance(film, ImageError):
                    yield film
                    continue
                own = features.each(lambda values, at=place: values[at : at + 1])  # type: ignore[union-attr, misc]
                yield EncodedFilm(own, film.geometry, self._core.config.fingerprint)
                place += 1

    def _encoded(self, films: Sequence[PreparedFilm | EncodedFilm], encode: Encode) -> Vectors:
        with torch.inference_mode():
            return self._core.arrays(encode(self._features(films)))

    def _features(self, films: Sequence[PreparedFilm | EncodedFilm]) -> ImageFeatures:
        """Features of all images in their order; images that are already encoded are reused."""
        squares = [film.square for film in films if isinstance(film, PreparedFilm)]
        if not squares:
            return joined([film.features for film in films if isinstance(film, EncodedFilm)])
        pixels = to_tensor(np.stack(squares), self._core.config.preprocessing).to(self._core.device)
        with torch.inference_mode():
            features = self._core.model.film_features(pixels)
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

    def _batches(self, images: Iterable[FilmLike]) -> Iterator[list[PreparedFilm | EncodedFilm | ImageError]]:
        remaining = iter(images)
        waiting: deque[list[Future[PreparedFilm | EncodedFilm | ImageError]]] = deque()
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            while True:
                batch = [pool.submit(self._try, image) for image in islice(remaining, core.BATCH_IMAGES)]
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

"""Vectors of boxes in the space of texts, and sentences about boxes, of many images.

Boxes are those of a collection, so what of them preprocessing cuts off is cut off without an error: a model
that does not see them is scored for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from plainfilm.errors import ImageError, UsageError
from plainfilm.geometry import Boxes
from plainfilm.models.base import Describes, EncodesRegions, LocatesByPatches
from plainfilm.nn.base import grid_side
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm, FilmEncoder, FilmLike
from plainfilm.predictor.locate import model_limit, on_input
from plainfilm.progress import SILENT, Progress


def stream_region_vectors(
    core: Core,
    films: FilmEncoder,
    images: Sequence[FilmLike],
    boxes_of_each: Sequence[Boxes],
    progress: Progress = SILENT,
) -> Iterator[Vectors]:
    """For each image in turn the unit vectors (K, D) of its boxes (K, 4); see `Predictor.stream_regions`."""
    if not isinstance(core.model, EncodesRegions):
        core.able(LocatesByPatches)
    for film, boxes in _each(films, images, boxes_of_each, progress, "encoding boxes"):
        yield region_vectors(core, film, boxes)


def stream_described(
    core: Core,
    films: FilmEncoder,
    images: Sequence[FilmLike],
    boxes_of_each: Sequence[Boxes],
    progress: Progress = SILENT,
) -> Iterator[list[str]]:
    """For each image in turn a sentence for each of its boxes; see `Predictor.stream_described`."""
    model: Describes = core.able(Describes)
    longest = model_limit(core, model.writes_with)
    for film, boxes in _each(films, images, boxes_of_each, progress, "describing boxes"):
        if not len(boxes):
            yield []
            continue
        with torch.inference_mode():
            ids = model.describe(film.features, _tensor(core, on_input(film, boxes)), longest)
        yield core.sentences(model.writes_with, ids[0])


def _each(
    films: FilmEncoder,
    images: Sequence[FilmLike],
    boxes_of_each: Sequence[Boxes],
    progress: Progress,
    doing: str,
) -> Iterator[tuple[EncodedFilm, Boxes]]:
    if len(images) != len(boxes_of_each):
        raise UsageError(f"{len(images)} images but boxes of {len(boxes_of_each)}; give those of each")
    encoded = films.stream_films(progress.track(images, len(images), doing))
    for film, boxes in zip(encoded, boxes_of_each, strict=True):
        if isinstance(film, ImageError):
            raise film
        yield film, boxes


def region_vectors(core: Core, film: EncodedFilm, boxes: Boxes) -> Vectors:
    """Unit vectors (K, D) of boxes (K, 4) in pixels of the file as opened."""
    if not len(boxes):
        return np.zeros((0, core.model.dimension), dtype=np.float32)
    at = on_input(film, boxes)
    with torch.inference_mode():
        if isinstance(core.model, EncodesRegions):
            return core.arrays(core.model.region_vectors(film.features, _tensor(core, at))[0])
        model: LocatesByPatches = core.able(LocatesByPatches)
        patches = core.arrays(model.image_patch_vectors(film.features)[0])
    pooled = _shares(at, grid_side(len(patches))) @ patches
    found: Vectors = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
    return found.astype(np.float32)


def _shares(boxes: Boxes, side: int) -> Boxes:
    """(K, G G) the area of each patch of the input that lies in a box; of a box without area, of the patch at
    its centre."""
    edges = np.linspace(0, 1, side + 1)
    spans = []
    for low, high in ((1, 3), (0, 2)):
        first = np.maximum(edges[:-1], boxes[:, low, None])
        last = np.minimum(edges[1:], boxes[:, high, None])
        spans.append(np.clip(last - first, 0, None))
    areas = (spans[0][:, :, None] * spans[1][:, None, :]).reshape(len(boxes), -1)
    for row in np.flatnonzero(areas.sum(axis=1) == 0):
        x, y = (boxes[row, :2] + boxes[row, 2:]) / 2
        column, line = (min(side - 1, int(value * side)) for value in (x, y))
        areas[row, line * side + column] = 1.0
    return areas


def _tensor(core: Core, boxes: Boxes) -> torch.Tensor:
    return torch.from_numpy(boxes.astype(np.float32)).to(core.device)[None]

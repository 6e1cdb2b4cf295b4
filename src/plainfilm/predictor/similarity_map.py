"""Maps of the similarity of a film's patches with a text.

The value of a patch is the cosine of two unit vectors: that of the text, and that of a film which shows this
patch and nothing else, projected as every film is (for BioViL, Boecking et al. 2022, arXiv:2204.09817, these
are its projected patches). How a film of one patch is pooled, the image encoder says
(`nn.base.ImageEncoder.pooled_alone`). A region model with a guided detector was taught cosines of patches and
prompts, and these are its map (`models.region.RegionModel.patch_similarities`).

Axes: G patches on each side of the model's input, S pixels on each side of it, H and W pixels of the file as
opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from plainfilm.errors import ImageError, UsageError
from plainfilm.geometry import Boxes, Geometry
from plainfilm.io import limits
from plainfilm.models.base import EncodesImages, LocatesByPatches
from plainfilm.nn.base import grid_side
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm, FilmEncoder
from plainfilm.predictor.texts import stream_texts
from plainfilm.progress import SILENT, Progress


@dataclass(frozen=True)
class SimilarityMap:
    """The similarity of the patches of one film with one text.

    grid: (G, G) float32 cosines, row by row from the top left of the model's input, NaN where a patch lies
    wholly outside the film, on the margin that makes it square. score: the cosine of the whole film with the
    text. geometry: the map from pixels of the file as opened to pixels of the model's input.
    """

    text: str
    grid: Vectors
    score: float
    geometry: Geometry

    def __repr__(self) -> str:
        side = len(self.grid)
        cosines = f"cosines {self.low:.3f} to {self.high:.3f}, of the whole film {self.score:.3f}"
        return f"<Map of {side} x {side} patches for '{self.text}': {cosines}>"

    @property
    def low(self) -> float:
        """The smallest cosine of a patch."""
        return float(np.nanmin(self.grid))

    @property
    def high(self) -> float:
        """The largest cosine of a patch."""
        return float(np.nanmax(self.grid))

    def pixels(self) -> Vectors:
        """(H, W) float32: for each pixel of the file as opened the cosine, bilinear between the centres of
        patches; NaN where the model does not see the film."""
        return self.geometry.grid_on_film(_filled(self.grid))

    def extent(self) -> NDArray[np.float64]:
        """x0 y0 x1 y1 of the whole grid, in pixels of the file as opened; a margin lies outside the film."""
        side = float(self.geometry.size)
        corners = np.array([[0.0, 0.0, 1.0], [side, side, 1.0]]) @ np.linalg.inv(self.geometry.matrix).T
        return np.concatenate([corners.min(axis=0)[:2], corners.max(axis=0)[:2]])

    def seen(self) -> NDArray[np.float64]:
        """x0 y0 x1 y1 of the part of the film that the model sees, in pixels of the file as opened."""
        side = float(self.geometry.size)
        part: NDArray[np.float64] = self.geometry.boxes_to_film(np.array([[0.0, 0.0, side, side]]))[0]
        return part

    def patch_boxes(self) -> Boxes:
        """(G G, 4) x0 y0 x1 y1 of the patches, row by row, in pixels of the file as opened, clipped to it."""
        edges = np.linspace(0, self.geometry.size, len(self.grid) + 1)
        top, left = (index.ravel() for index in np.indices(self.grid.shape))
        corners = np.stack([edges[left], edges[top], edges[left + 1], edges[top + 1]], axis=1)
        return self.geometry.boxes_to_film(corners)

    def peak(self) -> tuple[float, float]:
        """x and y, in pixels of the file as opened, of the centre of the most similar patch."""
        x0, y0, x1, y1 = self.patch_boxes()[int(np.nanargmax(self.grid))]
        return float(x0 + x1) / 2, float(y0 + y1) / 2

    def threshold(self, share: float) -> float:
        """The cosine that this share, 0 to 1, of the patches on the film exceeds.

        Raises:
            UsageError: a share outside 0 to 1.
        """
        if not 0 <= share <= 1:
            raise UsageError(f"threshold: a share of {share:g} of the patches; give one from 0 to 1")
        return float(np.nanquantile(self.grid, 1 - share))

    def boxes(self, threshold: float) -> tuple[Boxes, Vectors]:
        """Boxes (K, 4) x0 y0 x1 y1, in pixels of the file as opened, of the connected areas whose cosine is
        at least `threshold`, and the largest cosine (K,) in each, the best first.

        Areas are those of the map at about the resolution of the model's input; points that touch at a corner
        are connected.
        """
        from scipy import ndimage

        # An odd number of points in each patch, so that one of them is its centre, where it has its value.
        points = len(self.grid) * (self.geometry.size // len(self.grid) | 1)
        whole = Geometry((points, points), points, (0.0, 0.0, float(points), float(points)))
        drawn = whole.grid_on_film(_filled(self.grid))
        areas, count = ndimage.label(drawn >= threshold, structure=np.ones((3, 3)))
        places = ndimage.find_objects(areas)
        corners = [(x.start, y.start, x.stop, y.stop) for y, x in places]
        square = np.array(corners, dtype=np.float64).reshape(-1, 4) * self.geometry.size / points
        boxes = self.geometry.boxes_to_film(square)
        scores = np.asarray(ndimage.maximum(drawn, areas, range(1, count + 1)), dtype=np.float32)
        kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        order = np.argsort(-scores[kept], kind="stable")
        return boxes[kept][order], scores[kept][order]


def similarity_maps(core: Core, film: EncodedFilm, texts: Sequence[str]) -> list[SimilarityMap]:
    """A map for each text; see `Predictor.similarity_maps`."""
    vectors = _text_vectors(core, texts)
    return _maps(core, film, texts, vectors)


def stream_similarity_maps(
    core: Core,
    films: FilmEncoder,
    images: Sequence[Any],
    texts_of_each: Sequence[Sequence[str]],
    progress: Progress = SILENT,
) -> Iterator[list[SimilarityMap] | ImageError]:
    """For each image in turn a map for each of its texts; see `Predictor.stream_similarity_maps`."""
    if len(images) != len(texts_of_each):
        raise UsageError(f"{len(images)} images but texts of {len(texts_of_each)}; give those of each")
    known = list(dict.fromkeys(text for texts in texts_of_each for text in texts))
    vectors = dict(zip(known, _text_vectors(core, known), strict=True))
    encoded = films.stream_films(progress.track(images, len(images), "mapping images"))
    for film, texts in zip(encoded, texts_of_each, strict=True):
        if isinstance(film, ImageError):
            yield film
        else:
            yield _maps(core, film, texts, [vectors[text] for text in texts])


def _text_vectors(core: Core, texts: Sequence[str]) -> Sequence[Vectors]:
    core.able(LocatesByPatches)
    if any(not text.strip() for text in texts):
        raise UsageError("similarity_map: a text is blank; leave it out")
    return [vector for block in stream_texts(core, texts) for vector in block]


def _maps(
    core: Core, film: EncodedFilm, texts: Sequence[str], vectors: Sequence[Vectors]
) -> list[SimilarityMap]:
    model: LocatesByPatches = core.able(LocatesByPatches)
    _check_cost(core, film)
    asked = np.stack(vectors) if len(vectors) else np.zeros((0, core.model.dimension), dtype=np.float32)
    with torch.inference_mode():
        known = torch.from_numpy(asked).to(core.device)
        patches = core.arrays(model.patch_similarities(film.features, known)[0])
        whole = core.arrays(core.able(EncodesImages).image_vectors(film.features)[0]).astype(np.float64)
    side = grid_side(patches.shape[1])
    outside = ~_on_film(film.geometry, side)
    found = []
    for text, vector, cosines in zip(texts, asked, patches, strict=True):
        grid = cosines.reshape(side, side).astype(np.float32)
        grid[outside] = np.nan
        found.append(SimilarityMap(text, grid, float(whole @ vector), film.geometry))
    return found


def _check_cost(core: Core, film: EncodedFilm) -> None:
    """Refuse films whose patches, each pooled alone, take more memory than a model may."""
    count, pooled = film.features.patches.shape[1], film.features.pooled
    needed = count * pooled.shape[1] * pooled.element_size()
    if needed > limits.LARGEST_ARRAY:
        raise UsageError(
            f"similarity_map: the {count:,} patches of '{core.name}' take {needed / 1e9:,.1f} GB, and models "
            f"make at most {limits.LARGEST_ARRAY / 1e9:,.1f} GB: use one with a smaller input"
        )


def _on_film(geometry: Geometry, side: int) -> NDArray[np.bool_]:
    """(G, G) whether a patch shows any of the film."""
    whole = geometry.boxes_to_square(np.array([[0.0, 0.0, *geometry.film]]))[0]
    edges = np.linspace(0, geometry.size, side + 1)
    columns = (edges[1:] > whole[0]) & (edges[:-1] < whole[2])
    rows = (edges[1:] > whole[1]) & (edges[:-1] < whole[3])
    return np.outer(rows, columns)


def _filled(grid: Vectors) -> Vectors:
    """The grid with the nearest known value in place of each NaN, which no pixel of the film reaches far."""
    missing = np.isnan(grid)
    if not missing.any():
        return grid
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    filled: Vectors = grid[tuple(nearest)]
    return filled

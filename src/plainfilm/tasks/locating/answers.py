"""What a model finds for a text on a film, as every score of locating reads it.

A model answers in one of two ways: with scored boxes (the ability `locates`), or with a map of how similar
each patch is to the text (`locates_by_patches`, as BioViL is evaluated), whose boxes are its areas above a
threshold. The scores are the same functions of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import ImageError, UsageError
from plainfilm.geometry import Boxes, scale_boxes_xyxy
from plainfilm.metrics.grounding import contrast_to_noise, covered_areas, is_pointed, painted
from plainfilm.progress import SILENT, Progress

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor
    from plainfilm.predictor.similarity_map import SimilarityMap

Floats = NDArray[np.float64]
Way = Literal["auto", "boxes", "map"]
"""How a model answers: by boxes, by the similarity of patches, or the first of these it can ("auto")."""

GRID = 1024
"""Pixels of a side of the grid that areas are counted on, as published."""
HEAT = 64
"""Cells of a side of the grid on which maps are compared."""
MAP_SHARE = 0.1
"""Of the patches of a film that lie in the boxes of its map."""


class Answer(Protocol):
    """The answer to one text on one film. boxes: (K, 4) in pixels of the stored image. scores: (K,), the best
    first."""

    @property
    def boxes(self) -> Boxes:
        """(K, 4)."""
        ...

    @property
    def scores(self) -> Floats:
        """(K,)."""
        ...

    def points_into(self, true_xyxy: Boxes) -> bool:
        """Whether the place of the highest score lies in a true box (M, 4)."""
        ...

    def areas(self, threshold: float, true_xyxy: Boxes) -> tuple[float, float]:
        """Pixels of the grid in both, and in either, of what scores at least `threshold` and true boxes."""
        ...

    def contrast(self, true_xyxy: Boxes) -> float:
        """The contrast-to-noise ratio of the map inside and outside true boxes."""
        ...


@dataclass(frozen=True)
class BoxAnswer:
    """Scored boxes on a film of `size` (width, height); its map is the highest score of a box at a place.

    calibrate: what made calibrated scores of the model's own, if they are. Published thresholds are of a
    model's own scores, so they are calibrated alike.
    """

    boxes: Boxes
    scores: Floats
    size: tuple[int, int]
    calibrate: Callable[[Floats], Floats] | None = None

    def points_into(self, true_xyxy: Boxes) -> bool:
        """Whether the centre of the best box lies in a true box."""
        if not len(self.boxes):
            return False
        x0, y0, x1, y1 = self.boxes[0].tolist()
        return is_pointed(((x0 + x1) / 2, (y0 + y1) / 2), true_xyxy)

    def areas(self, threshold: float, true_xyxy: Boxes) -> tuple[float, float]:
        """See `Answer`."""
        least = threshold if self.calibrate is None else float(self.calibrate(np.array([threshold]))[0])
        kept = self.boxes[self.scores >= least]
        grid = (GRID, GRID)
        return covered_areas(*(np.round(scale_boxes_xyxy(one, self.size, grid)) for one in (kept, true_xyxy)))

    def contrast(self, true_xyxy: Boxes) -> float:
        """See `Answer`."""
        ours, true = (scale_boxes_xyxy(one, self.size, (HEAT, HEAT)) for one in (self.boxes, true_xyxy))
        inside = painted(true, np.ones(len(true)), HEAT) > 0
        return contrast_to_noise(painted(ours, self.scores, HEAT), inside)


@dataclass(frozen=True)
class MapAnswer:
    """A map of similarity. Its boxes are the connected areas above the cosine that `MAP_SHARE` of the film's
    patches exceed, the score of a box the highest cosine in it. heat: (HEAT, HEAT) cosines on a grid over the
    film, NaN where the model does not see it."""

    boxes: Boxes
    scores: Floats
    size: tuple[int, int]
    peak: tuple[float, float]
    heat: Floats

    @staticmethod
    def of(similarity: SimilarityMap, most: int | None) -> MapAnswer:
        """The answer that a map is, with at most `most` boxes."""
        boxes, scores = similarity.boxes(similarity.threshold(MAP_SHARE))
        pixels = similarity.pixels()
        rows, columns = (((np.arange(HEAT) + 0.5) / HEAT * side).astype(np.int64) for side in pixels.shape)
        return MapAnswer(
            boxes[:most],
            scores[:most].astype(np.float64),
            similarity.geometry.film,
            similarity.peak(),
            pixels[np.ix_(rows, columns)].astype(np.float64),
        )

    def points_into(self, true_xyxy: Boxes) -> bool:
        """Whether the centre of the most similar patch lies in a true box."""
        return is_pointed(self.peak, true_xyxy)

    def areas(self, threshold: float, true_xyxy: Boxes) -> tuple[float, float]:
        """Of the places whose cosine is at least the threshold, as BioViL is evaluated, counted in cells of
        the map's grid and given as pixels of the finer one."""
        inside, above = self._inside(true_xyxy), np.nan_to_num(self.heat, nan=-1.0) >= threshold
        pixels = (GRID / HEAT) ** 2
        return float((inside & above).sum() * pixels), float((inside | above).sum() * pixels)

    def contrast(self, true_xyxy: Boxes) -> float:
        """See `Answer`."""
        return contrast_to_noise(self.heat, self._inside(true_xyxy))

    def _inside(self, true_xyxy: Boxes) -> NDArray[np.bool_]:
        true = scale_boxes_xyxy(true_xyxy, self.size, (HEAT, HEAT))
        return painted(true, np.ones(len(true)), HEAT) > 0


def ways_of(predictor: Predictor) -> list[Way]:
    """The ways in which a model can answer, the preferred one first."""
    names: dict[str, Way] = {"locates": "boxes", "locates_by_patches": "map"}
    return [way for ability, way in names.items() if ability in predictor.abilities]


def chosen_way(predictor: Predictor, wanted: Way) -> Way:
    """`wanted`, or the preferred way of the model.

    Raises:
        UsageError: the model cannot answer that way.
    """
    able = ways_of(predictor)
    if wanted == "auto" and able:
        return able[0]
    if wanted not in able:
        known = ", ".join(able) or "none"
        raise UsageError(
            f"{predictor.name}: does not locate texts by way={wanted}; ways of this model: {known}"
        )
    return wanted


def stream_answers(
    predictor: Predictor,
    films: Sequence[str],
    texts_of_each: Sequence[Sequence[str]],
    way: Way,
    most: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[list[Answer]]:
    """For each film in turn an answer to each of its texts, of at most `most` boxes.

    Raises:
        ImageError: a file is not a usable image; the message has its name.
    """
    if way == "map":
        for maps in predictor.stream_similarity_maps(films, texts_of_each, progress):
            if isinstance(maps, ImageError):
                raise maps
            yield [MapAnswer.of(one, most) for one in maps]
        return
    calibrate = predictor.box_tuning.calibrated if predictor.box_tuning else None
    for size, found in predictor.stream_located(films, texts_of_each, progress):
        yield [
            BoxAnswer(one.boxes[:most], one.scores[:most].astype(np.float64), size, calibrate)
            for one in found
        ]

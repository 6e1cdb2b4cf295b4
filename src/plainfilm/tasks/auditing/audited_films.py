"""The films of an audit: their labels, boxes and views, and streams of them as they are and changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.collection.boxes import agreed_boxes
from plainfilm.geometry import Boxes
from plainfilm.io.images import read_image
from plainfilm.seeding import generator
from plainfilm.tasks.auditing.film_changes import (
    HARMLESS,
    FilmArray,
    elsewhere,
    mirrored,
    occluded,
    without_markers,
)
from plainfilm.tasks.base import Metric
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.scoring.measure import (
    LEAST,
    DescribedScore,
    Measured,
    Resampling,
    film_subgroups,
    measure,
    measure_subgroups,
)
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

AS_IT_IS, BLANK, MIRRORED, MARKERS = "as_it_is", "blank_film", "mirrored", "without_markers"
SAME_LABELS, OTHER_LABELS = "film_of_same_labels", "film_of_other_labels"
OTHER_WORDS = "other_words"
CHANGES = (BLANK, OTHER_LABELS, SAME_LABELS, MIRRORED, *HARMLESS, MARKERS, OTHER_WORDS)
"""What the model is shown instead of each film; the last one leaves the film and changes the prompts."""
TITLES = {
    BLANK: "a blank film",
    OTHER_LABELS: "another patient's film with other labels",
    SAME_LABELS: "another patient's film with the same labels",
    MIRRORED: "the film mirrored left to right",
    **{name: change.title for name, change in HARMLESS.items()},
    MARKERS: "the film without letters in its margins",
    OTHER_WORDS: "the film and the prompts in other words",
}
MUST_REACT = (BLANK, OTHER_LABELS)
"""Changes that take away what an answer has to rely on."""


@dataclass(frozen=True)
class Occlusion:
    """One finding with boxes. row, column: its film and observation. inside: its boxes (K, 4); outside: boxes
    of equal size elsewhere, or `None` where there is no room."""

    row: int
    column: int
    inside: Boxes
    outside: Boxes | None


@dataclass(frozen=True)
class AuditedFilms:
    """N films with their views. boxes: by row and observation, (K, 4) in pixels of the stored image. parts:
    subgroups of the films (name → mask (N,)). seed: of what is drawn."""

    films: Films
    boxes: Mapping[tuple[int, str], Boxes]
    views: Sequence[View]
    parts: Mapping[str, NDArray[np.bool_]]
    predictor: Predictor
    seed: int
    _shown: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.films)

    def measure(
        self,
        measured: Measured,
        score: DescribedScore,
        resampling: Resampling,
        rows: Sequence[int] | NDArray[np.int64] | None = None,
    ) -> list[Metric]:
        """A score over all items and over those of each subgroup; `rows` are the films of the items, by
        default every film is one."""
        masks = {name: mask if rows is None else mask[rows] for name, mask in self.parts.items()}
        parts = {name: mask for name, mask in masks.items() if mask.sum() >= LEAST}
        return [
            *measure(measured, [score], resampling),
            *measure_subgroups(measured, [score], parts, resampling),
        ]

    def array(self, row: int) -> FilmArray:
        """The stored film, (H, W) uint8."""
        return read_image(Path(self.films.frame["image"].iloc[row])).array

    def stream(self, change: str) -> Iterator[Any]:
        """Every film in turn as it is or changed."""
        for row in range(len(self)):
            yield self.usable(self._changed(change, row))

    def _changed(self, change: str, row: int) -> FilmArray:
        film = self.array(row)
        if change == MIRRORED:
            return mirrored(film)
        if change in HARMLESS:
            return HARMLESS[change].apply(film, self._all_boxes(row))
        if change == MARKERS:
            cleaned = without_markers(film, self._all_boxes(row))
            return film if cleaned is None else cleaned
        return film

    def usable(self, film: FilmArray) -> Any:
        """The film, or a blank one where nothing is left of it."""
        return self.predictor.blank_film() if film.min() == film.max() else film

    def answers(self, what: str, change: str, ask: Callable[[Iterator[Any]], NDArray]) -> NDArray:
        """`ask` of all films under a change, (N, ...); `what` names it, and the same is asked once."""
        key = f"{what}/{change}"
        if key not in self._shown:
            if change == BLANK:
                answer = ask(iter([self.predictor.blank_film()]))
                self._shown[key] = np.repeat(answer, len(self), axis=0)
            elif change in (SAME_LABELS, OTHER_LABELS):
                own: NDArray = self.answers(what, AS_IT_IS, ask)
                self._shown[key] = own[self.donors[change]]
            else:
                self._shown[key] = ask(self.stream(change))
        found: NDArray = self._shown[key]
        return found

    @cached_property
    def donors(self) -> dict[str, NDArray[np.int64]]:
        """For each film the row of another patient's film, whose labels are most or least alike: (N,).

        Alike: the share of the observations known on both films in which both are equal. Among equals one is
        drawn.
        """
        positive, known = self.films.positive, self.films.known
        patients, rng = self.films.patients, generator(self.seed, "reliance", "donors")
        chosen: dict[str, list[int]] = {SAME_LABELS: [], OTHER_LABELS: []}
        for row in range(len(self)):
            both = known & known[row]
            equal = ((positive == positive[row]) & both).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
            others = patients != patients[row]
            noise = rng.uniform(0, 1e-6, len(self))
            for name, sign in ((SAME_LABELS, 1.0), (OTHER_LABELS, -1.0)):
                chosen[name].append(int(np.argmax(np.where(others, sign * equal + noise, -np.inf))))
        return {name: np.array(rows, dtype=np.int64) for name, rows in chosen.items()}

    @cached_property
    def occlusions(self) -> list[Occlusion]:
        """Every finding that is labelled positive and has boxes."""
        found = []
        for row in range(len(self)):
            size = None
            for column, name in enumerate(self.films.observations):
                boxes = self.boxes.get((row, name))
                if boxes is None or not (self.films.positive & self.films.known)[row, column]:
                    continue
                size = size or self.array(row).shape[::-1]
                rng = generator(self.seed, "reliance", "elsewhere", row, column)
                outside = elsewhere(boxes, self._all_boxes(row), size, rng)
                found.append(Occlusion(row, column, boxes, outside))
        return found

    def occluded(self, occlusions: Sequence[Occlusion], *, inside: bool) -> Iterator[Any]:
        """The film of each occlusion with its boxes, or with those elsewhere, occluded."""
        for one in occlusions:
            boxes = one.inside if inside else one.outside
            film = self.array(one.row)
            yield self.usable(film if boxes is None else occluded(film, boxes))

    def _all_boxes(self, row: int) -> Boxes:
        own = [boxes for (at, _), boxes in self.boxes.items() if at == row]
        return np.concatenate([np.empty((0, 4)), *own])


def audited_films(
    predictor: Predictor, collections: Sequence[Collection], films: Films, most: int, seed: int
) -> AuditedFilms:
    """At most `most` of the `films`, drawn, in their order, with the boxes of their observations."""
    if len(films) > most:
        kept = np.zeros(len(films), dtype=bool)
        kept[generator(seed, "reliance", "films").permutation(len(films))[:most]] = True
        films = films.part(kept)
    keys = [tuple(key) for key in films.frame[["place", "image_id"]].to_numpy()]
    rows = {key: row for row, key in enumerate(keys)}
    boxes: dict[tuple[int, str], list[list[float]]] = {}
    views = [View.UNKNOWN] * len(films)
    for place, collection in enumerate(collections):
        for image_id, view in collection.frame("images")[["image_id", "view"]].to_numpy():
            if (place, image_id) in rows:
                views[rows[place, image_id]] = View(view)
        table: Any = agreed_boxes(collection).itertuples()
        for box in table:
            if box.kind == "observation" and (place, box.image_id) in rows:
                own = boxes.setdefault((rows[place, box.image_id], box.name), [])
                own.append([box.x0, box.y0, box.x1, box.y1])
    arrays = {key: np.array(own, dtype=np.float64) for key, own in boxes.items()}
    parts = film_subgroups(collections, films.frame)
    return AuditedFilms(films, arrays, views, parts, predictor, seed)

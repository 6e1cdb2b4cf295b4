"""Boxes with what is known of them: findings of phrases (MS-CXR), or regions of anatomy (Chest ImaGenome)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.collection.region_labels import region_labels
from plainfilm.errors import NothingToEvaluate
from plainfilm.geometry import Boxes
from plainfilm.tasks.locating.films import CORNERS, NO_BOXES, REGION, REGION_PHRASE, BoxedFilms
from plainfilm.tasks.locating.phrases import phrases_of
from plainfilm.types import State

About = Literal["auto", "findings", "regions"]
"""What boxes are about: findings that phrases name, or regions of anatomy."""
NORMAL, ABNORMAL = "normal", "abnormal"


@dataclass(frozen=True)
class DescribedBoxes:
    """K boxes: film (K,) the row of each, boxes (K, 4) in pixels of the stored image, names (K,) the finding
    or region, texts (K,) what the report says of it ("" for nothing)."""

    film: NDArray[np.int64]
    boxes: Boxes
    names: list[str]
    texts: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def of_films(self, count: int) -> list[Boxes]:
        """The boxes of each of `count` films; boxes are in the order of films."""
        return [self.boxes[self.film == row] for row in range(count)]

    def ids(self, films: BoxedFilms) -> list[str]:
        """FILM:NUMBER of each."""
        numbers = np.arange(len(self)) - np.searchsorted(self.film, self.film)
        return [f"{films.ids[film]}:{number}" for film, number in zip(self.film, numbers, strict=True)]

    def part(self, mask: NDArray[np.bool_]) -> DescribedBoxes:
        """The boxes of `mask` (K,) only."""
        kept = np.flatnonzero(mask)
        names, texts = ([values[place] for place in kept] for values in (self.names, self.texts))
        return DescribedBoxes(self.film[kept], self.boxes[kept], names, texts)


def what_about(collections: Sequence[Collection], films: BoxedFilms, wanted: About) -> About:
    """`wanted`, or by default findings where phrases name any, else regions.

    Raises:
        NothingToEvaluate: the films have no boxes of this kind.
    """
    has = {
        "findings": len(phrases_of(films)) > 0,
        "regions": bool((films.boxes["kind"] == REGION).any()),
    }
    chosen: About = wanted
    if wanted == "auto":
        chosen = "findings" if has["findings"] else "regions"
    if not has[chosen]:
        where = ", ".join(str(collection.path) for collection in collections)
        raise NothingToEvaluate(f"{where}: no film of the split has boxes about {chosen}")
    return chosen


def finding_boxes(films: BoxedFilms) -> DescribedBoxes:
    """Every box of every phrase about a finding."""
    phrases = phrases_of(films)
    counts = [len(boxes) for boxes in phrases.boxes]
    return DescribedBoxes(
        np.repeat(phrases.film, counts),
        np.concatenate([NO_BOXES, *phrases.boxes]),
        [name for name, count in zip(phrases.names, counts, strict=True) for _ in range(count)],
        [text for text, count in zip(phrases.texts, counts, strict=True) for _ in range(count)],
    )


def region_boxes(films: BoxedFilms) -> DescribedBoxes:
    """Every region of every film, with all its sentences."""
    table = films.boxes
    said = table[(table["kind"] == REGION_PHRASE) & table["phrase"].notna()]
    texts = said.groupby(["film", "name"], sort=False)["phrase"].agg(lambda own: " ".join(dict.fromkeys(own)))
    regions = table[table["kind"] == REGION].drop_duplicates(["film", "name"])
    regions = regions.sort_values("film", kind="stable")
    keys = list(zip(regions["film"], regions["name"], strict=True))
    known = texts.to_dict()
    return DescribedBoxes(
        regions["film"].to_numpy(dtype=np.int64),
        regions[CORNERS].to_numpy(dtype=np.float64).reshape(-1, 4),
        regions["name"].tolist(),
        [known.get(key, "") for key in keys],
    )


def boxes_about(films: BoxedFilms, about: About) -> DescribedBoxes:
    """The boxes about findings or regions."""
    return finding_boxes(films) if about == "findings" else region_boxes(films)


def abnormal_regions(
    collections: Sequence[Collection], films: BoxedFilms, boxes: DescribedBoxes
) -> NDArray[np.int8]:
    """(K,) 1 where a region is stated to be abnormal, 0 where it is stated to be normal, -1 otherwise."""
    stated = [region_labels(collection) for collection in collections]
    found = np.full(len(boxes), -1, dtype=np.int8)
    places, images = films.frame["place"].to_numpy(), films.frame["image_id"].tolist()
    for row, (film, name) in enumerate(zip(boxes.film.tolist(), boxes.names, strict=True)):
        labels = stated[places[film]].get((images[film], name), [])
        affirmed = {observation for observation, _, state in labels if state == State.POSITIVE}
        if affirmed & {NORMAL, ABNORMAL}:
            found[row] = int(ABNORMAL in affirmed)
    return found

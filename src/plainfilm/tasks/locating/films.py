"""The films of a split that have boxes, with their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.collection.boxes import agreed_boxes
from plainfilm.geometry import Boxes
from plainfilm.tasks.film_classification.films import films_of_split

CORNERS = ["x0", "y0", "x1", "y1"]
NO_BOXES: Boxes = np.zeros((0, 4))
OBSERVATION, PHRASE, REGION, REGION_PHRASE = "observation", "phrase", "region", "region phrase"
"""The kinds of boxes; a phrase of a region of anatomy (Chest ImaGenome) is none about a finding (MS-CXR)."""


@dataclass(frozen=True)
class BoxedFilms:
    """N films and the boxes on them.

    frame: (N) place (of the collection), corpus, image_id, study_id, patient_id, image (a path), width and
    height (pixels of the stored image). boxes: name, kind, phrase, the corners in pixels of the stored image,
    and `film`, the row of `frame`.
    """

    frame: pd.DataFrame
    boxes: pd.DataFrame

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def paths(self) -> list[str]:
        """(N,)"""
        return self.frame["image"].tolist()

    @property
    def ids(self) -> list[str]:
        """(N,) distinct between collections."""
        several = self.frame["place"].nunique() > 1
        ids = self.frame["image_id"].astype(str)
        return (self.frame["place"].astype(str) + "/" + ids if several else ids).tolist()

    @property
    def patients(self) -> NDArray[np.str_]:
        """(N,), distinct between corpora."""
        return (self.frame["corpus"] + "/" + self.frame["patient_id"]).to_numpy(dtype=str)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(N,) width and height in pixels."""
        return [(int(w), int(h)) for w, h in self.frame[["width", "height"]].to_numpy()]

    def of_kind(self, *kinds: str) -> BoxedFilms:
        """The same films with boxes of these kinds only."""
        return replace(self, boxes=self.boxes[self.boxes["kind"].isin(kinds)].reset_index(drop=True))

    def named(self, names: Sequence[str]) -> list[list[Boxes]]:
        """The boxes (M, 4) of each name on each film, (N, C)."""
        found = [[NO_BOXES] * len(names) for _ in range(len(self))]
        places = {name: place for place, name in enumerate(names)}
        kept = self.boxes[self.boxes["name"].isin(places)]
        groups: Any = kept.groupby(["film", "name"], sort=False)
        for (film, name), group in groups:
            found[film][places[name]] = group[CORNERS].to_numpy(dtype=np.float64)
        return found

    def first(self, count: int | None) -> BoxedFilms:
        """The first `count` films (`None`: all)."""
        return self.rows(np.arange(len(self))[:count])

    def rows(self, rows: NDArray[np.int64]) -> BoxedFilms:
        """The films of these rows, in this order."""
        new = {int(row): place for place, row in enumerate(rows)}
        boxes = self.boxes[self.boxes["film"].isin(new)].copy()
        boxes["film"] = boxes["film"].map(new).astype(np.int64)
        return BoxedFilms(self.frame.iloc[rows].reset_index(drop=True), boxes.reset_index(drop=True))


def gather_boxed_films(
    collections: Sequence[Collection], split: str, views: Sequence[str] | None, every: bool = False
) -> BoxedFilms:
    """The films of a split that have a box, or with `every` all films of collections that have boxes."""
    frames, tables, start = [], [], 0
    for place, collection in enumerate(collections):
        boxes = agreed_boxes(collection)[["image_id", "name", "kind", "phrase", *CORNERS]]
        if boxes.empty:
            continue
        collection.require_pixels()
        films = films_of_split(collection, place, split, views)
        sizes = collection.frame("images")[["image_id", "width", "height"]]
        films = films.merge(sizes, on="image_id", how="left")
        if not every:
            films = films[films["image_id"].isin(boxes["image_id"])]
        films = films.reset_index(drop=True)
        rows = pd.Series(np.arange(len(films)) + start, index=films["image_id"])
        boxes = _with_kinds(boxes[boxes["image_id"].isin(rows.index)])
        tables.append(boxes.assign(film=boxes["image_id"].map(rows).astype(np.int64)))
        frames.append(films)
        start += len(films)
    if not frames:
        columns = ["place", "corpus", "image_id", "study_id", "patient_id", "image", "width", "height"]
        empty = pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
        return BoxedFilms(empty, pd.DataFrame(columns=["name", "kind", "phrase", *CORNERS, "film"]))
    return BoxedFilms(pd.concat(frames, ignore_index=True), pd.concat(tables, ignore_index=True))


def _with_kinds(boxes: pd.DataFrame) -> pd.DataFrame:
    """Boxes of one collection, with phrases of regions told from those of findings."""
    regions = boxes.loc[boxes["kind"] == REGION, "name"].unique()
    of_region = (boxes["kind"] == PHRASE) & boxes["name"].isin(regions)
    return boxes.assign(kind=boxes["kind"].where(~of_region, REGION_PHRASE))

"""Phrases with boxes on films, and sentences of the films' reports that deny findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.collection.sentence_labels import StatedSentences
from plainfilm.geometry import Boxes
from plainfilm.tasks.locating.films import CORNERS, PHRASE, REGION_PHRASE, BoxedFilms


@dataclass(frozen=True)
class Phrases:
    """P phrases on films: film (P,) the row of each, texts, names (P,) the class of its first box, boxes
    (P,) each (M, 4) in pixels of the stored image."""

    film: NDArray[np.int64]
    texts: list[str]
    names: list[str]
    boxes: list[Boxes]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def by_film(self) -> list[list[int]]:
        """The places of the phrases of each film that has any, in the order of films."""
        found: dict[int, list[int]] = {}
        for place, film in enumerate(self.film.tolist()):
            found.setdefault(film, []).append(place)
        return [found[film] for film in sorted(found)]


def phrases_of(films: BoxedFilms, of_regions: bool = False) -> Phrases:
    """The distinct phrases of each film, with all their boxes.

    of_regions: whether phrases that are about a region of anatomy count, such as those of Chest ImaGenome,
    or those that are about a finding, such as those of MS-CXR.
    """
    table = films.boxes
    kept = (table["kind"] == (REGION_PHRASE if of_regions else PHRASE)) & table["phrase"].notna()
    film, texts, names, boxes = [], [], [], []
    groups: Any = table[kept].groupby(["film", "phrase"], sort=False)
    for (row, text), group in groups:
        film.append(int(row))
        texts.append(str(text))
        names.append(str(group["name"].iloc[0]))
        boxes.append(group[CORNERS].to_numpy(dtype=np.float64))
    order = np.argsort(film, kind="stable") if film else np.zeros(0, dtype=np.int64)
    return Phrases(
        np.array(film, dtype=np.int64)[order],
        *([values[place] for place in order] for values in (texts, names, boxes)),
    )


def denials_of(collections: Sequence[Collection], films: BoxedFilms, most: int) -> list[list[str]]:
    """(N,) at most `most` distinct sentences of each film's report that deny findings and affirm none, by the
    labels of sentences; none where a collection has no such labels."""
    found: list[list[str]] = [[] for _ in range(len(films))]
    for place, collection in enumerate(collections):
        stated = StatedSentences(collection)
        reports = collection.frame("sentences").groupby("study_id", sort=False).indices
        own = films.frame["place"] == place
        for row in np.flatnonzero(own.to_numpy()).tolist():
            report = reports.get(films.frame["study_id"].iloc[row], ())
            found[row] = stated.denying(np.asarray(report, dtype=np.int64))[:most]
    return found


def as_frame(films: BoxedFilms, phrases: Phrases) -> pd.DataFrame:
    """One row per phrase: its id, that of its film, the patient, the class and the text."""
    ids = np.array(films.ids)[phrases.film]
    numbers = pd.Series(ids).groupby(ids).cumcount()
    return pd.DataFrame(
        {
            "query_id": [f"{name}:{number}" for name, number in zip(ids, numbers, strict=True)],
            "image_id": ids,
            "patient_id": films.patients[phrases.film],
            "class": phrases.names,
            "phrase": phrases.texts,
        }
    )

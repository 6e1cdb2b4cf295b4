"""The studies of a collection as a data set: all films of a study, its report and its labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.datasets.base import Records
from plainfilm.datasets.films import FilmRecord, Films
from plainfilm.datasets.tables import (
    SectionsOfStudies,
    check_split,
    read_labels,
    states_by_name,
)
from plainfilm.types import State, View


@dataclass(frozen=True)
class StudyRecord:
    """One study. films: its images in the order of the collection, see `FilmRecord`. sections and labels: as
    of a film, of the whole study. age: years. indication: the question that was asked."""

    study_id: str
    patient_id: str
    split: str
    films: tuple[FilmRecord, ...]
    sections: dict[str, str] = field(repr=False)
    labels: dict[str, State | None] = field(repr=False)
    age: float | None = None
    sex: str | None = None
    indication: str | None = None


class Studies(Records[StudyRecord]):
    """The studies of a collection by number, each a `StudyRecord`, or what `transform` makes of it.

    split, views, origins, and of `pixels` size and cache: as of `Films`; `views` chooses the films, and
    studies without any such film are left out where `views` is given.

    Raises:
        CollectionError: no films in the collection, or an unknown split or view.
        DataError: an origin that the collection does not have.
    """

    what = "study"

    def __init__(
        self,
        collection: Collection,
        *,
        transform: Callable[[StudyRecord], Any] | None = None,
        split: str | None = None,
        views: Sequence[View | str] | None = None,
        origins: Sequence[str] | None = None,
        **pixels: int | None,
    ) -> None:
        super().__init__(transform)
        check_split(split)
        self._name, self._split = collection.name, split
        self._table = collection.table("studies")
        self._films = Films(collection, split=split, views=views, origins=origins, **pixels)
        self._owners = self._films.studies
        self._rows = self._chosen(split, with_films_only=views is not None)
        self._sections = SectionsOfStudies(collection)
        reader = read_labels(collection, origins)
        self.observations = reader.observations
        self._states = reader.studies()

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        part = "" if self._split is None else f" of split '{self._split}'"
        films = f"{len(self._films)} films, {len(self.observations)} observations"
        return f"<{len(self)} studies{part} of collection '{self._name}', {films}>"

    def record(self, number: int) -> StudyRecord:
        """Study `number`, 0 to the number of studies - 1, without the transform.

        Raises:
            CollectionError: a file is missing or damaged.
        """
        row = int(self._rows[number])
        values = self._table.slice(row, 1).to_pylist()[0]
        values.pop("order")
        return StudyRecord(
            films=tuple(self._films.record(int(film)) for film in np.flatnonzero(self._owners == row)),
            sections=self._sections.of(row),
            labels=states_by_name(self.observations, self._states[row]),
            **values,
        )

    def _chosen(self, split: str | None, *, with_films_only: bool) -> NDArray[np.int64]:
        keep = np.ones(self._table.num_rows, dtype=bool)
        if split is not None:
            keep &= np.array(self._table["split"].to_pylist()) == split
        if with_films_only:
            keep &= np.isin(np.arange(len(keep)), self._owners)
        return np.flatnonzero(keep)

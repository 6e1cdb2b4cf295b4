"""Embeddings of images, sentences and reports, the queries, and which items are relevant to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.bank.build import as_matrix, embed_items
from plainfilm.bank.items import ItemFilter, Items, gather
from plainfilm.bank.search import Indices, Vectors
from plainfilm.collection import Collection
from plainfilm.collection.label_origins import ItemKind
from plainfilm.collection.labels import Labels
from plainfilm.metrics.findings import NOT_MENTIONED, States
from plainfilm.progress import Progress
from plainfilm.seeding import generator
from plainfilm.tasks.scoring.measure import facts_of

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor


ALL = "all"
"""The name, instead of a split, for every study of the collections."""


@dataclass(frozen=True)
class Direction:
    """Queries of one kind against items of another."""

    name: str
    query: ItemKind
    bank: ItemKind


DIRECTIONS = {
    direction.name: direction
    for direction in (
        Direction("image->sentence", "images", "sentences"),
        Direction("image->report", "images", "reports"),
        Direction("text->image", "reports", "images"),
        Direction("image->image", "images", "images"),
    )
}
"""The directions; a text query is a study's report under the text rule."""


@dataclass(frozen=True)
class Embedded:
    """Items with their vectors (N, D) and, for every study, the rows of its items."""

    items: Items
    vectors: Vectors

    @property
    def states(self) -> States:
        """(N, C); C is 0 if labels were not read."""
        return _unlabelled(len(self.items)) if self.items.states is None else self.items.states

    def rows_by_study(self) -> dict[str, Indices]:
        """Study → rows of its items, in ascending order."""
        members = self.items.members
        return {
            str(study): np.unique(rows) for study, rows in members.groupby("study")["item"].unique().items()
        }


def _unlabelled(count: int) -> States:
    return np.zeros((count, 0), dtype=np.int8)


class EmbeddedCollections:
    """The embeddings of some collections for a retrieval evaluation, each part computed once.

    Its splits are those of the collections and `ALL`.
    """

    def __init__(
        self,
        predictor: Predictor,
        collections: Sequence[Collection],
        labels: Labels | None,
        choice: ItemFilter,
        progress: Progress,
    ) -> None:
        self._predictor = predictor
        self._collections = collections
        self._choice = choice
        self._progress = progress
        self._parts: dict[tuple[ItemKind, str], Embedded] = {}
        self.labels = labels

    @property
    def observations(self) -> tuple[str, ...]:
        """The columns of all states."""
        return self.labels.observations if self.labels else ()

    def part(self, what: ItemKind, split: str) -> Embedded:
        """The `what` of `split`, embedded."""
        if (what, split) not in self._parts:
            choice = replace(self._choice, split=None if split == ALL else split)
            items = gather(self._collections, what, choice, self.labels)
            vectors = as_matrix(embed_items(self._predictor, items, self._progress), len(items))
            self._parts[what, split] = Embedded(items, vectors)
        return self._parts[what, split]

    def queries(self, what: ItemKind, split: str, most: int | None, seed: int) -> Queries:
        """The queries of one kind: every image, or every study's report; at most `most`, drawn by `seed`."""
        side = self.part(what, split)
        members = side.items.members
        if most is not None and len(members) > most:
            chosen = generator(seed, "queries", what).choice(len(members), most, replace=False)
            members = members.iloc[np.sort(chosen)]
        frame = side.items.frame.iloc[members["item"].to_numpy()]
        parts = members["study"].str.partition("/")
        films = frame["item_id"].tolist() if what == "images" else None
        keys = [f"{place}/{film}" for place, film in zip(parts[0], films, strict=True)] if films else None
        return Queries(
            ids=np.array(films or parts[2].tolist(), dtype=str),
            patients=members["patient"].to_numpy(dtype=str),
            rows=members["item"].to_numpy(),
            side=side,
            states=self._states(parts, split, films),
            facts=facts_of(self._collections, members["study"].tolist(), keys),
        )

    def _states(self, parts: pd.DataFrame, split: str, films: Sequence[str] | None) -> States:
        """States (Q, C) of the queried images, or of reports without `films`; `parts` has the collection in
        column 0 and the study in column 2."""
        if self.labels is None:
            return _unlabelled(len(parts))
        states = np.full((len(parts), len(self.observations)), NOT_MENTIONED, dtype=np.int8)
        read = self.labels.reports if films is None else self.labels.images
        ids = parts[2].to_numpy() if films is None else np.array(films, dtype=object)
        for place in range(len(self._collections)):
            mine = (parts[0] == str(place)).to_numpy()
            states[mine] = np.maximum(read(place, split, ids[mine].tolist()), NOT_MENTIONED)
        return states


@dataclass(frozen=True)
class Queries:
    """Q queries: ids and patients (Q,), their `rows` in `side`, their states (Q, C), and sex, age and view if
    known (`facts`, one row per query).
    """

    ids: NDArray[np.str_]
    patients: NDArray[np.str_]
    rows: Indices
    side: Embedded
    states: States
    facts: pd.DataFrame

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def vectors(self) -> Vectors:
        """(Q, D)."""
        return self.side.vectors[self.rows]

    def relevant(self, bank: Embedded) -> list[Indices]:
        """For each query, the rows of `bank` of its study, or of a study with the same text.

        If `bank` is the queries' own side, a query is not relevant to itself.
        """
        members = self.side.items.members
        studies_of = members.groupby("item")["study"].unique()
        rows_of = bank.rows_by_study()
        none = np.empty(0, dtype=np.int64)
        relevant = []
        for row in self.rows:
            rows = np.unique(np.concatenate([rows_of.get(study, none) for study in studies_of[row]]))
            relevant.append(rows[rows != row] if bank is self.side else rows)
        return relevant

"""Rows of a collection's tables by the image or study that they belong to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.collection.label_origins import (
    check_origins,
    is_from,
    origins,
    positions,
    preferred_origins,
)
from plainfilm.collection.labels import LabelReader
from plainfilm.errors import CollectionError, nearest
from plainfilm.metrics.findings import States
from plainfilm.types import SPLITS, Box, State, View

Ints = NDArray[np.int64]
_STATES = {int(state): state for state in State}


class RowsOf:
    """The rows of `table` whose column `key` has each of `ids`, in the order of the table, without `key`."""

    def __init__(self, table: pa.Table, key: str, ids: pa.ChunkedArray) -> None:
        owner = positions(table[key], ids)
        order = np.argsort(owner, kind="stable")
        # In one piece: looking for the chunk of a row takes longer than reading it.
        self._table = table.drop_columns([key]).take(pa.array(order)).combine_chunks()
        self._ends = np.searchsorted(owner[order], np.arange(len(ids) + 1))

    def of(self, number: int) -> pa.Table:
        """The rows of id `number`."""
        start, stop = int(self._ends[number]), int(self._ends[number + 1])
        return self._table.slice(start, stop - start)


class SectionsOfStudies:
    """The sections of every study's report."""

    def __init__(self, collection: Collection) -> None:
        self._rows = RowsOf(
            collection.table("sections").sort_by("position").select(["study_id", "section", "text"]),
            "study_id",
            collection.table("studies")["study_id"],
        )

    def of(self, study: int) -> dict[str, str]:
        """Texts by name of section, in the order of the report; parts of one name are joined by a line
        feed."""
        texts: dict[str, str] = {}
        for row in self._rows.of(study).to_pylist():
            name = row["section"]
            texts[name] = f"{texts[name]}\n{row['text']}" if name in texts else row["text"]
        return texts


class BoxesOfImages:
    """The boxes on every image."""

    def __init__(self, collection: Collection) -> None:
        self._rows = RowsOf(collection.table("boxes"), "image_id", collection.table("images")["image_id"])

    def of(self, image: int) -> list[Box]:
        """The boxes of a row of `images`, in pixels of the stored image."""
        return [Box(**row) for row in self._rows.of(image).to_pylist()]


def read_labels(collection: Collection, names: Sequence[str] | None) -> LabelReader:
    """A reader of the labels from the origins `names`; by default those that training prefers.

    Raises:
        DataError: an origin that the collection does not have.
    """
    if names is None:
        return LabelReader(collection, preferred_origins(collection, ()) or origins(collection))
    check_origins([collection], names)
    return LabelReader(
        collection, [one for one in origins(collection) if any(is_from(one, name) for name in names)]
    )


def states_by_name(observations: Sequence[str], states: States) -> dict[str, State | None]:
    """A row (C,) of states as a dictionary; `None` for what is not mentioned."""
    return {name: _STATES.get(state) for name, state in zip(observations, states.tolist(), strict=True)}


def check_split(split: str | None) -> None:
    """Check that there is such a split; `None` means all.

    Raises:
        CollectionError: there is not; the message has the nearest.
    """
    if split is not None and split not in SPLITS:
        raise CollectionError(f"there is no split '{split}': {nearest(split, SPLITS)}")


def known_views(views: Sequence[View | str] | None) -> frozenset[View]:
    """`views` as such; `None` means all.

    Raises:
        CollectionError: a view that does not exist; the message has the nearest.
    """
    if views is None:
        return frozenset(View)
    names = [str(view) for view in views]
    unknown = next((name for name in names if name not in set(View)), None)
    if unknown is not None:
        raise CollectionError(f"there is no view '{unknown}': {nearest(unknown, list(View))}")
    return frozenset(map(View, names))

"""Finds the rows of ids in a table without keeping the ids: 20 bytes for each, however long it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.io.growing_array import GrowingArray

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

_AT_ONCE = 1 << 14
_KEYS = ("first hash of id", "other hash of id")
"""Keys of the two hashes (SipHash) of 64 bits: of a billion ids, no two have both in common."""


class RowIndex:
    """The rows of N ids, which come in parts in the order of their table; `expected`: how many, if known."""

    def __init__(self, ids: Iterable[pa.Array], expected: int = 0) -> None:
        columns = GrowingArray(np.uint64, expected), GrowingArray(np.uint64, expected)
        for part in ids:
            for column, own in zip(columns, hashes(part), strict=True):
                column.add(own)
        self._first, self._other = (column.array() for column in columns)
        del columns
        order = np.argsort(self._first, kind="stable")
        self._first = self._first[order]
        self._other = self._other[order]
        self._rows = order.astype(np.int32)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, ids: pa.Array | pa.ChunkedArray) -> Ints:
        """(n,) the row of each of n ids, the first one of an id that repeats; -1 if it is missing."""
        parts = [self._found(*hashes(part)) for part in _in_parts(ids)]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def _found(self, first: Hashes, other: Hashes) -> Ints:
        places = np.searchsorted(self._first, first)
        found = np.full(len(first), -1, dtype=np.int64)
        asked = np.arange(len(first))
        while len(asked):  # again only for ids that share one of the hashes
            here = places[asked]
            asked, here = asked[here < len(self)], here[here < len(self)]
            same = self._first[here] == first[asked]
            asked, here = asked[same], here[same]
            is_it = self._other[here] == other[asked]
            found[asked[is_it]] = self._rows[here[is_it]]
            asked = asked[~is_it]
            places[asked] += 1
        return found


def index_of(collection: Collection, target: str) -> RowIndex:
    """The rows of all studies, images or sentences (`target`) in their table."""
    name, table = f"{target}_id", _table(target)
    ids = (batch[name] for batch in collection.batches(table, _AT_ONCE, [name]))
    return RowIndex(ids, collection.rows_of(table))


def studies_of(collection: Collection, target: str, studies: RowIndex | None = None) -> NDArray[np.int32]:
    """The row of the study of every study, image or sentence, -1 if there is none; `studies`: the index of
    studies, where there is one already."""
    known = index_of(collection, "study") if studies is None else studies
    if target == "study":
        return np.arange(len(known), dtype=np.int32)
    batches = collection.batches(_table(target), _AT_ONCE, ["study_id"])
    rows = GrowingArray(np.int32, collection.rows_of(_table(target)))
    for batch in batches:
        rows.add(known.rows(batch["study_id"]))
    return rows.array()


def _table(target: str) -> str:
    return "studies" if target == "study" else f"{target}s"


def _in_parts(ids: pa.Array | pa.ChunkedArray) -> Iterator[pa.Array]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids.slice(start, _AT_ONCE)


def hashes(ids: pa.Array | pa.ChunkedArray) -> tuple[Hashes, Hashes]:
    """Two hashes (n,) of n ids or other texts."""
    texts = np.asarray(ids.to_pylist(), dtype=object)
    first, other = (pd.util.hash_array(texts, hash_key=key, categorize=False) for key in _KEYS)
    return first, other

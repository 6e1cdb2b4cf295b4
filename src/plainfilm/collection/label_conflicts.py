"""Finds labels of one target that contradict each other, part by part: labels of one target are in one."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.duplicates import EXAMPLES, Entry
from plainfilm.collection.row_index import Hashes, hashes
from plainfilm.collection.table_cells import cells
from plainfilm.io.scratch import DiskParts
from plainfilm.types import State

_LABELS_IN_PART = 1 << 18
"""Labels in memory at once, as long as this takes no more files than `_MOST_PARTS`."""
_MOST_PARTS = 64
_AT_ONCE = 1 << 14
_LABEL = np.dtype(
    [("first", np.uint64), ("other", np.uint64), ("row", np.uint32), ("source", np.int32), ("state", np.int8)]
)
"""Two hashes of the target, the row in the table, the number of observation and origin, and the state."""

_DISPUTED = pa.array([State.POSITIVE, State.NEGATIVE], pa.int8())
_SEPARATOR = "\x1f"

Source = tuple[str, str]
"""An observation and the origin that labels it."""
Conflict = tuple[str, str, str]
"""An observation and two origins."""


def conflicts(collection: Collection) -> Iterator[Entry]:
    """An entry for two origins that label an observation of the same target positive and negative, in
    alphabetical order; `n` is the number of targets.

    Raises:
        DataError: there is no room for temporary files.
    """
    sources: dict[Source, int] = {}
    found: dict[Conflict, _Disputed] = {}
    for labels in _by_target(collection, sources):
        for conflict, rows in _disputed(labels, [*sources]):
            found.setdefault(conflict, _Disputed()).add(rows)
    shown = [row for disputed in found.values() for row in disputed.first]
    ids = cells([collection], "labels", ["target_id"], np.array(shown, dtype=np.int64))["target_id"]
    id_of = dict(zip(shown, ids.to_pylist(), strict=True))
    for (observation, one, other), disputed in sorted(found.items(), key=lambda item: item[0]):
        yield {
            "kind": "label",
            "collection": collection.name,
            "observation": observation,
            "origins": [one, other],
            "n": disputed.n,
            "ids": [id_of[row] for row in disputed.first],
        }


@dataclass
class _Disputed:
    """The number of targets that two origins label differently, and the first rows that say so."""

    n: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, rows: list[int]) -> None:
        """Add a row for each of further targets."""
        self.n += len(rows)
        self.first = heapq.nsmallest(EXAMPLES, [*self.first, *rows])


def _by_target(collection: Collection, sources: dict[Source, int]) -> DiskParts:
    """The positive and negative labels of anything but sentences (`_LABEL`), all of a target in one part.

    `sources` is filled with the numbers of observations and origins.
    """
    count = collection.rows_of("labels") // _LABELS_IN_PART + 1
    parts = DiskParts(_LABEL, min(count, _MOST_PARTS))
    start = 0
    columns = ["target", "target_id", "observation", "state", "origin"]
    for batch in collection.batches("labels", _AT_ONCE, columns):
        is_stated = pc.is_in(batch["state"], _DISPUTED)
        is_read = pc.and_(is_stated, pc.not_equal(batch["target"], "sentence"))
        own = batch.filter(is_read)
        labels = np.empty(len(own), _LABEL)
        targets = pc.binary_join_element_wise(own["target"], own["target_id"], _SEPARATOR).dictionary_encode()
        places = targets.indices.to_numpy()
        labels["first"], labels["other"] = (one[places] for one in hashes(targets.dictionary))
        labels["row"] = np.flatnonzero(is_read.to_numpy(zero_copy_only=False)) + start
        labels["source"] = _source_numbers(own, sources)
        labels["state"] = own["state"]
        parts.add(labels, (labels["first"] % len(parts)).astype(np.int64))
        start += len(batch)
    return parts


def _source_numbers(labels: pa.RecordBatch, sources: dict[Source, int]) -> NDArray[np.int32]:
    """(n,) the numbers of the observation and origin of labels; `sources` gets new ones."""
    encoded = [labels[column].dictionary_encode() for column in ("observation", "origin")]
    observations, origins = (one.dictionary.to_pylist() for one in encoded)
    first, second = (one.indices.to_numpy().astype(np.int64) for one in encoded)
    pairs, places = np.unique(first * len(origins) + second, return_inverse=True)
    named = [(observations[pair // len(origins)], origins[pair % len(origins)]) for pair in pairs.tolist()]
    numbers = [sources.setdefault(name, len(sources)) for name in named]
    return np.array(numbers, dtype=np.int32)[places]


def _disputed(labels: NDArray, sources: Sequence[Source]) -> Iterator[tuple[Conflict, list[int]]]:
    """What is disputed among all labels (`_LABEL`) of some targets, and for each of the targets the first row
    with a positive label that is disputed."""
    names = pd.MultiIndex.from_tuples(sources, names=["observation", "origin"])
    observation, origin = (names.codes[level].take(labels["source"]) for level in (0, 1))
    frame = pd.DataFrame({"observation": observation, "origin": origin, "row": labels["row"]})
    frame["target"] = _group_numbers(labels["first"], labels["other"])
    keys = ["target", "observation"]
    positive, negative = (frame[labels["state"] == state] for state in (State.POSITIVE, State.NEGATIVE))
    pairs = positive.merge(negative, on=keys)
    # The codes of origins are in alphabetical order.
    pairs["one"] = pairs[["origin_x", "origin_y"]].min(axis=1)
    pairs["other"] = pairs[["origin_x", "origin_y"]].max(axis=1)
    first = pairs.groupby([*keys, "one", "other"], as_index=False)["row_x"].min()
    for (found, one, other), rows in first.groupby(["observation", "one", "other"])["row_x"]:
        conflict = names.levels[0][found], names.levels[1][one], names.levels[1][other]
        yield conflict, rows.tolist()


def _group_numbers(first: Hashes, other: Hashes) -> NDArray[np.int64]:
    """(n,) a number for each of n pairs of hashes, the same for the same pair."""
    order = np.lexsort((other, first))
    is_new = (np.diff(first[order], prepend=0) != 0) | (np.diff(other[order], prepend=0) != 0)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(is_new)
    return numbers

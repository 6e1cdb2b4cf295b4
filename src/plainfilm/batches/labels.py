"""The states of the items of a batch as matrices, and the truth of each state.

`collection.labels` reads the labels; an item of several images has the states of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeVar

import numpy as np

from plainfilm.collection import Collection
from plainfilm.collection.label_origins import preferred_origins
from plainfilm.collection.labels import NOT_LABELLED, LabelReader
from plainfilm.errors import DataError, nearest
from plainfilm.metrics.findings import NOT_MENTIONED, States
from plainfilm.types import State

Uncertain = Literal["ignore", "positive", "negative"]
"""The truth of an uncertain state."""
Absent = Literal["negative", "ignore"]
"""The truth of an observation that the labels of an item do not mention, but those of other items do."""

Codes = TypeVar("Codes", bound=Any)


@dataclass(frozen=True)
class ItemLabels:
    """States (N, C) int8 of N items for C `observations`; every column is mentioned in the collection."""

    observations: tuple[str, ...]
    states: States


def check_observations(
    collections: Sequence[Collection], wanted: Sequence[str], observations: Iterable[str]
) -> None:
    """Check that the labels of the origins in use (`preferred_origins`) mention all `observations`.

    Raises:
        DataError: they do not; the message has the nearest name.
    """
    observations = tuple(observations)
    if not observations:
        return
    known = {
        name
        for collection in collections
        for name in LabelReader(collection, preferred_origins(collection, wanted)).observations
    }
    for name in observations:
        if name not in known:
            raise DataError(f"data.observations: no label of '{name}': {nearest(name, known)}")


def item_labels(
    collection: Collection,
    images: Sequence[Sequence[int]],
    wanted: Sequence[str] = (),
    observations: Sequence[str] | None = None,
) -> ItemLabels:
    """The labels of items, each given by its rows `images` of the collection's table of images.

    Labels come from the first of the origins `wanted` that the collection has; without one, from the corpus'
    own (see `preferred_origins`). With `observations`, no others are read.
    """
    reader = LabelReader(collection, preferred_origins(collection, wanted), observations)
    items = np.repeat(np.arange(len(images)), [len(rows) for rows in images])
    rows = np.fromiter(chain.from_iterable(images), np.int64, len(items))
    return ItemLabels(reader.observations, reader.items(rows, items, len(images)))


def truth(states: Codes, uncertain: Uncertain, absent: Absent) -> tuple[Codes, Codes]:
    """Masks of the positive and of the known states (N, C), an array or a tensor. Unknown states are left out
    of training and scores. Observations that the labels never mention are always unknown."""
    unsure, missing = states == State.UNCERTAIN, states == NOT_MENTIONED
    positive, known = states == State.POSITIVE, states >= State.NEGATIVE
    if uncertain != "ignore":
        known = known | unsure
    if uncertain == "positive":
        positive = positive | unsure
    if absent == "negative":
        known = known | missing
    return positive, known


def joined(parts: Sequence[ItemLabels]) -> ItemLabels:
    """The concatenated items of several collections; observations missing in one are `NOT_LABELLED`."""
    names = tuple(dict.fromkeys(name for part in parts for name in part.observations))
    states = np.full((sum(len(part.states) for part in parts), len(names)), NOT_LABELLED, dtype=np.int8)
    start = 0
    for part in parts:
        columns = [names.index(name) for name in part.observations]
        states[start : start + len(part.states), columns] = part.states
        start += len(part.states)
    return ItemLabels(names, states)

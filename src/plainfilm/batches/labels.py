"""The states of the items of a batch, as matrices, and what states count as.

What labels say is read by `collection.labels`; an item of several films has the states of all together.
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
"""What an uncertain state counts as."""
Absent = Literal["negative", "ignore"]
"""What it counts as that labels do not speak of an observation of an item, though they do of it elsewhere."""

Codes = TypeVar("Codes", bound=Any)


@dataclass(frozen=True)
class ItemLabels:
    """States (N, C) int8 of N items for C `observations`; all columns are spoken of in the collection."""

    observations: tuple[str, ...]
    states: States


def check_observations(
    collections: Sequence[Collection], wanted: Sequence[str], observations: Iterable[str]
) -> None:
    """Checks that the labels of the origins that are read (`preferred_origins`) speak of all `observations`.

    Raises:
        DataError: they do not, with the nearest.
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
    """What is said of the items that consist of the rows `images` of the collection's table of images.

    Read are labels from the first of the origins `wanted` that the collection has; without one, the corpus'
    own (see `preferred_origins`). With `observations`, no others are read.
    """
    reader = LabelReader(collection, preferred_origins(collection, wanted), observations)
    items = np.repeat(np.arange(len(images)), [len(rows) for rows in images])
    rows = np.fromiter(chain.from_iterable(images), np.int64, len(items))
    return ItemLabels(reader.observations, reader.items(rows, items, len(images)))


def truth(states: Codes, uncertain: Uncertain, absent: Absent) -> tuple[Codes, Codes]:
    """Which of the states (N, C), an array or a tensor, are positive, and which are known; what is not known
    is left out of training and scores. What a collection's labels never speak of is never known."""
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
    """The items of several collections, one after another; what one does not speak of is `NOT_LABELLED`."""
    names = tuple(dict.fromkeys(name for part in parts for name in part.observations))
    states = np.full((sum(len(part.states) for part in parts), len(names)), NOT_LABELLED, dtype=np.int8)
    start = 0
    for part in parts:
        columns = [names.index(name) for name in part.observations]
        states[start : start + len(part.states), columns] = part.states
        start += len(part.states)
    return ItemLabels(names, states)

"""What the labels of a collection say of each item: a state for every observation they speak of.

Labels of a study hold for every item of it, labels of an image for the item that has it. Where several
speak of one observation, positive goes before uncertain and uncertain before negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.errors import DataError, nearest
from plainfilm.types import State

States = NDArray[np.int8]

UNASKED, UNLISTED = -3, -2
"""Beside the codes of `State`: the collection's labels never speak of it; they do, but not of this item."""

Uncertain = Literal["ignore", "positive", "negative"]
"""What an uncertain state counts as."""
Absent = Literal["negative", "ignore"]
"""What it counts as that labels do not speak of an observation of an item, though they do of it elsewhere."""

Codes = TypeVar("Codes", bound=Any)

_BY_RANK = np.array([UNLISTED, State.NEGATIVE, State.UNCERTAIN, State.POSITIVE], dtype=np.int8)
_RANK = {int(state): rank for rank, state in enumerate(_BY_RANK.tolist())}
_LABELLER = "plainfilm-"


@dataclass(frozen=True)
class ItemLabels:
    """States (N, C) int8 of N items for C `observations`; all columns are spoken of in the collection."""

    observations: tuple[str, ...]
    states: States


def origins(collection: Collection) -> list[str]:
    """The origins of labels of studies and images, in order."""
    labels = collection.frame("labels")
    return sorted(labels.loc[labels["target"].isin(("study", "image")), "origin"].unique())


def check_observations(
    collections: Sequence[Collection], wanted: Sequence[str], observations: Iterable[str]
) -> None:
    """Checks that the labels of the origins that are read (`origins_asked`) speak of all `observations`.

    Raises:
        DataError: they do not, with the nearest.
    """
    known: set[str] = set()
    for collection in collections:
        labels = collection.frame("labels")[["observation", "origin"]]
        known |= set(labels.loc[labels["origin"].isin(origins_asked(collection, wanted)), "observation"])
    for name in observations:
        if name not in known:
            raise DataError(f"data.observations: no label of '{name}': {nearest(name, known)}")


def main_origin(collection: Collection, wanted: Sequence[str] = ()) -> str | None:
    """Of the origins that are read (`origins_asked`) the one that labels most studies and images."""
    labels = collection.frame("labels")[["target_id", "origin"]]
    asked = labels[labels["origin"].isin(origins_asked(collection, wanted))]
    return next(iter(_by_size(asked)), None)


def _by_size(labels: pd.DataFrame) -> list[str]:
    """Origins, that of most labelled studies and images first."""
    counts = labels.groupby("origin")["target_id"].nunique().sort_index()
    return [str(name) for name in counts.sort_values(ascending=False, kind="stable").index]


def check_origins(collections: Sequence[Collection], wanted: Iterable[str]) -> None:
    """Checks that every origin of labels in `wanted` is one of some collection's.

    Raises:
        DataError: it is not, with the nearest.
    """
    known = {origin for collection in collections for origin in origins(collection)}
    for name in wanted:
        if not any(_is_from(origin, name) for origin in known):
            raise DataError(f"no collection has labels from '{name}': {nearest(name, known)}")


def origins_asked(collection: Collection, wanted: Sequence[str]) -> list[str]:
    """The origins of the labels that are read: of the first of `wanted` that the collection has, without one
    all that are not from Plainfilm's labeller."""
    present = origins(collection)
    for name in wanted:
        if found := [origin for origin in present if _is_from(origin, name)]:
            return found
    return [origin for origin in present if not origin.startswith(_LABELLER)]


def item_labels(
    collection: Collection,
    images: Sequence[Sequence[int]],
    wanted: Sequence[str] = (),
    observations: Sequence[str] | None = None,
) -> ItemLabels:
    """What is said of the items that consist of the rows `images` of the collection's table of images.

    Read are labels from the first of the origins `wanted` that the collection has ("mimic-cxr" stands for all
    that begin so, up to a slash); without one, the corpus' own: all that are not from Plainfilm's labeller.
    Where several of these speak of an item, it is the one that speaks of most. With `observations`, no others
    are read.
    """
    labels = collection.frame("labels")[["target", "target_id", "observation", "state", "origin"]]
    labels = labels[labels["origin"].isin(origins_asked(collection, wanted))]
    if observations is not None:
        labels = labels[labels["observation"].isin(observations)]
    said = _targets(collection, images).merge(labels, on=["target", "target_id"])
    said = _of_one_origin(said, labels)
    names = pd.Index(sorted(labels["observation"].unique()))
    ranks = np.zeros((len(images), len(names)), dtype=np.int64)
    places = (said["item"].to_numpy(), names.get_indexer(pd.Index(said["observation"])))
    np.maximum.at(ranks, places, said["state"].map(_RANK).to_numpy(dtype=np.int64))
    return ItemLabels(tuple(names), _BY_RANK[ranks])


def truth(states: Codes, uncertain: Uncertain, absent: Absent) -> tuple[Codes, Codes]:
    """Which of the states (N, C), an array or a tensor, are positive, and which are known; what is not known
    is left out of training and scores. What a collection's labels never speak of is never known."""
    unsure, missing = states == State.UNCERTAIN, states == UNLISTED
    positive, known = states == State.POSITIVE, states >= State.NEGATIVE
    if uncertain != "ignore":
        known = known | unsure
    if uncertain == "positive":
        positive = positive | unsure
    if absent == "negative":
        known = known | missing
    return positive, known


def joined(parts: Sequence[ItemLabels]) -> ItemLabels:
    """The items of several collections, one after another; what one does not speak of is `UNASKED`."""
    names = tuple(dict.fromkeys(name for part in parts for name in part.observations))
    states = np.full((sum(len(part.states) for part in parts), len(names)), UNASKED, dtype=np.int8)
    start = 0
    for part in parts:
        columns = [names.index(name) for name in part.observations]
        states[start : start + len(part.states), columns] = part.states
        start += len(part.states)
    return ItemLabels(names, states)


def _is_from(origin: str, name: str) -> bool:
    return origin == name or origin.startswith(f"{name}/")


def _targets(collection: Collection, images: Sequence[Sequence[int]]) -> pd.DataFrame:
    """Which studies and images (`target`, `target_id`) each `item` consists of."""
    films = collection.frame("images")[["image_id", "study_id"]]
    items = np.repeat(np.arange(len(images)), [len(rows) for rows in images])
    films = films.iloc[np.concatenate([[], *images]).astype(np.int64)]
    of_images = pd.DataFrame({"target": "image", "target_id": films["image_id"].to_numpy(), "item": items})
    of_studies = pd.DataFrame({"target": "study", "target_id": films["study_id"].to_numpy(), "item": items})
    return pd.concat([of_images, of_studies.drop_duplicates()], ignore_index=True)


def _of_one_origin(said: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The rows of `said` that come, for each item, from the origin that labels most studies and images."""
    rank = said["origin"].map({origin: place for place, origin in enumerate(_by_size(labels))})
    first = rank.groupby([said["item"], said["target"]]).transform("min")
    return said[rank == first]

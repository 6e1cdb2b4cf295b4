"""Which items a training or validation set consists of, as rows of the collection's tables.

Nothing is decoded or copied here: an item is a few row numbers into `images` and `sentences`, held in
flat arrays, so that a corpus of hundreds of thousands of films costs a few megabytes beside its tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from plainfilm.collection import Collection
from plainfilm.config import Settings
from plainfilm.errors import DataError, nearest
from plainfilm.seeding import stable_hash
from plainfilm.text.rules import TEXT_RULES, select_sections
from plainfilm.types import Section, View

Ints = NDArray[np.int64]

_PLACEHOLDER = re.compile(r"X{2,}")


class DataConfig(Settings):
    """The `data` part of a recipe: what an item is and how it is drawn.

    text: the rule that says which sections are read. sentences: how many sentences are drawn per item,
    without replacement and in random order; `None` reads the whole text. min_letters: a shorter
    "sentence" (a number, a placeholder) is not one. item: "image" makes one item of every film,
    "study" one of every study. views: films of other views are left out; `None` takes all.
    crop_area, rotation, brightness: see `transforms.augment`. cache: shortest side of the decoded
    pixels kept on disk; `None` decodes the stored files again and again. workers: loading threads,
    0 for none beside the training one.
    """

    text: str = "best_section"
    sentences: int | None = Field(default=1, ge=1)
    min_letters: int = Field(default=3, ge=1)
    item: Literal["image", "study"] = "image"
    views: tuple[View, ...] | None = None
    crop_area: tuple[float, float] = (0.75, 1.0)
    rotation: float = Field(default=0.0, ge=0.0, le=45.0)
    brightness: float = Field(default=0.0, ge=0.0, le=0.9)
    cache: int | None = Field(default=256, ge=16)
    workers: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    drop_last: bool = False

    @field_validator("text")
    @classmethod
    def _known_rule(cls, value: str) -> str:
        if value not in TEXT_RULES:
            raise ValueError(f"unknown text rule '{value}': {nearest(value, TEXT_RULES)}")
        return value

    @model_validator(mode="after")
    def _areas(self) -> Self:
        low, high = self.crop_area
        if not 0.0 < low <= high <= 1.0:
            raise ValueError("crop_area is [low, high] with 0 < low <= high <= 1")
        return self


@dataclass(frozen=True)
class Rows:
    """The items of one split of some collections.

    source: (N,) which collection an item is of. images / sentences: row numbers into that collection's
    tables; item i owns `images[image_ends[i-1]:image_ends[i]]`, and the same for sentences, which are in
    the order the text rule reads them. study_keys: (N,) hashes. ids: image or study ids.
    without_text, without_image: studies of the split that were left out.
    """

    source: Ints
    images: Ints
    image_ends: Ints
    sentences: Ints
    sentence_ends: Ints
    study_keys: Ints
    ids: tuple[str, ...]
    without_text: int
    without_image: int

    def __len__(self) -> int:
        return len(self.ids)

    def images_of(self, item: int) -> Ints:
        """Rows of the `images` table of one item."""
        return self.images[self.image_ends[item - 1] if item else 0 : self.image_ends[item]]

    def sentences_of(self, item: int) -> Ints:
        """Rows of the `sentences` table of one item."""
        return self.sentences[self.sentence_ends[item - 1] if item else 0 : self.sentence_ends[item]]


def build_rows(collections: Sequence[Collection], split: str, config: DataConfig) -> Rows:
    """The items of `split`, in the order of the collections' tables.

    Raises:
        DataError: nothing is left, with the counts of what was left out and why.
    """
    parts = [_collection_items(collection, split, config) for collection in collections]
    items = [(source, *item) for source, part in enumerate(parts) for item in part.items]
    without_text = sum(part.without_text for part in parts)
    without_image = sum(part.without_image for part in parts)
    if not items:
        raise DataError(
            f"{', '.join(str(c.path) for c in collections)}: no item is left of split '{split}': "
            f"{sum(part.studies for part in parts)} studies, {without_text} without text under rule "
            f"'{config.text}', {without_image} without a film of the wanted views; "
            "change data.text, data.views or data.min_letters"
        )
    return _flatten(items, without_text, without_image)


_Item = tuple[str, int, list[int], list[int]]
"""id, study key, image rows, sentence rows."""


@dataclass(frozen=True)
class _Part:
    items: list[_Item]
    studies: int
    without_text: int
    without_image: int


def _flatten(items: Sequence[tuple[int, str, int, list[int], list[int]]], *skipped: int) -> Rows:
    source, ids, keys, images, sentences = zip(*items, strict=True)
    return Rows(
        source=np.array(source, dtype=np.int64),
        images=np.concatenate([np.array(rows, dtype=np.int64) for rows in images]),
        image_ends=np.cumsum([len(rows) for rows in images], dtype=np.int64),
        sentences=np.concatenate([np.array(rows, dtype=np.int64) for rows in sentences]),
        sentence_ends=np.cumsum([len(rows) for rows in sentences], dtype=np.int64),
        study_keys=np.array(keys, dtype=np.int64),
        ids=tuple(ids),
        without_text=skipped[0],
        without_image=skipped[1],
    )


def _collection_items(collection: Collection, split: str, config: DataConfig) -> _Part:
    studies = collection.frame("studies")
    wanted = pd.Index(studies.loc[studies["split"] == split, "study_id"])
    films = collection.table("images")
    views, image_ids = films["view"].to_pylist(), films["image_id"].to_pylist()
    images_of, texts = _by_study(films, wanted), _Texts(collection, wanted, config)
    items: list[_Item] = []
    without_text = without_image = 0
    for position, study_id in enumerate(wanted):
        rows = [int(row) for row in images_of[position] if config.views is None or views[row] in config.views]
        text = texts.rows(position)
        without_image += not rows
        without_text += bool(rows) and not text
        if not rows or not text:
            continue
        key = stable_hash(collection.fingerprint, study_id)
        if config.item == "study":
            items.append((str(study_id), key, rows, text))
        else:
            items.extend((image_ids[row], key, [row], text) for row in rows)
    return _Part(items, len(wanted), without_text, without_image)


class _Texts:
    """Finds the usable sentences of a study, in the order the text rule reads its sections."""

    def __init__(self, collection: Collection, wanted: pd.Index, config: DataConfig) -> None:
        sections, sentences = collection.table("sections"), collection.table("sentences")
        self._rule = config.text
        self._names = sections["section"].to_pylist()
        self._section_texts = sections["text"].combine_chunks()
        self._section_spans = _spans(sections)
        self._spans = _spans(sentences)
        lengths = (letters(text.as_py()) for text in sentences["text"])
        self._is_usable = np.fromiter(lengths, np.int64, len(sentences)) >= config.min_letters
        self._sections_of = _by_study(sections, wanted)
        self._sentences_of = _by_study(sentences, wanted)

    def rows(self, position: int) -> list[int]:
        """Rows of the `sentences` table for the study at `position`."""
        rows = self._sentences_of[position]
        rows = rows[self._is_usable[rows]]
        if not len(rows):
            return []
        starts, ends = self._spans[rows].T
        chosen: list[int] = []
        for part in select_sections([self._section(row) for row in self._sections_of[position]], self._rule):
            chosen += rows[(starts >= part.start) & (ends <= part.end)].tolist()
        return chosen

    def _section(self, row: int) -> Section:
        start, end = self._section_spans[row]
        return Section(self._names[row], self._section_texts[row].as_py(), int(start), int(end))


def _spans(table: pa.Table) -> Ints:
    """(N, 2) first and last character of every row."""
    return np.stack([table["start"].to_numpy(), table["end"].to_numpy()], axis=1).astype(np.int64)


def _by_study(table: pa.Table, studies: pd.Index) -> list[Ints]:
    """For every study, the rows of `table` that are its, in table order."""
    codes = studies.get_indexer(pd.Index(table["study_id"].to_pandas()))
    order = np.argsort(codes, kind="stable").astype(np.int64)
    bounds = np.searchsorted(codes[order], np.arange(len(studies) + 1))
    return [order[bounds[i] : bounds[i + 1]] for i in range(len(studies))]


def letters(text: str) -> int:
    """How many letters `text` has, not counting the X runs that stand for removed names.

    >>> letters("XXXX 12.5"), letters("Normal.")
    (0, 6)
    """
    return sum(character.isalpha() for character in _PLACEHOLDER.sub("", text))

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

from plainfilm.batches.labels import UNLISTED, ItemLabels, States, check_origins, item_labels, joined
from plainfilm.collection import Collection
from plainfilm.config import Settings
from plainfilm.errors import DataError, nearest
from plainfilm.prompts import PromptPack, load_pack
from plainfilm.seeding import stable_hash
from plainfilm.text.rules import TEXT_RULES, select_sections
from plainfilm.types import Section, State, View

Ints = NDArray[np.int64]

_PLACEHOLDER = re.compile(r"X{2,}")


class DataConfig(Settings):
    """The `data` part of a recipe: what an item is and how it is drawn.

    text: the rule that says which sections are read. sentences: how many sentences are drawn per item,
    without replacement and in random order; `None` reads the whole text. min_letters: a shorter
    "sentence" (a number, a placeholder) is not one. item: "image" makes one item of every film,
    "study" one of every study. views: films of other views are left out; `None` takes all.
    crop_area, rotation, clahe, brightness, contrast: see `transforms.augment`. cache: shortest side of the
    decoded pixels kept on disk; `None` decodes the stored files again and again. workers: loading threads,
    0 for none beside the training one.

    Of objectives that take two views and two texts. pair_views: any two films of a study, or a frontal and a
    lateral one where it has both. text_pairs: "whole" draws each text from all sections the rule reads,
    "sections" takes two sections where there are two. shuffle: sentences of a whole text in random order.
    paraphrase: how often a text is said in other words (`prompts.paraphrase`); above 0, a section that serves
    twice is so the second time, in validation too.

    Of studies without text. prompts: the pack (a name or file) that makes texts of their labels; without
    one they are left out. label_origin: whose labels, in order of preference; none takes the corpus' own.
    observations: only these are read; `None` reads all. negatives: how many of the observations that are not
    there are said of an item whose labels speak of every observation; `None` says all. unlisted: whether what
    the labels of an item do not speak of is "unknown", or "absent" as in a table that lists what there is.

    balance: how much the sizes of several collections count in what is drawn from each; 1 as they are, 0 all
    alike.
    """

    text: str = "best_section"
    sentences: int | None = Field(default=1, ge=1)
    min_letters: int = Field(default=3, ge=1)
    item: Literal["image", "study"] = "image"
    views: tuple[View, ...] | None = None
    crop_area: tuple[float, float] = (0.75, 1.0)
    rotation: float = Field(default=0.0, ge=0.0, le=45.0)
    clahe: float = Field(default=0.0, ge=0.0, le=1.0)
    brightness: float = Field(default=0.0, ge=0.0, le=0.9)
    contrast: float = Field(default=0.0, ge=0.0, le=0.9)
    cache: int | None = Field(default=256, ge=16)
    workers: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    drop_last: bool = False
    pair_views: Literal["any", "frontal_lateral"] = "any"
    text_pairs: Literal["whole", "sections"] = "whole"
    shuffle: bool = False
    paraphrase: float = Field(default=0.0, ge=0.0, le=1.0)
    prompts: str | None = None
    label_origin: tuple[str, ...] = ()
    observations: tuple[str, ...] | None = None
    negatives: int | None = Field(default=3, ge=0)
    unlisted: Literal["unknown", "absent"] = "unknown"
    balance: float = Field(default=1.0, ge=0.0, le=1.0)

    @field_validator("text")
    @classmethod
    def _known_rule(cls, value: str) -> str:
        if value not in TEXT_RULES:
            raise ValueError(f"unknown text rule '{value}': {nearest(value, TEXT_RULES)}")
        return value

    @field_validator("prompts")
    @classmethod
    def _sound_pack(cls, value: str | None) -> str | None:
        if value is not None:
            load_pack(value)
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
    the order the text rule reads them; an item without sentences gets its text from its labels. observations
    and states (N, C): see `batches.labels`; C is 0 without prompts. study_keys: (N,) hashes. ids: image or
    study ids. without_text, without_image: studies of the split that were left out.
    """

    source: Ints
    images: Ints
    image_ends: Ints
    sentences: Ints
    sentence_ends: Ints
    study_keys: Ints
    ids: tuple[str, ...]
    observations: tuple[str, ...]
    states: States
    without_text: int
    without_image: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def from_labels(self) -> int:
        """How many items have no text but that of their labels."""
        return int((np.diff(self.sentence_ends, prepend=0) == 0).sum())

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
    if config.prompts is not None:
        check_origins(collections, config.label_origin)
    parts = [_collection_items(collection, split, config) for collection in collections]
    items = [(source, *item) for source, part in enumerate(parts) for item in part.items]
    without_text = sum(part.without_text for part in parts)
    without_image = sum(part.without_image for part in parts)
    if not items:
        raise DataError(
            f"{', '.join(str(c.path) for c in collections)}: no item is left of split '{split}': "
            f"{sum(part.studies for part in parts)} studies, {without_text} without text under rule "
            f"'{config.text}', {without_image} without a film of the wanted views; "
            "change data.text, data.views, data.min_letters or data.prompts"
        )
    return _flatten(items, joined([part.labels for part in parts]), without_text, without_image)


_Item = tuple[str, int, list[int], list[int]]
"""id, study key, image rows, sentence rows."""


@dataclass(frozen=True)
class _Part:
    items: list[_Item]
    labels: ItemLabels
    studies: int
    without_text: int
    without_image: int


def _flatten(
    items: Sequence[tuple[int, str, int, list[int], list[int]]], labels: ItemLabels, *skipped: int
) -> Rows:
    source, ids, keys, images, sentences = zip(*items, strict=True)
    return Rows(
        source=np.array(source, dtype=np.int64),
        images=np.concatenate([np.array(rows, dtype=np.int64) for rows in images]),
        image_ends=np.cumsum([len(rows) for rows in images], dtype=np.int64),
        sentences=np.concatenate([np.array(rows, dtype=np.int64) for rows in sentences]),
        sentence_ends=np.cumsum([len(rows) for rows in sentences], dtype=np.int64),
        study_keys=np.array(keys, dtype=np.int64),
        ids=tuple(ids),
        observations=labels.observations,
        states=labels.states,
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
    without_image = 0
    for position, study_id in enumerate(wanted):
        rows = [int(row) for row in images_of[position] if config.views is None or views[row] in config.views]
        without_image += not rows
        text = texts.rows(position) if rows else []
        key = stable_hash(collection.fingerprint, study_id)
        if config.item == "study" and rows:
            items.append((str(study_id), key, rows, text))
        else:
            items.extend((image_ids[row], key, [row], text) for row in rows)
    kept, labels = _with_text(collection, items, config)
    without_text = len({item[1] for item in items} - {item[1] for item in kept})
    return _Part(kept, labels, len(wanted), without_text, without_image)


def _with_text(
    collection: Collection, items: list[_Item], config: DataConfig
) -> tuple[list[_Item], ItemLabels]:
    """The items that have text, or labels that the prompts can say; and the labels of each."""
    has_text = np.array([bool(item[3]) for item in items], dtype=bool)
    if config.prompts is None or has_text.all():
        kept = [item for item in items if item[3]]
        return kept, ItemLabels((), np.zeros((len(kept), 0), dtype=np.int8))
    pack = load_pack(config.prompts)
    images = [item[2] for item in items]
    labels = item_labels(collection, images, config.label_origin, config.observations)
    cases, case_of = np.unique(labels.states[~has_text], axis=0, return_inverse=True)
    can_say = np.array([_can_say(pack, labels.observations, case, config) for case in cases], dtype=bool)
    has_text[~has_text] = can_say[case_of.reshape(-1)]
    kept = [item for item, is_kept in zip(items, has_text, strict=True) if is_kept]
    return kept, ItemLabels(labels.observations, labels.states[has_text])


def _can_say(pack: PromptPack, names: Sequence[str], case: States, config: DataConfig) -> bool:
    stated = {name: State(code) for name, code in zip(names, case.tolist(), strict=True) if code > UNLISTED}
    absent = names if config.unlisted == "absent" else ()
    return pack.can_say(stated, [name for name in absent if name not in stated])


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

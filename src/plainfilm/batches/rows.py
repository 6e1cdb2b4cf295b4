"""Selects the items of a training or validation set, as rows of the collection's tables.

Nothing is decoded or copied: an item is a few row numbers into `images` and `sentences`, held in flat arrays,
so that a corpus of hundreds of thousands of images takes a few megabytes beside its tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.label_fractions import in_fraction, patient_places
from plainfilm.batches.labels import (
    ItemLabels,
    check_observations,
    item_labels,
    joined,
)
from plainfilm.batches.sentences import StudySentences, by_study, letters
from plainfilm.collection import Collection
from plainfilm.collection.label_origins import check_origins, origins
from plainfilm.collection.labels import NOT_LABELLED
from plainfilm.errors import DataError
from plainfilm.metrics.findings import NOT_MENTIONED, States
from plainfilm.prompts import PromptPack, load_pack
from plainfilm.seeding import stable_hash
from plainfilm.types import State

__all__ = ["DataConfig", "Rows", "build_rows", "letters"]

Ints = NDArray[np.int64]


Requirement = frozenset[str]
"""What an item needs for one part of an objective: any of "text" and "labels"."""

TEXT: tuple[Requirement, ...] = (frozenset({"text"}),)
LABELS: tuple[Requirement, ...] = (frozenset({"labels"}),)


@dataclass(frozen=True)
class Rows:
    """The items of one split of some collections.

    source: (N,) the collection of each item. images / sentences: row numbers into that collection's tables;
    item i owns `images[image_ends[i-1]:image_ends[i]]`, and the same for sentences, in the order in which the
    text rule reads them; an item without sentences gets its text from its labels. observations and states (N,
    C): see `batches.labels`; C is 0 if labels are not read. study_keys: (N,) hashes. ids: image or study ids.
    patients: (N,), distinct between corpora. without_text, without_labels, without_image: numbers of studies
    of the split that were left out.
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
    patients: tuple[str, ...]
    without_text: int
    without_labels: int
    without_image: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def from_labels(self) -> int:
        """The number of items whose only text comes from their labels."""
        return int((np.diff(self.sentence_ends, prepend=0) == 0).sum())

    @property
    def positives(self) -> dict[str, int]:
        """The number of positive items, by observation."""
        return dict(zip(self.observations, (self.states == State.POSITIVE).sum(axis=0).tolist(), strict=True))

    def mentions(self, observation: str) -> bool:
        """Whether the labels of any item mention `observation`."""
        return bool((self.states[:, self.observations.index(observation)] > NOT_MENTIONED).any())

    def with_observations(self, observations: Sequence[str]) -> Rows:
        """The same items with the labels of `observations`, in their order; missing ones are
        `NOT_LABELLED`."""
        states = np.full((len(self), len(observations)), NOT_LABELLED, dtype=np.int8)
        for place, name in enumerate(observations):
            if name in self.observations:
                states[:, place] = self.states[:, self.observations.index(name)]
        return replace(self, observations=tuple(observations), states=states)

    def fraction(self, fraction: float, seed: int) -> Rows:
        """The items of a fraction of the patients; see `batches.label_fractions`."""
        kept = in_fraction(patient_places(self.patients, self.states, seed), fraction)
        images, image_ends = _cut(self.images, self.image_ends, kept)
        sentences, sentence_ends = _cut(self.sentences, self.sentence_ends, kept)
        return replace(
            self,
            source=self.source[kept],
            images=images,
            image_ends=image_ends,
            sentences=sentences,
            sentence_ends=sentence_ends,
            study_keys=self.study_keys[kept],
            ids=tuple(np.array(self.ids, dtype=object)[kept]),
            states=self.states[kept],
            patients=tuple(np.array(self.patients, dtype=object)[kept]),
        )

    def images_of(self, item: int) -> Ints:
        """Rows of the `images` table of one item."""
        return self.images[self.image_ends[item - 1] if item else 0 : self.image_ends[item]]

    def films_of(self, source: int) -> Ints:
        """Rows of the `images` table of the collection numbered `source` that any item has, in order."""
        counts = np.diff(self.image_ends, prepend=0)
        return np.unique(self.images[np.repeat(self.source == source, counts)])

    def sentences_of(self, item: int) -> Ints:
        """Rows of the `sentences` table of one item."""
        return self.sentences[self.sentence_ends[item - 1] if item else 0 : self.sentence_ends[item]]


def _cut(values: Ints, ends: Ints, kept: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The `values` of the `kept` items, and the end of each item's values."""
    counts = np.diff(ends, prepend=0)
    return values[np.repeat(kept, counts)], np.cumsum(counts[kept], dtype=np.int64)


def build_rows(
    collections: Sequence[Collection],
    split: str,
    config: DataConfig,
    required: Sequence[Requirement] = TEXT,
) -> Rows:
    """The items of `split` that meet one of `required`, in the order of the collections' tables.

    Raises:
        DataError: no item is left, with the counts of items left out and the reasons; or no collection has a
            label of an observation that the configuration names.
    """
    if _required_by("labels", required) or config.prompts is not None:
        check_origins(collections, config.label_origin)
        check_observations(collections, config.label_origin, config.observations or ())
    parts = [_collection_items(collection, split, config, required) for collection in collections]
    items = [(source, *item) for source, part in enumerate(parts) for item in part.items]
    if not items:
        raise _nothing_left(collections, split, config, required, parts)
    return _flatten(items, parts)


_Item = tuple[str, int, list[int], list[int], str]
"""id, study key, image rows, sentence rows, patient."""


@dataclass(frozen=True)
class _Part:
    items: list[_Item]
    labels: ItemLabels
    studies: int
    without_text: int
    without_labels: int
    without_image: int


def _nothing_left(
    collections: Sequence[Collection],
    split: str,
    config: DataConfig,
    required: Sequence[Requirement],
    parts: Sequence[_Part],
) -> DataError:
    reasons = [f"{sum(part.studies for part in parts)} studies"]
    mend = ["data.views"]
    if _required_by("text", required):
        reasons.append(f"{sum(part.without_text for part in parts)} without text under rule '{config.text}'")
        mend += ["data.text", "data.min_letters", "data.prompts"]
    if _required_by("labels", required):
        known = sorted({name for collection in collections for name in origins(collection)})
        whose = (
            f"{', '.join(config.label_origin) or 'the corpus itself'} (there are: {', '.join(known) or '-'})"
        )
        reasons.append(f"{sum(part.without_labels for part in parts)} without labels of {whose}")
        mend += ["data.label_origin", "data.observations"]
    reasons.append(f"{sum(part.without_image for part in parts)} without a film of the wanted views")
    where = ", ".join(str(collection.path) for collection in collections)
    return DataError(
        f"{where}: no item is left of split '{split}': {', '.join(reasons)}; "
        f"change {', '.join(mend[:-1])} or {mend[-1]}"
    )


def _flatten(
    items: Sequence[tuple[int, str, int, list[int], list[int], str]], parts: Sequence[_Part]
) -> Rows:
    source, ids, keys, images, sentences, patients = zip(*items, strict=True)
    labels = joined([part.labels for part in parts])
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
        patients=tuple(patients),
        without_text=sum(part.without_text for part in parts),
        without_labels=sum(part.without_labels for part in parts),
        without_image=sum(part.without_image for part in parts),
    )


def _required_by(what: str, required: Sequence[Requirement]) -> bool:
    return any(what in one for one in required)


def _collection_items(
    collection: Collection, split: str, config: DataConfig, required: Sequence[Requirement]
) -> _Part:
    studies = collection.frame("studies")
    studies = studies[studies["split"] == split]
    wanted = pd.Index(studies["study_id"])
    patients = [f"{collection.corpus}/{patient}" for patient in studies["patient_id"]]
    films = collection.table("images")
    views, image_ids = films["view"].to_pylist(), films["image_id"].to_pylist()
    images_of = by_study(films, wanted)
    texts = (
        StudySentences(collection, wanted, config.text, config.min_letters)
        if _required_by("text", required)
        else None
    )
    items: list[_Item] = []
    without_image = 0
    for position, study_id in enumerate(wanted):
        rows = [int(row) for row in images_of[position] if config.views is None or views[row] in config.views]
        without_image += not rows
        text = texts.rows(position) if texts and rows else []
        key = stable_hash(collection.fingerprint, study_id)
        if config.item == "study" and rows:
            items.append((str(study_id), key, rows, text, patients[position]))
        else:
            items.extend((image_ids[row], key, [row], text, patients[position]) for row in rows)
    with_text, labels = items, _no_labels(items)
    if _required_by("text", required):
        with_text, labels = _with_text(collection, items, config)
    # An item is kept if it has all that any part of the objective needs; most objectives have one part.
    both = all(one >= {"text"} for one in required)
    kept = with_text if both else items
    if _required_by("labels", required):
        kept, labels = _with_labels(collection, kept, config)
        if not all(one >= {"labels"} for one in required):
            kept, labels = _with_either(collection, items, with_text, kept, config)
    elif not both:
        kept, labels = items, _no_labels(items)
    without_text, without_labels = _fewer_studies(items, with_text), _fewer_studies(with_text, kept)
    return _Part(kept, labels, len(wanted), without_text, without_labels, without_image)


def _with_either(
    collection: Collection,
    items: list[_Item],
    with_text: list[_Item],
    with_labels: list[_Item],
    config: DataConfig,
) -> tuple[list[_Item], ItemLabels]:
    """The items that have text or labels, and their labels."""
    wanted = {(item[0], item[1]) for item in (*with_text, *with_labels)}
    kept = [item for item in items if (item[0], item[1]) in wanted]
    images = [item[2] for item in kept]
    return kept, item_labels(collection, images, config.label_origin, config.observations)


def _fewer_studies(before: Sequence[_Item], after: Sequence[_Item]) -> int:
    return len({item[1] for item in before} - {item[1] for item in after})


def _no_labels(items: Sequence[_Item]) -> ItemLabels:
    return ItemLabels((), np.zeros((len(items), 0), dtype=np.int8))


def _with_labels(
    collection: Collection, items: list[_Item], config: DataConfig
) -> tuple[list[_Item], ItemLabels]:
    """The items with labels, and the labels; without any, an item counts if `not_mentioned` is absent."""
    labels = item_labels(collection, [item[2] for item in items], config.label_origin, config.observations)
    least = NOT_MENTIONED if config.not_mentioned == "absent" else State.UNCERTAIN
    is_kept: NDArray[np.bool_] = np.any(labels.states >= least, axis=1)
    kept = [item for item, has in zip(items, is_kept, strict=True) if has]
    return kept, ItemLabels(labels.observations, labels.states[is_kept])


def _with_text(
    collection: Collection, items: list[_Item], config: DataConfig
) -> tuple[list[_Item], ItemLabels]:
    """The items with text, or with labels that the pack has prompts for; and the labels of each."""
    has_text = np.array([bool(item[3]) for item in items], dtype=bool)
    if config.prompts is None or has_text.all():
        kept = [item for item in items if item[3]]
        return kept, _no_labels(kept)
    pack = load_pack(config.prompts)
    images = [item[2] for item in items]
    labels = item_labels(collection, images, config.label_origin, config.observations)
    cases, case_of = np.unique(labels.states[~has_text], axis=0, return_inverse=True)
    covers = np.array([_is_covered(pack, labels.observations, case, config) for case in cases], dtype=bool)
    has_text[~has_text] = covers[case_of.reshape(-1)]
    kept = [item for item, is_kept in zip(items, has_text, strict=True) if is_kept]
    return kept, ItemLabels(labels.observations, labels.states[has_text])


def _is_covered(pack: PromptPack, names: Sequence[str], case: States, config: DataConfig) -> bool:
    stated = {
        name: State(code) for name, code in zip(names, case.tolist(), strict=True) if code > NOT_MENTIONED
    }
    absent = names if config.not_mentioned == "absent" else ()
    return pack.covers(stated, [name for name in absent if name not in stated])

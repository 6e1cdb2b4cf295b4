"""Items of banks: the images, sentences or reports of collections, with distinct texts.

Radiologists repeat themselves: half of a corpus' sentences are a few hundred texts. Texts that differ only in
case and white space are one item, which keeps its first origin, its number of occurrences and (`members`)
every study that it occurs in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plainfilm.batches.rows import letters
from plainfilm.collection import Collection
from plainfilm.collection.label_origins import ItemKind
from plainfilm.collection.labels import Labels, strongest
from plainfilm.collection.verification import require_images
from plainfilm.errors import DataError
from plainfilm.io import paths
from plainfilm.metrics.findings import NOT_MENTIONED, States
from plainfilm.text.rules import normalise, report_text, select_sections
from plainfilm.types import Section

MIN_LETTERS = 3
"""A shorter text (a number, a placeholder) has no content to retrieve."""


@dataclass(frozen=True)
class Items:
    """N items to embed.

    frame: (N) kind ("image", "sentence" or "report"), item_id, study_id, patient_id, text, image (a path)
    and count. members: one row per study of an item: item (row of `frame`), study and patient (unique over
    the collections). states: (N, C) states of `observations`, if labels are read.
    """

    frame: pd.DataFrame
    members: pd.DataFrame
    observations: tuple[str, ...] = ()
    states: States | None = None

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True)
class ItemFilter:
    """The selected part of the collections: a split (`None`: all), views (`None`: all), and a text rule.

    first_film: only the first image of a study.
    """

    split: str | None = None
    text_rule: str = "best_section"
    views: tuple[str, ...] | None = None
    first_film: bool = False


def gather(
    collections: Sequence[Collection], what: ItemKind, choice: ItemFilter, labels: Labels | None = None
) -> Items:
    """The `what` of the collections, in the order of their tables.

    Raises:
        DataError: there are none.
    """
    parts = [_part(collection, place, what, choice, labels) for place, collection in enumerate(collections)]
    frame = pd.concat([part[0] for part in parts], ignore_index=True)
    if frame.empty:
        where = ", ".join(str(collection.path) for collection in collections)
        split = f" in split '{choice.split}'" if choice.split else ""
        raise DataError(f"{where}: no {what}{split} (text rule {choice.text_rule}, views {choice.views})")
    states = np.concatenate([part[1] for part in parts]) if labels else None
    return _distinct(frame, states, labels.observations if labels else (), what)


def _part(
    collection: Collection, place: int, what: ItemKind, choice: ItemFilter, labels: Labels | None
) -> tuple[pd.DataFrame, States | None]:
    """One row per image, sentence or report, including repeated texts, with its states."""
    studies = collection.frame("studies")
    if choice.split is not None:
        studies = studies[studies["split"] == choice.split]
    patients = dict(zip(studies["study_id"], studies["patient_id"], strict=True))
    rows = (
        _films(collection, patients, choice)
        if what == "images"
        else _texts(collection, patients, what, choice)
    )
    frame = pd.DataFrame(rows, columns=["item_id", "study_id", "text", "image"])
    frame["patient_id"] = frame["study_id"].map(patients)
    frame["study"] = [f"{place}/{study}" for study in frame["study_id"]]
    frame["patient"] = frame["patient_id"].astype(str)
    if labels is None:
        return frame, None
    read = {"images": labels.images, "sentences": labels.sentences, "reports": labels.reports}[what]
    return frame, np.maximum(read(place, choice.split, frame["item_id"].tolist()), NOT_MENTIONED)


Row = tuple[str, str, str | None, str | None]
"""item_id, study_id, text, image."""


def _first_of_each_study(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["study_id"], row)
    return list(first.values())


def _films(collection: Collection, patients: dict[str, str], choice: ItemFilter) -> list[Row]:
    collection.require_pixels()
    table = collection.table("images").select(["image_id", "study_id", "path", "view"])
    chosen = [
        row
        for row in table.to_pylist()
        if row["study_id"] in patients and (choice.views is None or row["view"] in choice.views)
    ]
    if choice.first_film:
        chosen = _first_of_each_study(chosen)
    require_images(collection, [row["path"] for row in chosen])
    return [
        (row["image_id"], row["study_id"], None, str(paths.resolved(collection.image_path(row["path"]))))
        for row in chosen
    ]


def _texts(collection: Collection, patients: dict[str, str], what: ItemKind, choice: ItemFilter) -> list[Row]:
    sections = sections_by_study(collection, patients)
    if what == "reports":
        rows = ((study, report_text(parts, choice.text_rule)) for study, parts in sections.items())
        return [(study, study, text, None) for study, text in rows if letters(text) >= MIN_LETTERS]
    spans = {
        study: [(part.start, part.end) for part in select_sections(parts, choice.text_rule)]
        for study, parts in sections.items()
    }
    return [
        (row["sentence_id"], row["study_id"], row["text"], None)
        for row in _rows_of(collection, "sentences", patients)
        if letters(row["text"]) >= MIN_LETTERS
        and any(start <= row["start"] and row["end"] <= end for start, end in spans.get(row["study_id"], ()))
    ]


def sections_by_study(collection: Collection, patients: dict[str, str]) -> dict[str, list[Section]]:
    """The sections of the reports of the studies in `patients` (study to patient)."""
    sections: dict[str, list[Section]] = {}
    for row in _rows_of(collection, "sections", patients):
        section = Section(row["section"], row["text"], row["start"], row["end"])
        sections.setdefault(row["study_id"], []).append(section)
    return sections


def _rows_of(collection: Collection, name: str, patients: dict[str, str]) -> Iterator[dict]:
    """Rows of a text table that belong to the selected studies, a block at a time."""
    table = collection.table(name)
    wanted = pc.is_in(table["study_id"], value_set=pa.array(list(patients), pa.string()))
    for block in table.filter(wanted).to_batches(max_chunksize=10_000):
        yield from block.to_pylist()


def _distinct(
    frame: pd.DataFrame, states: States | None, observations: tuple[str, ...], what: ItemKind
) -> Items:
    keys = frame["item_id"] + "\x1f" + frame["study"] if what == "images" else frame["text"].map(normalise)
    codes, _ = pd.factorize(keys)
    first = np.flatnonzero(~keys.duplicated().to_numpy())
    count = np.bincount(codes, minlength=len(first))
    members = pd.DataFrame({"item": codes, "study": frame["study"], "patient": frame["patient"]})
    items = frame.iloc[first].reset_index(drop=True)
    items = items.assign(kind=what.removesuffix("s"), count=count)
    columns = ["kind", "item_id", "study_id", "patient_id", "text", "image", "count"]
    reduced = strongest(states, codes.astype(np.int64), len(first)) if states is not None else None
    return Items(items[columns], members.drop_duplicates(ignore_index=True), observations, reduced)

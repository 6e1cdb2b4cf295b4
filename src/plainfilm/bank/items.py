"""Items of banks: the images, sentences or reports of collections, with distinct texts.

Radiologists repeat themselves: half of a corpus' sentences are a few hundred texts. Texts that differ only in
case and white space are one item, which keeps its first origin, its number of occurrences and (`members`)
every study that it occurs in. Items are kept on disk, as a bank may be of more than fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plainfilm.batches.rows import letters
from plainfilm.collection import Collection
from plainfilm.collection.label_origins import ItemKind
from plainfilm.collection.labels import Labels, strongest
from plainfilm.collection.study_texts import StudyTexts, study_texts
from plainfilm.collection.verification import require_images
from plainfilm.errors import DataError
from plainfilm.io import paths
from plainfilm.io.scratch import DiskDict, DiskSet, Scratch, packed, unpacked
from plainfilm.metrics.findings import NOT_MENTIONED, States
from plainfilm.text.rules import normalise, report_text, select_sections
from plainfilm.types import Section

MIN_LETTERS = 3
"""A shorter text (a number, a placeholder) has no content to retrieve."""

BLOCK = 16_384
"""Items that are in memory together."""


@dataclass(frozen=True)
class ItemFilter:
    """The selected part of the collections: a split (`None`: all), views (`None`: all), and a text rule.

    first_film: only the first image of a study.
    """

    split: str | None = None
    text_rule: str = "best_section"
    views: tuple[str, ...] | None = None
    first_film: bool = False


class Row(NamedTuple):
    """An image, sentence or report: its row in the table of images, sentences or studies, and what it is."""

    row: int
    item_id: str
    study_id: str
    patient_id: str
    text: str | None
    image: str | None


_COLUMNS = ("item_id", "study_id", "patient_id", "text", "image", "count")


class Items:
    """N items to embed. kind: "image", "sentence" or "report". observations: the columns of their states, if
    labels are read."""

    def __init__(self, what: ItemKind, observations: tuple[str, ...] | None = None) -> None:
        self.kind = what.removesuffix("s")
        self.observations = observations or ()
        self._is_labelled = observations is not None
        self._count = 0
        self._known = DiskDict()
        self._scratch = Scratch(
            f"CREATE TABLE items (item INTEGER PRIMARY KEY, {', '.join(_COLUMNS)}, states)",
            "CREATE TABLE members (item, study, patient)",
        )

    def __len__(self) -> int:
        return self._count

    def add(self, place: int, rows: Sequence[Row], states: States | None) -> None:
        """Add images or texts of the collection numbered `place`, and their states (n, C)."""
        items = np.array([self._add(place, row) for row in rows], dtype=np.int64)
        if states is not None:
            self._strengthen(items, states)

    def _add(self, place: int, row: Row) -> int:
        """The number of the item that a row is, or repeats."""
        study = f"{place}/{row.study_id}"
        item = int(self._known.setdefault(_key(row, study), self._count))
        if item == self._count:
            cells = (None if cell is None else packed(cell) for cell in row[1:])
            self._scratch.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, 1, NULL)", (item, *cells))
            self._count += 1
        else:
            self._scratch.execute("UPDATE items SET count = count + 1 WHERE item = ?", (item,))
        values = (item, packed(study), packed(row.patient_id))
        self._scratch.execute("INSERT INTO members VALUES (?, ?, ?)", values)
        return item

    def _strengthen(self, items: NDArray[np.int64], states: States) -> None:
        """Give items (n,) the strongest of their own states and of `states` (n, C)."""
        distinct, groups = np.unique(items, return_inverse=True)
        query = "SELECT states FROM items WHERE item = ?"
        stored = [self._scratch.value(query, (item,)) for item in distinct.tolist()]
        blank = np.full(states.shape[1], NOT_MENTIONED, dtype=np.int8).tobytes()
        earlier = np.frombuffer(b"".join(one or blank for one in stored), np.int8)
        every = np.concatenate([earlier.reshape(len(distinct), states.shape[1]), states])
        groups = np.concatenate([np.arange(len(distinct)), groups.reshape(-1)])
        for item, combined in zip(distinct.tolist(), strongest(every, groups, len(distinct)), strict=True):
            self._scratch.execute("UPDATE items SET states = ? WHERE item = ?", (combined.tobytes(), item))

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[pd.DataFrame, States | None]]:
        """The items in parts: a frame (n) of kind, item_id, study_id, patient_id, text, image (a path) and
        count, and their states (n, C), if labels are read."""
        rows = self._scratch.rows(f"SELECT {', '.join(_COLUMNS)}, states FROM items ORDER BY item")
        while part := list(islice(rows, size)):
            cells = [[_cell(cell) for cell in row[:-1]] for row in part]
            frame = pd.DataFrame(cells, columns=_COLUMNS)
            frame.insert(0, "kind", self.kind)
            states = np.frombuffer(b"".join(row[-1] for row in part), np.int8) if self._is_labelled else None
            yield frame, None if states is None else states.reshape(len(part), len(self.observations))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All items (N); see `blocks`."""
        return pd.concat([frame for frame, _ in self.blocks()], ignore_index=True)

    @cached_property
    def states(self) -> States | None:
        """States (N, C) of `observations`, if labels are read."""
        parts = [states for _, states in self.blocks() if states is not None]
        return np.concatenate(parts) if parts else None

    @cached_property
    def members(self) -> pd.DataFrame:
        """One row per study of an item: item (row of `frame`), study and patient (unique over the
        collections)."""
        rows = self._scratch.rows("SELECT item, study, patient FROM members")
        cells = [(item, unpacked(study), unpacked(patient)) for item, study, patient in rows]
        frame = pd.DataFrame(cells, columns=["item", "study", "patient"])
        return frame.drop_duplicates(ignore_index=True)

    @property
    def texts(self) -> Sequence[str]:
        """The text of every item."""
        return _Texts(self._scratch, len(self))

    def images(self) -> Iterator[str]:
        """The path of every item's image."""
        return (unpacked(path) for (path,) in self._scratch.rows("SELECT image FROM items ORDER BY item"))


@dataclass(frozen=True)
class _Texts(Sequence[str]):
    """The texts of items; those that are asked for are in memory."""

    scratch: Scratch
    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            start, end, _ = place.indices(self.size)
            return [*self._between(start, end)]
        return next(self._between(range(self.size)[place], self.size))

    def __iter__(self) -> Iterator[str]:
        return self._between(0, self.size)

    def _between(self, start: int, end: int) -> Iterator[str]:
        query = "SELECT text FROM items WHERE item >= ? AND item < ? ORDER BY item"
        return (unpacked(text) for (text,) in self.scratch.rows(query, (start, end)))


def _key(row: Row, study: str) -> str:
    return f"{row.item_id}\x1f{study}" if row.text is None else normalise(row.text)


def _cell(stored: Any) -> Any:
    return unpacked(stored) if isinstance(stored, bytes) else stored


def gather(
    collections: Sequence[Collection], what: ItemKind, choice: ItemFilter, labels: Labels | None = None
) -> Items:
    """The `what` of the collections, in the order of their tables.

    Raises:
        DataError: there are none.
    """
    items = Items(what, labels.observations if labels else None)
    for place, collection in enumerate(collections):
        rows = _rows(collection, what, choice)
        while block := list(islice(rows, BLOCK)):
            states = None
            if labels is not None:
                found = labels.of_rows(what, place, choice.split, np.array([row.row for row in block]))
                states = np.maximum(found, NOT_MENTIONED)
            items.add(place, block, states)
    if not len(items):
        where = ", ".join(str(collection.path) for collection in collections)
        split = f" in split '{choice.split}'" if choice.split else ""
        raise DataError(f"{where}: no {what}{split} (text rule {choice.text_rule}, views {choice.views})")
    return items


def _rows(collection: Collection, what: ItemKind, choice: ItemFilter) -> Iterator[Row]:
    """Every image, sentence or report of the selected studies, including repeated texts."""
    if what == "images":
        return _films(collection, _Studies(collection, choice.split), choice)
    texts = _sentences if what == "sentences" else _reports
    return texts(collection, _Studies(collection, choice.split), choice.text_rule)


class _Studies:
    """The studies of a split (`None`: of all), with their rows in the table of studies and their patients."""

    def __init__(self, collection: Collection, split: str | None) -> None:
        self._patients, self._rows = DiskDict(), DiskDict()
        count = 0
        for batch in collection.batches("studies", BLOCK, ["study_id", "patient_id", "split"]):
            for study in batch.to_pylist():
                if split is None or study["split"] == split:
                    self._patients.setdefault(study["study_id"], study["patient_id"])
                    self._rows.setdefault(study["study_id"], count)
                count += 1

    def patient(self, study: str) -> str | None:
        """The patient of a study, `None` for one that is not selected."""
        found: str | None = self._patients.get(study)
        return found

    def row(self, study: str) -> int:
        """The row of a selected study."""
        return int(self._rows.get(study))


def _films(collection: Collection, studies: _Studies, choice: ItemFilter) -> Iterator[Row]:
    collection.require_pixels()
    require_images(collection, (path for _, path in _chosen_films(collection, studies, choice)))
    for row, path in _chosen_films(collection, studies, choice):
        yield row._replace(image=str(paths.resolved(collection.image_path(path))))


def _chosen_films(collection: Collection, studies: _Studies, choice: ItemFilter) -> Iterator[tuple[Row, str]]:
    """The selected images and their paths in the collection."""
    seen, count = DiskSet(), 0
    for batch in collection.batches("images", BLOCK, ["image_id", "study_id", "path", "view"]):
        for film in batch.to_pylist():
            patient = studies.patient(film["study_id"])
            is_wanted = patient is not None and (choice.views is None or film["view"] in choice.views)
            if (
                patient is not None
                and is_wanted
                and not (choice.first_film and not seen.add(film["study_id"]))
            ):
                yield Row(count, film["image_id"], film["study_id"], patient, None, None), film["path"]
            count += 1


def _reports(collection: Collection, studies: _Studies, rule: str) -> Iterator[Row]:
    for study in study_texts(collection):
        patient, text = studies.patient(study.study_id), report_text(_sections(study), rule)
        if patient is not None and letters(text) >= MIN_LETTERS:
            yield Row(studies.row(study.study_id), study.study_id, study.study_id, patient, text, None)


def _sentences(collection: Collection, studies: _Studies, rule: str) -> Iterator[Row]:
    count = 0
    for study in study_texts(collection):
        patient = studies.patient(study.study_id)
        spans = [(part.start, part.end) for part in select_sections(_sections(study), rule)]
        for row, sentence in enumerate(study.sentences, start=count):
            is_wanted = any(start <= sentence["start"] and sentence["end"] <= end for start, end in spans)
            if patient is not None and is_wanted and letters(sentence["text"]) >= MIN_LETTERS:
                yield Row(row, sentence["sentence_id"], study.study_id, patient, sentence["text"], None)
        count += len(study.sentences)


def _sections(study: StudyTexts) -> list[Section]:
    return [Section(row["section"], row["text"], row["start"], row["end"]) for row in study.sections]


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

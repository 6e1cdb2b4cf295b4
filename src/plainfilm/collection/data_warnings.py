"""Warnings about a collection for manual review before it is trusted or shared, other than leaks."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.duplicates import EXAMPLES, Entry
from plainfilm.collection.row_index import index_of
from plainfilm.collection.study_texts import rows_by_study
from plainfilm.collection.table_cells import cells
from plainfilm.text.privacy import find_identifiers

_AT_ONCE = 1 << 14
_LICENCES = Path(__file__).with_name("licences.yaml")


@dataclass
class _Tally:
    """How many ids something concerns, and the first of them."""

    n: int = 0
    ids: list[str] = field(default_factory=list)

    def add(self, *ids: str) -> None:
        """Count further ids."""
        self.n += len(ids)
        self.ids += ids[: EXAMPLES - len(self.ids)]

    def entries(self, collection: Collection, kind: str, message: str) -> Iterator[Entry]:
        """The entry, if there is any id."""
        if self.n:
            yield {
                "kind": kind,
                "collection": collection.name,
                "message": f"{self.n} {message}",
                "n": self.n,
                "ids": self.ids,
            }


class _ImageTallies:
    """The images of unknown view, and those with each flag and each licence."""

    def __init__(self, collection: Collection) -> None:
        self.unknown_view = _Tally()
        self.by_flag: dict[str, _Tally] = defaultdict(_Tally)
        self.by_licence: dict[str, _Tally] = defaultdict(_Tally)
        for batch in collection.batches("images", _AT_ONCE, ["image_id", "view", "flags", "licence"]):
            self.unknown_view.add(*_where(pc.equal(batch["view"], "unknown"), batch["image_id"]))
            for image, flags in _stated(batch, "flags"):
                for flag in flags.split("; "):
                    self.by_flag[flag].add(image)
            for image, licence in _stated(batch, "licence"):
                self.by_licence[licence].add(image)


def _where(condition: pa.Array, ids: pa.Array) -> list[str]:
    return ids.filter(condition).to_pylist()


def _stated(images: pa.RecordBatch, column: str) -> Iterator[tuple[str, str]]:
    """The images with a value in a column, and the value."""
    stated = images.filter(images[column].is_valid())
    return zip(stated["image_id"].to_pylist(), stated[column].to_pylist(), strict=True)


def warnings_of(collection: Collection) -> Iterator[Entry]:
    """An entry for each kind of warning: missing parts, flagged images, odd boxes, licences, identifiers."""
    images = _ImageTallies(collection)
    yield from _missing(collection)
    yield from images.unknown_view.entries(collection, "view unknown", "images of unknown view")
    yield from _rejected(collection)
    yield from _flagged(collection, images.by_flag)
    yield from _licences_of(collection, images.by_licence)
    yield from _identifiers(collection)


def _missing(collection: Collection) -> Iterator[Entry]:
    studies = index_of(collection, "study")
    for what, table in (("report", "sections"), ("image", "images")):
        is_there = np.zeros(len(studies) + 1, dtype=bool)  # the last is that of unknown studies
        for batch in collection.batches(table, _AT_ONCE, ["study_id"]):
            is_there[studies.rows(batch["study_id"])] = True
        tally = _of_rows(collection, np.flatnonzero(~is_there[:-1]))
        yield from tally.entries(collection, f"no {what}", f"studies without {what}")
    unknown = _Tally()
    for batch in collection.batches("studies", _AT_ONCE, ["study_id", "patient_id"]):
        unknown.add(*_where(pc.equal(batch["study_id"], batch["patient_id"]), batch["study_id"]))
    message = "studies of unknown patients: splits by patient cannot be checked for them"
    yield from unknown.entries(collection, "patient unknown", message)


def _of_rows(collection: Collection, rows: NDArray[np.int64]) -> _Tally:
    """The studies in some rows of their table."""
    shown = cells([collection], "studies", ["study_id"], rows[:EXAMPLES])["study_id"]
    return _Tally(len(rows), shown.to_pylist())


def _rejected(collection: Collection) -> Iterator[Entry]:
    rejected, boxes = _Tally(), _Tally()
    for batch in collection.batches("rejected", _AT_ONCE, ["path", "reason"]):
        rejected.add(*batch["path"].to_pylist())
        boxes.add(*_where(pc.starts_with(batch["reason"], "box "), batch["path"]))
    yield from rejected.entries(collection, "rejected", "rows of the table `rejected`")
    message = "boxes that are inverted, empty, or outside their image: left out"
    yield from boxes.entries(collection, "box", message)


def _flagged(collection: Collection, by_flag: Mapping[str, _Tally]) -> Iterator[Entry]:
    for flag in sorted(by_flag):
        kind = "view" if flag.startswith("looks ") else "flag"
        for entry in by_flag[flag].entries(collection, kind, f"images: {flag}"):
            yield entry | {"images": [[collection.name, image] for image in entry["ids"]]}


def _licences_of(collection: Collection, by_licence: Mapping[str, _Tally]) -> Iterator[Entry]:
    for licence in sorted(by_licence):
        forbidden = what_licence_forbids(licence)
        if forbidden:
            message = f"images under '{licence}', which forbids {forbidden}"
            yield from by_licence[licence].entries(collection, "licence", message)


def what_licence_forbids(licence: str) -> str | None:
    """The restriction of a licence that matters when images are passed on, or `None`.

    >>> what_licence_forbids("CC-BY-NC-SA-4.0"), what_licence_forbids("CC0-1.0")
    ('commercial use', None)
    """
    return next((forbids for pattern, forbids in _terms() if pattern.search(licence)), None)


@functools.cache
def _terms() -> list[tuple[re.Pattern[str], str]]:
    entries = yaml.safe_load(_LICENCES.read_text(encoding="utf-8"))
    return [(re.compile(entry["pattern"], re.IGNORECASE), entry["forbids"]) for entry in entries]


def _identifiers(collection: Collection) -> Iterator[Entry]:
    """Kinds of likely personal data in reports; the text itself is not repeated."""
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    for study, sections in rows_by_study(collection, "sections"):
        for section in sections:
            for kind in {span.kind for span in find_identifiers(section["text"])}:
                tallies[kind].add(study)
    for kind in sorted(tallies):
        message = f"report sections with what looks like a {kind}"
        yield from tallies[kind].entries(collection, "identifier", message)

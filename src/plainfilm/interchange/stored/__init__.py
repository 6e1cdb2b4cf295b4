"""A collection by studies, with images, sections, labels and boxes together, as input of the formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.label_origins import is_from
from plainfilm.collection.label_origins import origins as origins_in
from plainfilm.collection.labels import LabelReader
from plainfilm.errors import ConfigError, nearest
from plainfilm.geometry import scale_boxes_xyxy
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.text.rules import report_text
from plainfilm.types import Section, View

_ROWS_AT_ONCE = 1 << 16

States = Mapping[str, int]
"""Observation → 1, 0 or -1."""


@dataclass(frozen=True)
class StoredBox:
    """A row of `boxes`: corners in pixels of the stored image, x right and y down."""

    name: str
    kind: str
    corners_xyxy_px: tuple[float, float, float, float]
    annotator: str | None
    phrase: str | None


@dataclass(frozen=True)
class StoredFilm:
    """A row of `images`, with its boxes and its labels (by the rule of `collection.labels`)."""

    image_id: str
    path: Path
    view: View
    size: tuple[int, int]
    original_size: tuple[int, int]
    licence: str | None
    boxes: tuple[StoredBox, ...] = ()
    states: States = field(default_factory=dict)

    def original_corners(self, box: StoredBox) -> list[float]:
        """The corners of a box in pixels of the image as published, with three decimals."""
        scaled = scale_boxes_xyxy(np.array([box.corners_xyxy_px]), self.size, self.original_size)
        return [round(corner, 3) for corner in scaled[0].tolist()]


@dataclass(frozen=True)
class StoredStudy:
    """A row of `studies` with its images, sections and labels (`collection.labels`)."""

    study_id: str
    patient_id: str
    split: str
    age: float | None
    sex: str | None
    order: float | None
    films: tuple[StoredFilm, ...] = ()
    sections: tuple[Section, ...] = ()
    states: States = field(default_factory=dict)

    def text(self, rule: str) -> str:
        """The text of the sections that a rule of `text.rules` takes."""
        return report_text(self.sections, rule)


def chosen_origins(collection: Collection, origin: str | None, *, needed: bool) -> tuple[str, ...]:
    """The origins of the labels to write: what `origin` stands for, or the only one of studies and images.

    An origin stands for those below it too ("chexpert" for "chexpert/train"). Without `origin`, a corpus
    whose splits are labelled apart, each by one origin, is taken whole; otherwise several are an error if
    labels are `needed`, and none is written if they are not.

    Raises:
        ConfigError: no such origin, or several and `origin` is not set.
    """
    present = origins_in(collection)
    if origin is not None:
        found = tuple(one for one in present if is_from(one, origin))
        if not found:
            raise ConfigError(
                f"{collection.path}: no labels of origin '{origin}': {nearest(origin, present)}"
            )
        return found
    if len(present) == 1 or (present and not _overlap(collection)):
        return tuple(present)
    if needed:
        known = ", ".join(present) if present else "none; label it first"
        raise ConfigError(f"{collection.path}: choose labels with origin=NAME (there are: {known})")
    return ()


def _overlap(collection: Collection) -> bool:
    """Whether some split has labels of studies or images from several origins."""
    studies, images = collection.table("studies"), collection.table("images")
    split_of = dict(_columns(studies, "study_id", "split"))
    split_of_image = {image: split_of[study] for image, study in _columns(images, "image_id", "study_id")}
    stated = collection.table("labels").group_by(["target", "target_id", "origin"]).aggregate([])
    seen: dict[str, str] = {}
    for target, (key, origin) in zip(
        stated["target"].to_pylist(), _columns(stated, "target_id", "origin"), strict=True
    ):
        splits = {"study": split_of, "image": split_of_image}.get(target, {})
        if key in splits and seen.setdefault(splits[key], origin) != origin:
            return True
    return False


def _columns(table: pa.Table, one: str, other: str) -> Iterator[tuple[str, str]]:
    return zip(table[one].to_pylist(), table[other].to_pylist(), strict=True)


def studies_in(collection: Collection, origins: Sequence[str] = ()) -> Iterator[StoredStudy]:
    """Every study with its labels of some origins (none without), in the order of the collection."""
    collection.require_pixels()
    reader = LabelReader(collection, list(origins)) if origins else None
    films = _films(collection, reader)
    sections = _sections(collection)
    states = _states(reader, None if reader is None else reader.studies())
    for row in _rows(collection.table("studies")):
        key = row["study_id"]
        yield StoredStudy(
            study_id=key,
            patient_id=row["patient_id"],
            split=row["split"],
            age=row["age"],
            sex=row["sex"],
            order=row["order"],
            films=tuple(films.get(key, ())),
            sections=tuple(sections.get(key, ())),
            states=next(states),
        )


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows one after another; only some of them are in memory as Python objects."""
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield from batch.to_pylist()


def _films(collection: Collection, reader: LabelReader | None) -> dict[str, list[StoredFilm]]:
    boxes = _boxes(collection)
    states = _states(reader, None if reader is None else reader.images())
    films: dict[str, list[StoredFilm]] = {}
    for row in _rows(collection.table("images")):
        key = row["image_id"]
        film = StoredFilm(
            key,
            collection.image_path(row["path"]),
            View(row["view"]),
            (row["width"], row["height"]),
            (row["original_width"], row["original_height"]),
            row["licence"],
            tuple(boxes.get(key, ())),
            next(states),
        )
        films.setdefault(row["study_id"], []).append(film)
    return films


def _boxes(collection: Collection) -> dict[str, list[StoredBox]]:
    boxes: dict[str, list[StoredBox]] = {}
    for row in _rows(collection.table("boxes")):
        corners = (row["x0"], row["y0"], row["x1"], row["y1"])
        box = StoredBox(row["name"], row["kind"], corners, row["annotator"], row["phrase"])
        boxes.setdefault(row["image_id"], []).append(box)
    return boxes


def _sections(collection: Collection) -> dict[str, list[Section]]:
    sections: dict[str, list[Section]] = {}
    ordered = collection.table("sections").sort_by([("study_id", "ascending"), ("position", "ascending")])
    for row in _rows(ordered):
        section = Section(row["section"], row["text"], row["start"], row["end"])
        sections.setdefault(row["study_id"], []).append(section)
    return sections


def _states(reader: LabelReader | None, matrix: NDArray[np.int8] | None) -> Iterator[States]:
    """The states in each row of `matrix`, in the order of the observations in the table; without labels,
    endless empty rows."""
    if reader is None or matrix is None:
        yield from repeat({})
        return
    columns = [(name, reader.observations.index(name)) for name in reader.first_stated]
    for row in matrix:
        yield {name: int(row[column]) for name, column in columns if row[column] != NOT_MENTIONED}

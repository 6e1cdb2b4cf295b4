"""A collection by studies: films, sections, labels and boxes together, as the formats write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.label_origins import origins
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
    """A row of `boxes`: corners in pixels of the stored film, x right and y down."""

    name: str
    kind: str
    corners_xyxy_px: tuple[float, float, float, float]
    annotator: str | None
    phrase: str | None


@dataclass(frozen=True)
class StoredFilm:
    """A row of `images`, with its boxes and what labels say of it (by the rule of `collection.labels`)."""

    image_id: str
    path: Path
    view: View
    size: tuple[int, int]
    original_size: tuple[int, int]
    licence: str | None
    boxes: tuple[StoredBox, ...] = ()
    states: States = field(default_factory=dict)

    def original_corners(self, box: StoredBox) -> list[float]:
        """The corners of a box in pixels of the film as published, to a thousandth."""
        scaled = scale_boxes_xyxy(np.array([box.corners_xyxy_px]), self.size, self.original_size)
        return [round(corner, 3) for corner in scaled[0].tolist()]


@dataclass(frozen=True)
class StoredStudy:
    """A row of `studies` with its films, sections and what labels say of it (`collection.labels`)."""

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
        """The text that a rule of `text.rules` takes."""
        return report_text(self.sections, rule)


def chosen_origin(collection: Collection, origin: str | None, *, needed: bool) -> str | None:
    """The origin of the labels to write: the one stated, or the only one there is for studies and images.

    Where none is stated, several are an error if labels are `needed`, and otherwise none is written.

    Raises:
        ConfigError: no such origin, or several and none is stated.
    """
    found = origins(collection)
    if origin is not None and origin not in found:
        raise ConfigError(f"{collection.path}: no labels of origin '{origin}': {nearest(origin, found)}")
    if origin is None and needed and len(found) != 1:
        known = ", ".join(found) if found else "none; label it first"
        raise ConfigError(f"{collection.path}: say whose labels with origin=NAME (there are: {known})")
    return origin or (found[0] if len(found) == 1 else None)


def studies_in(collection: Collection, origin: str | None = None) -> Iterator[StoredStudy]:
    """Every study with its labels of one origin (none without), in the order of the collection."""
    collection.require_pixels()
    reader = None if origin is None else LabelReader(collection, [origin])
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


def region_labels(collection: Collection) -> dict[tuple[str, str], list[tuple[str, str, int]]]:
    """(image, region) → (observation, origin, state) of what is said of the region."""
    labels = collection.table("labels")
    found: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for row in _rows(labels.filter(pc.equal(labels["target"], "region"))):
        image, _, region = row["target_id"].rpartition(":")
        said = (row["observation"], row["origin"], row["state"])
        found.setdefault((image, region), []).append(said)
    return found


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows one after another; only a part of them is in memory as such."""
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield from batch.to_pylist()


def _films(collection: Collection, reader: LabelReader | None) -> dict[str, list[StoredFilm]]:
    boxes = _boxes(collection)
    states = _states(reader, None if reader is None else reader.images())
    found: dict[str, list[StoredFilm]] = {}
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
        found.setdefault(row["study_id"], []).append(film)
    return found


def _boxes(collection: Collection) -> dict[str, list[StoredBox]]:
    found: dict[str, list[StoredBox]] = {}
    for row in _rows(collection.table("boxes")):
        corners = (row["x0"], row["y0"], row["x1"], row["y1"])
        box = StoredBox(row["name"], row["kind"], corners, row["annotator"], row["phrase"])
        found.setdefault(row["image_id"], []).append(box)
    return found


def _sections(collection: Collection) -> dict[str, list[Section]]:
    found: dict[str, list[Section]] = {}
    ordered = collection.table("sections").sort_by([("study_id", "ascending"), ("position", "ascending")])
    for row in _rows(ordered):
        section = Section(row["section"], row["text"], row["start"], row["end"])
        found.setdefault(row["study_id"], []).append(section)
    return found


def _states(reader: LabelReader | None, matrix: NDArray[np.int8] | None) -> Iterator[States]:
    """What each row of `matrix` states, in the order in which the table speaks of the observations; without
    labels nothing, for ever."""
    if reader is None or matrix is None:
        yield from repeat({})
        return
    columns = [(name, reader.observations.index(name)) for name in reader.first_stated]
    for row in matrix:
        yield {name: int(row[column]) for name, column in columns if row[column] != NOT_MENTIONED}

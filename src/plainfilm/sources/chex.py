"""The tables that ChEX prepares (github.com/philip-mueller/chex): films with sentences, labels and boxes.

    mimic-cxr-TAGS.{train,val,test}.csv      dicom_id, subject_id, study_id, H, W, view, report_sentences, ...
    vindrcxr.{train,val,test}.csv            image_id, H, W, cls/vindrcxr/CLASS, clsbbox
    {train,val,test}_list_detection.csv      file_name, labels or bboxes (ChestX-ray14; x, y, width, height)

Cells of boxes and sentences are JSON. Of `NAME.all.csv`, which holds all splits, the column `split` is read
where the others are missing. Films are found by the column `image_path`, or below the folder `images`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from plainfilm.errors import SourceError
from plainfilm.io import paths
from plainfilm.io.archives import is_file
from plainfilm.sources.base import SourceConfig, is_blank, number_of, shown, split_of, state_of, view_of
from plainfilm.sources.common.film_ids import film_name
from plainfilm.sources.common.listed_studies import ListedStudies
from plainfilm.sources.common.rows import Row, read_each
from plainfilm.text.structured import report_of
from plainfilm.types import Box, Image, Label, Rejection, State, Study

_NIH = re.compile(r"(train|val|test)_list_detection\.csv")
_SPLIT_FILE = re.compile(r".+\.(train|val|test|all)\.csv")
_MIMIC = "mimic-cxr"
_NIH_SIDE = 1024
_CATEGORIES = {"af": "imagenome/anatomicalfinding", "disease": "imagenome/disease"}


class Config(SourceConfig):
    """images: the folder of films: that of MIMIC-CXR-JPG (with `files/` in it), of VinDr's or NIH's PNGs.
    corpus: whose patients these are ("mimic-cxr").
    """

    images: Path | None = None
    corpus: str | None = None


class _Odd(ValueError):
    """A cell that cannot be read; its text is the reason."""


@dataclass(frozen=True)
class _Ids:
    """Who a row is about."""

    image: str
    study: str
    patient: str


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of the tables of a folder, or of one table, in the order of their first rows.

    Raises:
        SourceError: no table of ChEX's.
        DataError: a table cannot be read.
    """
    studies = ListedStudies()
    for file in _files(raw):
        is_nih = bool(_NIH.fullmatch(file.name))
        use = partial(_add, is_nih=is_nih, studies=studies, raw=raw, config=config)
        yield from read_each(file, ["file_name"] if is_nih else ["H", "W"], use)
    yield from studies


def _files(raw: Path) -> list[Path]:
    if paths.is_file(raw):
        return [raw]
    found = paths.files_in(raw, "*.csv")
    tables = [file for file in found if _NIH.fullmatch(file.name) or _SPLIT_FILE.fullmatch(file.name)]
    parts = [file for file in tables if not file.name.endswith(".all.csv")]
    if not tables:
        raise SourceError(f"{raw}: no table NAME.train.csv, NAME.val.csv, NAME.test.csv of ChEX's")
    return parts or tables


def _add(row: Row, is_nih: bool, studies: ListedStudies, raw: Path, config: Config) -> Iterator[Rejection]:
    ids = _ids(row, is_nih)
    path = _path(row, ids, is_nih, raw, config)
    if not config.tables_only and not is_file(path):
        yield Rejection(str(path), f"{row.place} lists it, but it is not on disk", ids.study)
        return
    image = Image(ids.image, path, view_of(row["film_view"] or row["view"]))
    boxes: list[Box] = []
    labels: list[Label] = []
    for column, cell in row.cells.items():
        if is_blank(cell):
            continue
        try:
            boxes += _boxes(column, cell, row)
            labels += _labels(column, cell)
        except _Odd as error:
            yield Rejection(row.place, f"{column}: {error}", ids.study)
    sides = (_NIH_SIDE, _NIH_SIDE) if is_nih else (_side(row["W"]), _side(row["H"]))
    study = studies.of(ids.study, ids.patient, _split(row))
    study.images.append(
        replace(image, boxes=tuple(boxes), labels=tuple(labels), width=sides[0], height=sides[1])
    )
    if row["report_sentences"] and study.report is None:
        yield from _add_report(row, study, ids)


def _add_report(row: Row, study: Any, ids: _Ids) -> Iterator[Rejection]:
    try:
        sentences = _json(row["report_sentences"])
    except _Odd as error:
        yield Rejection(row.place, f"report_sentences: {error}", ids.study)
    else:
        study.report = report_of([("other", "\n".join(map(str, sentences)))])


def _ids(row: Row, is_nih: bool) -> _Ids:
    if is_nih:
        image = film_name(row["file_name"])
        return _Ids(image, image, image.partition("_")[0])
    image = row["dicom_id"] or row["image_id"]
    study, patient = row["study_id"] or image, row["subject_id"] or row["study_id"] or image
    if row.table.name.startswith(_MIMIC):
        study = f"s{study}" if study.isdigit() else study
        patient = f"p{patient}" if patient.isdigit() else patient
    return _Ids(image, study, patient)


def _path(row: Row, ids: _Ids, is_nih: bool, raw: Path, config: Config) -> Path:
    folder = raw if paths.is_folder(raw) else raw.parent
    if row["image_path"]:
        return folder / row["image_path"]
    if is_nih:
        return (config.images or folder / "images") / row["file_name"]
    if row["subject_id"]:
        root = config.images or folder
        return root / "files" / ids.patient[:3] / ids.patient / ids.study / f"{ids.image}.jpg"
    return (config.images or folder / "images_png") / f"{ids.image}.png"


def _split(row: Row) -> str | None:
    found = _NIH.fullmatch(row.table.name) or _SPLIT_FILE.fullmatch(row.table.name)
    return split_of(row["split"]) or (split_of(found[1]) if found else None)


def _side(cell: str) -> int | None:
    side = number_of(cell)
    return int(side) if side else None


def _json(cell: str) -> list[Any]:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        raise _Odd(f"'{cell[:60]}' is not JSON") from None
    if not isinstance(value, list):
        raise _Odd(f"'{cell[:60]}' is no list")
    return value


def _boxes(column: str, cell: str, row: Row) -> Iterator[Box]:
    if column == "clsbbox":
        phrases = _json(row["clsbboxphrases"]) if row["clsbboxphrases"] else []
        yield from _class_boxes(_json(cell), phrases)
    elif column == "bboxes":
        for entry in _literal(cell):
            x, y, width, height = _corners(entry)
            yield Box(str(entry[4]), "observation", x, y, x + width, y + height)
    elif column.startswith("anatbbox/"):
        name = column.partition("/")[2]
        corners = _corners(_json(cell))
        yield Box(name, "region", *corners, labels=tuple(_region_labels(name, row)))
        sentences = row[f"anatphrases/{name}"]
        for phrase in _json(sentences) if sentences else ():
            yield Box(name, "phrase", *corners, phrase=str(phrase))


def _class_boxes(entries: list[Any], phrases: Sequence[Any]) -> Iterator[Box]:
    for place, entry in enumerate(entries):
        corners = _corners(entry)
        phrase = str(phrases[place]) if place < len(phrases) else ""
        name = str(entry[4]).partition("/")[2] or str(entry[4])
        yield Box(name, "phrase" if phrase else "observation", *corners, phrase=phrase or None)


def _corners(entry: Any) -> tuple[float, float, float, float]:
    try:
        x0, y0, x1, y1 = (float(corner) for corner in entry[:4])
    except (TypeError, ValueError):
        raise _Odd(f"'{shown(str(entry))}' is no box") from None
    return x0, y0, x1, y1


def _literal(cell: str) -> list[Any]:
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise _Odd(f"'{cell[:60]}' is no Python list") from None
    if not isinstance(value, list):
        raise _Odd(f"'{cell[:60]}' is no list")
    return value


def _labels(column: str, cell: str) -> Iterator[Label]:
    if column == "labels":
        for name in _literal(cell):
            yield Label(str(name), State.POSITIVE, "nih14")
    elif column.startswith("cls/"):
        _, origin, name = column.split("/", 2)
        yield Label(name, _state(cell), f"chex/{origin}")


def _state(cell: str) -> State:
    state = state_of(cell)
    if state is None:
        raise _Odd(f"'{shown(cell)}': expected 1, 0, -1 or blank")
    return state


def _region_labels(region: str, row: Row) -> Iterator[Label]:
    for column, cell in row.cells.items():
        if column.startswith("anatcls/cig/") and column.endswith(f"/{region}") and not is_blank(cell):
            inner = column.removeprefix("anatcls/cig/").removesuffix(f"/{region}")
            category, _, name = inner.partition("/")
            origin = _CATEGORIES.get(category, "imagenome/nlp")
            yield Label(name or category, _state(cell), origin)

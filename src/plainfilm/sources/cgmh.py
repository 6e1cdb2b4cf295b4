"""The tables of CXR-CLIP-CGMH: films of Chang Gung Memorial Hospital with tubes, lines and four findings.

    train.csv, valid.csv     image (list of paths), text_label (list of the labels that are there)
    test.csv                 image (list of paths), a column of 0 or 1 for each label, text

Each row is a study. Lists are written as Python does (`['a.jpg', 'b.jpg']`). What a row for training does not
name is unknown, not negative, unless the option `not_mentioned` says that lists are complete. These films are
not public; but any site can write its own tables in this form (https://github.com/porterlin/cxr-clip-cgmh).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import field_validator

from plainfilm.errors import SourceError, nearest
from plainfilm.io import paths
from plainfilm.io.csv_files import folded_header
from plainfilm.sources.base import (
    SourceConfig,
    age_of,
    by_split,
    sex_of,
    shown,
    split_named,
    split_of,
    view_of,
)
from plainfilm.sources.common.film_ids import film_path, is_there, without_ending
from plainfilm.sources.common.list_cells import is_broken_list, list_of
from plainfilm.sources.common.option_matches import require_nearly_all
from plainfilm.sources.common.person_ids import People, identifier
from plainfilm.sources.common.rows import Row, read_rows, row_states, unread_cells
from plainfilm.types import SPLITS, Image, Label, Rejection, Report, State, Study, View

LABELS = (
    "Endotracheal tube in place",
    "Endotracheal tube malposition",
    "Pigtail in place",
    "Pigtail malpositon",
    "Chest tube in place",
    "Chest tube malposition",
    "NG tube in place",
    "NG tube malposition",
    "Central venous catheter in place",
    "Pneumothorax",
    "Subcutaneous emphysema",
    "Pneumomediastinum",
    "Foreign body",
)
"""The labels as they are published, the spelling of the fourth too."""

ORIGIN = "cgmh"
"""Whose labels these are, of whichever table: thresholds of one split are for labels of another."""

_ROLES = ("", "index", "image", "text", "text_label")
_MORE_ROLES = ("patient_id", "study_id", "view", "age", "sex", "split")


class Config(SourceConfig):
    """images: the folder that the paths of the tables are relative to, that of the tables by default; prefix:
    the beginning that is taken off each path first. patient: a regular expression whose first group is the
    patient in a path. labels: names of other labels. not_mentioned: what a list of labels leaves out is
    "unknown", or "absent" where every film was read for all of them; a blank cell is no list. licence: the
    terms of the films.
    """

    RENAMED: ClassVar = {"unlisted": "not_mentioned"}

    images: Path | None = None
    prefix: str = ""
    patient: str | None = None
    labels: tuple[str, ...] = LABELS
    not_mentioned: Literal["unknown", "absent"] = "unknown"
    licence: str | None = None

    @field_validator("patient")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        try:
            groups = re.compile(pattern).groups if pattern is not None else 1
        except re.error as error:
            raise ValueError(f"is no regular expression ({error})") from None
        if not groups:
            raise ValueError("needs a group in brackets around what is the patient")
        return pattern


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of the tables, those for testing first, so that a study in two tables stays held out.

    Raises:
        SourceError: no such file or folder, no table whose name says its split, or a table without labels.
    """
    tables = _tables(raw)
    for table, _ in tables:
        _require_fitting(table, config)
    people = People()
    for table, split in tables:
        yield from _read_table(table, split, people, config)


def _tables(raw: Path) -> list[tuple[Path, str | None]]:
    """The tables with the splits that their names say (`test.csv`, `cgmh_train.csv`)."""
    if paths.is_file(raw):
        return [(raw, split_named(raw))]
    if not paths.is_folder(raw):
        raise SourceError(
            f"{raw}: no such file or folder; give the folder of train.csv, valid.csv and test.csv"
        )
    found = by_split(path for path in paths.files_in(raw) if path.name.endswith((".csv", ".csv.gz")))
    if not found:
        raise SourceError(f"{raw}: no train.csv, valid.csv or test.csv in it; give their folder or one table")
    return sorted(found, key=lambda pair: SPLITS.index(pair[1]), reverse=True)


def _require_fitting(table: Path, config: Config) -> None:
    """Checks that the options about paths fit those of a table.

    Raises:
        SourceError: one fits fewer than nearly all.
    """
    if config.prefix:
        require_nearly_all(
            f"prefix={config.prefix}", lambda path: path.startswith(config.prefix), _first_paths(table), table
        )
    if config.patient:
        pattern = re.compile(config.patient)
        require_nearly_all(
            f"patient={config.patient}",
            lambda path: bool((found := pattern.search(_relative(path, config.prefix))) and found[1]),
            _first_paths(table, without_patient=True),
            table,
        )


def _first_paths(table: Path, *, without_patient: bool = False) -> Iterator[str]:
    """The first path of every row, or of those that state no patient."""
    for row in read_rows(table, ["image"]):
        if isinstance(row, Row) and not (without_patient and row["patient_id"]):
            yield from list_of(row["image"])[:1]


def _read_table(
    table: Path, split: str | None, people: People, config: Config
) -> Iterator[Study | Rejection]:
    columns: tuple[str, ...] | None = None
    for row in read_rows(table, ["image"]):
        if isinstance(row, Rejection):
            yield row
            continue
        if columns is None:
            columns = _label_columns(row, config)
            yield from _unknown_columns(row, config)
        yield from _study(row, split, columns, people, config)


def _label_columns(row: Row, config: Config) -> tuple[str, ...]:
    """The columns of the labels; none where the table lists them."""
    columns = tuple(name for name in config.labels if name in row)
    if "text_label" not in row and not columns:
        wanted = f"neither 'text_label' nor a label ({', '.join(config.labels[:2])}, ...)"
        raise SourceError(
            f"{row.table}: no column for labels: {wanted}; name others with --option labels=[...]"
        )
    return columns


def _unknown_columns(row: Row, config: Config) -> Iterator[Rejection]:
    known = {folded_header(name) for name in (*_ROLES, *_MORE_ROLES, *config.labels)}
    for name in row.cells:
        if folded_header(name) not in known:
            yield Rejection(str(row.table), f"column '{name}' is not read: {nearest(name, config.labels)}")


def _study(
    row: Row, split: str | None, columns: Sequence[str], people: People, config: Config
) -> Iterator[Study | Rejection]:
    broken = [column for column in ("image", "text_label") if is_broken_list(row[column])]
    if broken:
        reason = f"{broken[0]} '{shown(row[broken[0]])}' is no Python list: is it cut short?"
        yield Rejection(row.place, reason, row["study_id"] or None)
        return
    paths = [_relative(path, config.prefix) for path in list_of(row["image"])]
    if not paths:
        yield Rejection(row.place, "the row names no image")
        return
    study_id = identifier(row["study_id"]) or _id_of(paths[0])
    images = []
    for item in _images(row, paths, config):
        if isinstance(item, Image):
            images.append(item)
        else:
            yield Rejection(item.path, item.reason, study_id)
    labels, refused = row_states(row, columns, ORIGIN)
    listed, unknown = _listed(row, columns, config)
    yield from (replace(item, study_id=study_id) for item in refused)
    yield from (Rejection(row.place, fault, study_id) for fault in unknown)
    if config.patient and not _patient(row, paths[0], config):
        yield Rejection(row.place, "option patient finds no patient in its path; it is kept as one", study_id)
    yield from unread_cells(row, {"age": age_of, "sex": sex_of, "split": split_of}, study_id)
    text = "\n".join(list_of(row["text"]))
    yield Study(
        study_id=study_id,
        patient_id=people(_patient(row, paths[0], config)) or study_id,
        images=tuple(images),
        report=Report(text, header_rules="cgmh") if text else None,
        labels=(*labels, *listed),
        split=split_of(row["split"]) or split,
        age=age_of(row["age"]),
        sex=sex_of(row["sex"]),
    )


def _relative(path: str, prefix: str) -> str:
    return path.removeprefix(prefix).lstrip("/") if prefix and path.startswith(prefix) else path


def _id_of(path: str) -> str:
    """The id of a film: its path without the ending."""
    return without_ending(Path(path.lstrip("/")).as_posix())


def _images(row: Row, paths: Sequence[str], config: Config) -> Iterator[Image | Rejection]:
    root = config.images or row.table.parent
    views = list_of(row["view"])
    for place, path in enumerate(paths):
        if not config.tables_only and not is_there(film_path(root, path)):
            yield Rejection(
                shown(path), f"no such file (named by {row.place}); is --option images=FOLDER right?"
            )
            continue
        view = view_of(views[place]) if len(views) == len(paths) else View.UNKNOWN
        yield Image(_id_of(path), film_path(root, path), view, licence=config.licence)


def _listed(row: Row, columns: Sequence[str], config: Config) -> tuple[list[Label], list[str]]:
    """The labels that the list of a row gives, and why others are none; `columns` speak for themselves."""
    names = list(dict.fromkeys(list_of(row["text_label"])))
    labels = [Label(name, State.POSITIVE, ORIGIN) for name in names if name in config.labels]
    if config.not_mentioned == "absent" and row["text_label"]:
        left = [name for name in config.labels if name not in (*names, *columns)]
        labels += [Label(name, State.NEGATIVE, ORIGIN) for name in left]
    unknown = [name for name in names if name not in config.labels]
    return labels, [f"label '{name}' is unknown: {nearest(name, config.labels)}" for name in unknown]


def _patient(row: Row, path: str, config: Config) -> str:
    """The patient that the table states, or that the pattern finds in the path of the first film, or ""."""
    match = re.search(config.patient, path) if config.patient else None
    return row["patient_id"] or (match.group(1) if match else None) or ""

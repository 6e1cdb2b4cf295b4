"""Any CSV: one row per image (or per report), with columns named by the user.

`columns` says which header plays which role: `{"image": "path", "text": "findings,impression", ...}`.
Without it, headers with usual names are taken (`path`, `report`, `study_id`, ...), which is how the split
CSVs of TxtRayAlign are read as they are: a folder of `train.csv`, `val.csv` and `test.csv` gives the
splits. Rows of the same study become one study; `docs/collection.md` lists every rule.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from plainfilm.errors import SourceError, nearest
from plainfilm.io.paths import files_in, is_file, is_folder
from plainfilm.io.scratch import DiskDict
from plainfilm.sources.base import (
    SourceConfig,
    age_of,
    by_split,
    is_blank,
    not_understood,
    number_of,
    sex_of,
    shown,
    split_of,
    view_of,
)
from plainfilm.sources.common.film_ids import FilmIds, film_path, is_there, people_in
from plainfilm.sources.common.known_observations import AnyObservation, KnownObservations, Observations
from plainfilm.sources.common.label_columns import Codes, LabelColumns
from plainfilm.sources.common.list_cells import is_broken_list, list_of
from plainfilm.sources.common.person_ids import People, identifier, is_rounded
from plainfilm.sources.common.raw_files import bare_name
from plainfilm.sources.common.report_files import join_sections
from plainfilm.sources.common.roles import USUAL_HEADERS, headers_of_roles
from plainfilm.sources.common.rows import Row, read_rows
from plainfilm.sources.common.stored_rows import LabelCells, StoredRow, StoredRows
from plainfilm.sources.common.study_groups import Member, StudyGroups
from plainfilm.types import Image, Label, Rejection, Report, Study, View

_SEVERAL = ("text", "labels")
"""Roles that several columns may play."""

logger = logging.getLogger(__name__)


class Config(SourceConfig):
    """`columns`: role → header; `text` and `labels` may name several, separated by commas.

    `header_rules` says how a single text column is cut into sections; `label_origin` is what the labels'
    origin is called (the table's name by default). `observations` are names that labels may have besides
    those that are known, or "any"; `codes` is what numbers in label columns mean: "chexpert" (1, 0, -1) or
    "chexbert" (1, 2, 3, and 0 for blank). `corpus` says whose patients these are ("mimic-cxr"), so that they
    are known in other collections of that corpus; `patient_prefix` goes before every patient id, to keep
    apart corpora that number their patients alike.
    """

    columns: dict[str, str] = Field(default_factory=dict)
    header_rules: str = "plain"
    label_origin: str | None = None
    observations: tuple[str, ...] | Literal["any"] = ()
    codes: Codes = "chexpert"
    corpus: str | None = None
    patient_prefix: str = ""

    @field_validator("columns")
    @classmethod
    def _known_roles(cls, columns: dict[str, str]) -> dict[str, str]:
        for role in columns:
            if role not in USUAL_HEADERS:
                raise ValueError(f"unknown role '{role}': {nearest(role, USUAL_HEADERS)}")
        return columns


@dataclass
class _Table:
    """The rows of all files, on disk, and what must be known of all of them before the first study is made.

    `filled` counts the cells of every column, by its kind and name. `people` calls patients by one name each;
    `splits` are those of patients.
    """

    config: Config
    rows: StoredRows = field(default_factory=StoredRows)
    filled: dict[str, Counter[str]] = field(
        default_factory=lambda: {"cells": Counter(), "texts": Counter(), "labels": Counter()}
    )
    files: list[Path] = field(default_factory=list)
    people: People = field(default_factory=People)
    splits: DiskDict = field(default_factory=DiskDict)
    ids: FilmIds = field(default_factory=FilmIds)

    def add(self, row: StoredRow) -> None:
        """Add a row of the last of `files`."""
        self.rows.append(row)
        self.filled["cells"].update(row.cells.keys())
        self.filled["texts"].update(row.texts.keys())
        self.filled["labels"].update(row.labels.keys())

    def patient(self, row: StoredRow) -> str:
        """Who a row is about: the patient stated or, without a column, the one that the path names."""
        cell = row.cell("patient")
        if cell or "patient" in self.filled["cells"]:
            return self.people(cell)
        named = people_in(row.paths[0]) if row.paths else None
        return self.people(named[0] if named else "")


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of a CSV or of a folder of CSVs, in the order of their first rows.

    Raises:
        SourceError: no such table, or a column that is not in it (with the nearest header).
    """
    table = _Table(config)
    yield from _load(raw, table)
    yield from _find_patients(table)
    own, headers = config.observations, [*table.filled["labels"]]
    known: Observations = AnyObservation() if own == "any" else KnownObservations(own)
    cells = LabelCells(table.rows)
    stated = LabelColumns(headers, cells, known, config.codes, config.label_origin or raw.name)
    for row in table.rows if headers else ():
        yield from (Rejection(row.place, fault) for fault in stated.of(row.labels)[1])
    groups = StudyGroups()
    for number, row in enumerate(table.rows):
        reason = _split_fault(row)
        if reason:
            yield Rejection(row.place, reason)
        else:
            _add_to_study(number, row, table, groups)
    for members in groups:
        yield from _study(table, members, stated)
    _tell_of_shared(table, groups)


def _load(raw: Path, table: _Table) -> Iterator[Rejection]:
    """Fills a table from its files; yields the rows that do not fit."""
    for file, split in _files(raw):
        roles: dict[str, list[str]] | None = None
        for row in read_rows(file):
            reason = row.reason if isinstance(row, Rejection) else _broken(row, roles)
            if isinstance(row, Row) and roles is None:
                roles = headers_of_roles([*row.cells], file, table.config.columns)
                reason = _broken(row, roles)
            if reason or not isinstance(row, Row) or roles is None:
                yield Rejection(row.path if isinstance(row, Rejection) else row.place, str(reason))
                continue
            table.add(_stored(row, roles, split))
        _require_rectangle(table, file)


def _broken(row: Row, roles: dict[str, list[str]] | None) -> str | None:
    """Why the images of a row cannot be read."""
    cell = row[roles["image"][0]] if roles and "image" in roles else ""
    return f"image '{shown(cell)}' is no Python list: is it cut short?" if is_broken_list(cell) else None


def _stored(row: Row, roles: dict[str, list[str]], split: str | None) -> StoredRow:
    cells = {role: row.cells[headers[0]] for role, headers in roles.items() if role not in _SEVERAL}
    if split:
        cells.setdefault("split", split)
    texts, labels = ({header: row.cells[header] for header in roles.get(role, ())} for role in _SEVERAL)
    return StoredRow(row.table, row.number, cells, labels, texts)


def _files(raw: Path) -> list[tuple[Path, str | None]]:
    if is_file(raw):
        return [(raw, None)]
    if not is_folder(raw):
        raise SourceError(f"{raw}: no such file or folder; give a CSV or a folder of CSVs")
    files = [file for file in files_in(raw) if file.name.endswith((".csv", ".csv.gz"))]
    if not files:
        raise SourceError(f"{raw}: holds no CSV; expected train.csv, val.csv and test.csv, or name one file")
    stated = by_split(file for file in files if split_of(bare_name(file)))
    return [*stated] or [(file, None) for file in files]


def _require_rectangle(table: _Table, file: Path) -> None:
    for kind in table.filled.values():
        for name, count in kind.items():
            if count != len(table.rows):
                raise SourceError(f"{file}: '{name}' is a column of some of the CSVs only; make them alike")


def _find_patients(table: _Table) -> Iterator[Rejection]:
    """Makes known the patients of all rows, their splits, and the paths of all films."""
    first: Path | None = None
    for row in table.rows:
        first = first or row.file
        patient, split, cell = table.patient(row), split_of(row.cell("split")), row.cell("patient")
        if patient and split:
            table.splits.setdefault(patient, split)
        for path in row.paths:
            table.ids.add(path)
        if cell and is_rounded(cell):
            reason = f"patient '{cell}' was rounded by a spreadsheet: nobody knows whose it is"
            yield Rejection(row.place, reason)
    if table.people.other_spelling:
        logger.warning(
            "%s: %d patient ids are others in another spelling ('%s' is '%s'), taken as one person",
            first,
            table.people.respelled,
            *table.people.other_spelling,
        )


def _split_fault(row: StoredRow) -> str | None:
    """Why the split of a row is none of ours."""
    cell = row.cell("split")
    known = not cell or split_of(cell) is not None
    return None if known else f"split '{cell}' is none of train, validation, test"


def _add_to_study(number: int, row: StoredRow, table: _Table, groups: StudyGroups) -> None:
    """Adds a row to its study; a blank split follows the patient."""
    patient = table.patient(row)
    split = split_of(row.cell("split")) or (table.splits.get(patient) if patient else None)
    groups.add(number, _study_id(row, table.ids), patient, split)


def _tell_of_shared(table: _Table, groups: StudyGroups) -> None:
    if groups.shared is not None:
        logger.warning(
            "%s: study '%s' is one of '%s' and one of '%s': studies are told apart by patient too",
            next(iter(table.rows)).file,
            *groups.shared,
        )


def _study_id(row: StoredRow, ids: FilmIds) -> str:
    stated = identifier(row.cell("study") or row.cell("image_id"))
    if stated:
        return stated
    return ids[row.paths[0]] if row.paths else f"{bare_name(row.file)}-{row.number}"


def _study(table: _Table, members: Sequence[Member], stated: LabelColumns) -> Iterator[Study | Rejection]:
    study_id, rows = members[0].study, [table.rows.whole(member.row) for member in members]
    labels = [stated.of(row.labels)[0] for row in rows]
    shared = all(own == labels[0] for own in labels)
    images: list[Image] = []
    for row, own in zip(rows, labels, strict=True):
        for image in _images(table, row, () if shared else own):
            if isinstance(image, Image):
                images.append(image)
            else:
                yield Rejection(image.path, image.reason, study_id)
        if own and not (shared or row.paths or own == labels[0]):
            yield Rejection(row.place, "has other labels than the first row of its study", study_id)
    patient = next((member.patient for member in members if member.patient), study_id)
    age, sex, order = (_known(rows, role, parse) for role, parse in _KNOWN)
    for value in (age, sex, order):
        if isinstance(value, Rejection):
            yield replace(value, study_id=study_id)
    yield Study(
        study_id=study_id,
        patient_id=f"{table.config.patient_prefix}{patient}",
        images=tuple(images),
        report=_report(table, rows),
        labels=labels[0] if shared or not rows[0].paths else (),
        split=members[0].split,
        age=age if isinstance(age, float) else None,
        sex=sex if isinstance(sex, str) else None,
        order=order if isinstance(order, float) else None,
    )


_KNOWN: tuple[tuple[str, Callable[[str], float | str | None]], ...] = (
    ("age", age_of),
    ("sex", sex_of),
    ("order", number_of),
)


def _known(
    rows: Sequence[StoredRow], role: str, parse: Callable[[str], float | str | None]
) -> float | str | Rejection | None:
    """What the first filled cell of a role says of the study."""
    for row in rows:
        cell = row.cell(role)
        if cell:
            value = parse(cell)
            return Rejection(row.place, not_understood(role, cell)) if value is None else value
    return None


def _images(table: _Table, row: StoredRow, labels: tuple[Label, ...]) -> Iterator[Image | Rejection]:
    """The images a row names; a row of a table with images that names none is a rejection."""
    paths = row.paths
    views = list_of(row.cell("view"))
    if not paths and "image" in row.cells:
        yield Rejection(row.place, "the row names no image")
    for position, cell in enumerate(paths):
        path = film_path(row.file.parent, cell)
        if not table.config.tables_only and not is_there(path):
            yield Rejection(shown(cell), f"no such file (named by {row.place})")
            continue
        stated = identifier(row.cell("image_id")) if len(paths) == 1 else ""
        view = view_of(views[position]) if len(views) == len(paths) else View.UNKNOWN
        yield Image(stated or table.ids[cell], path, view, labels, licence=row.cell("licence") or None)


def _report(table: _Table, rows: Sequence[StoredRow]) -> Report | None:
    """The distinct texts of a study's rows, each column a section where its header names one."""
    texts = {
        header: dict.fromkeys(
            "\n".join(list_of(row.texts[header])) for row in rows if not is_blank(row.texts[header])
        )
        for header in table.filled["texts"]
    }
    parts = [(header, text) for header, found in texts.items() for text in found]
    return join_sections(parts, table.config.header_rules) if parts else None

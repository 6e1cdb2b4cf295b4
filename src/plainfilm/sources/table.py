"""Any CSV: one row per image (or per report), with columns named by the user.

`columns` says which header plays which role: `{"image": "path", "text": "findings,impression", ...}`.
Without it, headers with usual names are taken (`path`, `report`, `study_id`, ...), which is how the split
CSVs of TxtRayAlign are read as they are: a folder of `train.csv`, `val.csv` and `test.csv` gives the
splits. Rows of the same study become one study; `docs/collection.md` lists every rule.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from plainfilm.errors import SourceError, nearest
from plainfilm.io.paths import files_in, is_file, is_folder
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
from plainfilm.sources.common.film_ids import film_ids, film_path, is_there, people_in
from plainfilm.sources.common.known_observations import AnyObservation, KnownObservations, Observations
from plainfilm.sources.common.label_columns import Codes, LabelColumns
from plainfilm.sources.common.list_cells import is_broken_list, list_of
from plainfilm.sources.common.person_ids import People, identifier, is_rounded
from plainfilm.sources.common.raw_files import bare_name
from plainfilm.sources.common.report_files import join_sections
from plainfilm.sources.common.roles import USUAL_HEADERS, headers_of_roles
from plainfilm.sources.common.rows import Row, read_rows
from plainfilm.sources.common.stored_texts import StoredTexts
from plainfilm.types import Image, Label, Rejection, Report, Study, View

_OF_ONE_ROW = ("image", "image_id", "study")
"""Roles whose cells are hardly ever the same."""

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
    """The columns that play a role, over all rows of all files; `numbers` says where each row stands in which
    of the `files`, and `patients` who it is about ("" where that is not known).

    Reports stay on disk, and of cells that are the same one is kept: a row takes some hundred bytes.
    """

    config: Config
    cells: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, StoredTexts] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    files: dict[int, Path] = field(default_factory=dict)
    numbers: array[int] = field(default_factory=lambda: array("q"))
    patients: list[str] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    def kept(self, cell: str) -> str:
        """The cell, or the one with the same letters that is kept already."""
        return self.same.setdefault(cell, cell)

    def paths(self, row: int) -> list[str]:
        """The images that a row names."""
        return list_of(self.cell("image", row))

    def file(self, row: int) -> Path:
        """The file that a row is from; `files` has each by its first row."""
        first = max(start for start in self.files if start <= row)
        return self.files[first]

    def cell(self, role: str, row: int) -> str:
        """The cell of a role, blank where the role has no column."""
        column = self.cells.get(role)
        text = column[row].strip() if column else ""
        return "" if is_blank(text) else text

    def place(self, row: int) -> str:
        """Where a row stands, for a person."""
        return f"{self.file(row).name} row {self.numbers[row]}"


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of a CSV or of a folder of CSVs, in the order of their first rows.

    Raises:
        SourceError: no such table, or a column that is not in it (with the nearest header).
    """
    table = _Table(config)
    yield from _load(raw, table)
    yield from _find_patients(table)
    ids = film_ids(path for row in range(len(table)) for path in table.paths(row))
    own = config.observations
    known: Observations = AnyObservation() if own == "any" else KnownObservations(own)
    stated = LabelColumns(table.labels, known, config.codes, config.label_origin or raw.name)
    labels: list[tuple[Label, ...]] = []
    for row in range(len(table)):
        found, faults = stated.of(row)
        labels.append(found)
        yield from (Rejection(table.place(row), fault) for fault in faults)
    splits, refused = _splits(table)
    yield from (Rejection(table.place(row), reason) for row, reason in refused.items())
    for study_id, rows in _studies(table, ids, splits, refused):
        yield from _study(table, study_id, rows, ids, [labels[row] for row in rows], splits[rows[0]])


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
            _add(row, roles, split, table)
        _require_rectangle(table, file)


def _broken(row: Row, roles: dict[str, list[str]] | None) -> str | None:
    """Why the images of a row cannot be read."""
    cell = row[roles["image"][0]] if roles and "image" in roles else ""
    return f"image '{shown(cell)}' is no Python list: is it cut short?" if is_broken_list(cell) else None


def _add(row: Row, roles: dict[str, list[str]], split: str | None, table: _Table) -> None:
    for role, headers in roles.items():
        if role == "text":
            for header in headers:
                table.texts.setdefault(header, StoredTexts()).append(row.cells[header])
        elif role == "labels":
            for header in headers:
                table.labels.setdefault(header, []).append(table.kept(row.cells[header]))
        else:
            cell = row.cells[headers[0]]
            table.cells.setdefault(role, []).append(cell if role in _OF_ONE_ROW else table.kept(cell))
    if split and "split" not in roles:
        table.cells.setdefault("split", []).append(split)
    if row.table not in table.files.values():
        table.files[len(table)] = row.table
    table.numbers.append(row.number)


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
    columns: chain[tuple[str, Sequence[str]]] = chain(
        table.cells.items(), table.texts.items(), table.labels.items()
    )
    for name, cells in columns:
        if len(cells) != len(table):
            raise SourceError(f"{file}: '{name}' is a column of some of the CSVs only; make them alike")


def _find_patients(table: _Table) -> Iterator[Rejection]:
    """Fills in the patient of every row: the one stated or, without a column, the one that the path names."""
    people = People()
    for row in range(len(table)):
        paths = table.paths(row)
        cell = table.cell("patient", row)
        named = people_in(paths[0]) if paths and "patient" not in table.cells else None
        table.patients.append(people(cell or (named[0] if named else "")))
        if cell and is_rounded(cell):
            reason = f"patient '{cell}' was rounded by a spreadsheet: nobody knows whose it is"
            yield Rejection(table.place(row), reason)
    for spelling, name in list(people.respelled.items())[:1]:
        logger.warning(
            "%s: %d patient ids are others in another spelling ('%s' is '%s'), taken as one person",
            table.file(0),
            len(people.respelled),
            spelling,
            name,
        )


def _splits(table: _Table) -> tuple[list[str | None], dict[int, str]]:
    """Each row's split, and the rows whose split is none of ours; a blank one follows its patient."""
    splits: list[str | None] = []
    refused: dict[int, str] = {}
    of_patient: dict[str, str] = {}
    for row, patient in enumerate(table.patients):
        cell = table.cell("split", row)
        splits.append(split_of(cell))
        if cell and splits[-1] is None:
            refused[row] = f"split '{cell}' is none of train, validation, test"
        elif splits[-1] and patient:
            of_patient.setdefault(patient, str(splits[-1]))
    filled = [split or of_patient.get(table.patients[row]) for row, split in enumerate(splits)]
    return filled, refused


def _studies(
    table: _Table, ids: dict[str, str], splits: Sequence[str | None], refused: dict[int, str]
) -> Iterator[tuple[str, list[int]]]:
    """The id and rows of each study; the same study in two splits is two, of which `prepare` keeps the first.

    Where patients share a study's id, as with studies that are numbered by patient, it is one for each.
    """
    used = [row for row in range(len(table)) if row not in refused]
    stated = {row: _study_id(table, row, ids) for row in used}
    people: dict[str, set[str]] = {}
    for row in used:
        people.setdefault(stated[row], set()).update(filter(None, [table.patients[row]]))
    groups: dict[tuple[str, str | None], list[int]] = {}
    for row in used:
        study, patient = stated[row], table.patients[row]
        name = f"{patient}_{study}" if len(people[study]) > 1 and patient else study
        groups.setdefault((name, splits[row]), []).append(row)
    yield from ((name, rows) for (name, _), rows in groups.items())
    shared = next((study for study, patients in people.items() if len(patients) > 1), None)
    if shared is not None:
        first, second = sorted(people[shared])[:2]
        logger.warning(
            "%s: study '%s' is one of '%s' and one of '%s': studies are told apart by patient too",
            *(table.file(0), shared, first, second),
        )


def _study_id(table: _Table, row: int, ids: dict[str, str]) -> str:
    stated = identifier(table.cell("study", row) or table.cell("image_id", row))
    if stated:
        return stated
    paths = table.paths(row)
    return ids[paths[0]] if paths else f"{bare_name(table.file(row))}-{table.numbers[row]}"


def _study(
    table: _Table,
    study_id: str,
    rows: Sequence[int],
    ids: dict[str, str],
    labels: Sequence[tuple[Label, ...]],
    split: str | None,
) -> Iterator[Study | Rejection]:
    shared = all(row == labels[0] for row in labels)
    images: list[Image] = []
    for row, own in zip(rows, labels, strict=True):
        for image in _images(table, row, ids, () if shared else own):
            if isinstance(image, Image):
                images.append(image)
            else:
                yield Rejection(image.path, image.reason, study_id)
        if own and not (shared or table.paths(row) or own == labels[0]):
            yield Rejection(table.place(row), "has other labels than the first row of its study", study_id)
    patient = next(filter(None, (table.patients[row] for row in rows)), study_id)
    age, sex, order = (_known(table, rows, role, parse) for role, parse in _KNOWN)
    for value in (age, sex, order):
        if isinstance(value, Rejection):
            yield replace(value, study_id=study_id)
    yield Study(
        study_id=study_id,
        patient_id=f"{table.config.patient_prefix}{patient}",
        images=tuple(images),
        report=_report(table, rows),
        labels=labels[0] if shared or not table.paths(rows[0]) else (),
        split=split,
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
    table: _Table, rows: Sequence[int], role: str, parse: Callable[[str], float | str | None]
) -> float | str | Rejection | None:
    """What the first filled cell of a role says of the study."""
    for row in rows:
        cell = table.cell(role, row)
        if cell:
            value = parse(cell)
            return Rejection(table.place(row), not_understood(role, cell)) if value is None else value
    return None


def _images(
    table: _Table, row: int, ids: dict[str, str], labels: tuple[Label, ...]
) -> Iterator[Image | Rejection]:
    """The images a row names; a row of a table with images that names none is a rejection."""
    paths = table.paths(row)
    views = list_of(table.cell("view", row))
    if not paths and "image" in table.cells:
        yield Rejection(table.place(row), "the row names no image")
    for position, cell in enumerate(paths):
        path = film_path(table.file(row).parent, cell)
        if not table.config.tables_only and not is_there(path):
            yield Rejection(shown(cell), f"no such file (named by {table.place(row)})")
            continue
        stated = identifier(table.cell("image_id", row)) if len(paths) == 1 else ""
        view = view_of(views[position]) if len(views) == len(paths) else View.UNKNOWN
        yield Image(stated or ids[cell], path, view, labels, licence=table.cell("licence", row) or None)


def _report(table: _Table, rows: Sequence[int]) -> Report | None:
    """The distinct texts of a study's rows, each column a section where its header names one."""
    texts = {
        header: dict.fromkeys("\n".join(list_of(cells[row])) for row in rows if not is_blank(cells[row]))
        for header, cells in table.texts.items()
    }
    parts = [(header, text) for header, found in texts.items() for text in found]
    return join_sections(parts, table.config.header_rules) if parts else None

"""Any CSV: one row per image (or per report), with columns named by the user.

`columns` says which header plays which role: `{"image": "path", "text": "findings,impression", ...}`.
Without it, headers with usual names are taken (`path`, `report`, `study_id`, ...), which is how the split
CSVs of TxtRayAlign are read as they are: a folder of `train.csv`, `val.csv` and `test.csv` gives the
splits. Rows of the same study become one study; `docs/collection.md` lists every rule.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import Field, field_validator

from plainfilm.errors import SourceError, nearest
from plainfilm.io.archives import is_file
from plainfilm.io.tables import read_csv
from plainfilm.sources.base import (
    SourceConfig,
    age_of,
    by_split,
    is_blank,
    not_understood,
    number_of,
    sex_of,
    split_of,
    view_of,
)
from plainfilm.sources.common.examples import write_example_film
from plainfilm.sources.common.label_columns import columns_of_labels, row_labels
from plainfilm.sources.common.list_cells import list_of
from plainfilm.sources.common.raw_files import bare_name
from plainfilm.sources.common.report_files import join_sections
from plainfilm.types import Image, Label, Rejection, Report, Study, View

USUAL_HEADERS = {
    "image": ("image", "path", "image_path", "filepath", "file", "filename"),
    "image_id": ("image_id", "dicom_id"),
    "text": ("text", "report"),
    "labels": ("labels",),
    "patient": ("patient_id", "subject_id", "patient"),
    "study": ("study_id", "study"),
    "view": ("view", "ViewPosition", "view_position"),
    "split": ("split",),
    "age": ("age",),
    "sex": ("sex", "gender"),
    "licence": ("licence", "license"),
    "order": ("order", "study_date"),
}
"""Every role, and the headers taken for it where `columns` is not given."""

_MIMIC_PATIENT = re.compile(r"[/\\](p\d{8})[/\\]s\d{8}[/\\]")


class Config(SourceConfig):
    """`columns`: role → header; `text` and `labels` may name several, separated by commas.

    `header_rules` says how a single text column is cut into sections; `label_origin` is what the labels'
    origin is called (the table's name by default). `corpus` says whose patients these are ("mimic-cxr"), so
    that they are known in other collections of that corpus; `patient_prefix` goes before every patient id, to
    keep apart corpora that number their patients alike.
    """

    columns: dict[str, str] = Field(default_factory=dict)
    header_rules: str = "plain"
    label_origin: str | None = None
    corpus: str | None = None
    patient_prefix: str = ""

    @field_validator("columns")
    @classmethod
    def _known_roles(cls, columns: dict[str, str]) -> dict[str, str]:
        for role in columns:
            if role not in USUAL_HEADERS:
                raise ValueError(f"unknown role '{role}': {nearest(role, USUAL_HEADERS)}")
        return columns


@dataclass(frozen=True)
class _Table:
    """The columns that play a role, over all rows of all files; `places` says where each row stands."""

    raw: Path
    config: Config
    cells: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    places: list[tuple[Path, int]] = field(default_factory=list)

    def cell(self, role: str, row: int) -> str:
        """The cell of a role, blank where the role has no column."""
        column = self.cells.get(role)
        text = column[row].strip() if column else ""
        return "" if is_blank(text) else text

    def place(self, row: int) -> str:
        """Where a row stands, for a person."""
        file, number = self.places[row]
        return f"{file.name} row {number}"


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of a CSV or of a folder of CSVs, in the order of their first rows.

    Raises:
        SourceError: no such table, or a column that is not in it (with the nearest header).
    """
    table = _load(raw, config)
    ids = _image_ids(table)
    states, rejections = columns_of_labels(table.labels, table.place)
    yield from rejections
    origin = config.label_origin or raw.name
    labels = [row_labels(table.labels, states, row, origin) for row in range(len(table.places))]
    splits, refused = _splits(table)
    yield from (Rejection(table.place(row), reason) for row, reason in refused.items())
    for rows in _studies(table, ids, splits, refused):
        yield from _study(table, rows, ids, [labels[row] for row in rows], splits[rows[0]])


def _load(raw: Path, config: Config) -> _Table:
    table = _Table(raw, config)
    for file, split in _files(raw):
        frame = read_csv(file)
        headers = [str(header) for header in frame.columns]
        roles = _headers_of_roles(headers, file, config)
        for role in (role for role in roles if role not in ("text", "labels")):
            table.cells.setdefault(role, []).extend(frame[roles[role][0]].tolist())
        for role, store in (("text", table.texts), ("labels", table.labels)):
            for header in roles.get(role, ()):
                store.setdefault(header, []).extend(frame[header].tolist())
        if split and "split" not in roles:
            table.cells.setdefault("split", []).extend([split] * len(frame))
        table.places.extend((file, number) for number in range(1, len(frame) + 1))
        _require_rectangle(table, file)
    return table


def _files(raw: Path) -> list[tuple[Path, str | None]]:
    if raw.is_file():
        return [(raw, None)]
    if not raw.is_dir():
        raise SourceError(f"{raw}: no such file or folder; give a CSV or a folder of CSVs")
    files = sorted(file for file in raw.iterdir() if file.name.endswith((".csv", ".csv.gz")))
    if not files:
        raise SourceError(f"{raw}: holds no CSV; expected train.csv, val.csv and test.csv, or name one file")
    stated = by_split(file for file in files if split_of(bare_name(file)))
    return [*stated] or [(file, None) for file in files]


def _headers_of_roles(headers: Sequence[str], file: Path, config: Config) -> dict[str, list[str]]:
    if not config.columns:
        found = {
            role: [header for header in usual if header in headers][:1]
            for role, usual in USUAL_HEADERS.items()
        }
        roles = {role: names for role, names in found.items() if names}
    else:
        roles = {role: _named(named, role, headers, file) for role, named in sorted(config.columns.items())}
    if "image" not in roles and "text" not in roles:
        raise SourceError(
            f"{file}: no column plays the role image or text; "
            f"say --column image=HEADER or --column text=HEADER ({nearest('path', headers)})"
        )
    return roles


def _named(named: str, role: str, headers: Sequence[str], file: Path) -> list[str]:
    several = role in ("text", "labels") and named not in headers
    names = [name.strip() for name in named.split(",")] if several else [named]
    for name in names:
        if name not in headers:
            raise SourceError(f"{file}: no column '{name}' (role {role}): {nearest(name, headers)}")
    return names


def _require_rectangle(table: _Table, file: Path) -> None:
    for columns in (table.cells, table.texts, table.labels):
        for name, cells in columns.items():
            if len(cells) != len(table.places):
                raise SourceError(f"{file}: '{name}' is a column of some of the CSVs only; make them alike")


def _image_paths(table: _Table, row: int) -> list[str]:
    return list_of(table.cell("image", row))


def _image_ids(table: _Table) -> dict[str, str]:
    """Image cell → id: the file's name without ending where that is unique, else its path."""
    cells = dict.fromkeys(path for row in range(len(table.places)) for path in _image_paths(table, row))
    stems = {cell: Path(cell).stem for cell in cells}
    if len(set(stems.values())) == len(stems):
        return stems
    absolute = {cell for cell in cells if Path(cell).is_absolute()}
    common = os.path.commonpath([str(Path(cell).parent) for cell in absolute]) if absolute else ""
    return {
        cell: Path(os.path.relpath(cell, common) if cell in absolute else cell).with_suffix("").as_posix()
        for cell in cells
    }


def _splits(table: _Table) -> tuple[list[str | None], dict[int, str]]:
    """Each row's split, and the rows whose split is none of ours; a blank one follows its patient."""
    splits: list[str | None] = []
    refused: dict[int, str] = {}
    of_patient: dict[str, str] = {}
    for row in range(len(table.places)):
        cell = table.cell("split", row)
        splits.append(split_of(cell))
        if cell and splits[-1] is None:
            refused[row] = f"split '{cell}' is none of train, validation, test"
        elif splits[-1] and _patient(table, row):
            of_patient.setdefault(_patient(table, row), str(splits[-1]))
    filled = [split or of_patient.get(_patient(table, row)) for row, split in enumerate(splits)]
    return filled, refused


def _patient(table: _Table, row: int) -> str:
    """The patient stated, or the one a MIMIC path names, or blank."""
    path = _MIMIC_PATIENT.search(table.cell("image", row))
    return table.cell("patient", row) or (path.group(1) if path and "patient" not in table.cells else "")


def _studies(
    table: _Table, ids: dict[str, str], splits: Sequence[str | None], refused: dict[int, str]
) -> Iterator[list[int]]:
    """The rows of each study; the same study in two splits is two, of which `prepare` keeps the first."""
    groups: dict[tuple[str, str | None], list[int]] = {}
    for row in range(len(table.places)):
        if row not in refused:
            groups.setdefault((_study_id(table, row, ids), splits[row]), []).append(row)
    yield from groups.values()


def _study_id(table: _Table, row: int, ids: dict[str, str]) -> str:
    paths = _image_paths(table, row)
    stated = table.cell("study", row) or table.cell("image_id", row)
    file, number = table.places[row]
    return stated or (ids[paths[0]] if paths else f"{bare_name(file)}-{number}")


def _study(
    table: _Table,
    rows: Sequence[int],
    ids: dict[str, str],
    labels: Sequence[tuple[Label, ...]],
    split: str | None,
) -> Iterator[Study | Rejection]:
    study_id = _study_id(table, rows[0], ids)
    shared = all(row == labels[0] for row in labels)
    images: list[Image] = []
    for row, own in zip(rows, labels, strict=True):
        for image in _images(table, row, ids, () if shared else own):
            if isinstance(image, Image):
                images.append(image)
            else:
                yield Rejection(image.path, image.reason, study_id)
    patient = next(filter(None, (_patient(table, row) for row in rows)), study_id)
    age, sex, order = (_known(table, rows, role, parse) for role, parse in _KNOWN)
    for value in (age, sex, order):
        if isinstance(value, Rejection):
            yield replace(value, study_id=study_id)
    yield Study(
        study_id=study_id,
        patient_id=f"{table.config.patient_prefix}{patient}",
        images=tuple(images),
        report=_report(table, rows),
        labels=labels[0] if shared else (),
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
    paths = _image_paths(table, row)
    views = list_of(table.cell("view", row))
    if not paths and "image" in table.cells:
        yield Rejection(table.place(row), "the row names no image")
    for position, cell in enumerate(paths):
        path = table.places[row][0].parent / cell
        if not table.config.tables_only and not is_file(path):
            yield Rejection(cell, f"no such file (named by {table.place(row)})")
            continue
        stated = table.cell("image_id", row) if len(paths) == 1 else ""
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


def make_example(root: Path) -> Path:
    """A table with every role: three studies of two patients, one with two views, one without a film."""
    for number in range(3):
        write_example_film(root / f"film{number}.png")
    rows = [
        "path,study_id,patient_id,report,labels,view,split,age,sex,licence",
        "film0.png,study1,alice,No effusion.,,PA,train,61,F,CC0-1.0",
        "film1.png,study1,alice,No effusion.,,LL,train,61,F,CC0-1.0",
        "film2.png,study2,bert,Large left effusion.,Pleural Effusion|Atelectasis,AP,test,47,M,CC0-1.0",
        ",study3,bert,Effusion has gone.,,,test,48,M,CC0-1.0",
    ]
    table = root / "films.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table

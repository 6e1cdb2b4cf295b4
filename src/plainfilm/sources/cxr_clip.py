"""The tables that CXR-CLIP trains on (github.com/kakaobrain/cxr-clip), for any films.

    train.csv, valid.csv, test.csv     image, view, AP, PA, Lateral: lists as Python literals
                                       text: [findings, impression], or one text
                                       text_label: [[positive], [negative], [uncertain]], or [positive]

Patients are those that the paths name in MIMIC-CXR's or CheXpert's way, or those of the column `patient_id`,
which `plainfilm convert C cxr_clip` adds with `study_id`, `image_id`, `views` and `sections`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io import paths
from plainfilm.sources.base import SourceConfig, is_blank, shown, split_of, view_of
from plainfilm.sources.common.film_ids import FilmIds, film_path, is_there, people_in
from plainfilm.sources.common.list_cells import is_broken_list, list_of
from plainfilm.sources.common.listed_studies import ListedStudies
from plainfilm.sources.common.rows import Row, read_each, read_rows
from plainfilm.text.structured import report_of
from plainfilm.types import Image, Label, Rejection, Report, State, Study, View

_VIEW_COLUMNS = ("AP", "PA", "Lateral")
_STATES = (State.POSITIVE, State.NEGATIVE, State.UNCERTAIN)


class Config(SourceConfig):
    """images: the folder that relative paths start from. corpus: whose patients these are."""

    images: Path | None = None
    corpus: str | None = None


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of the tables, a row each.

    Raises:
        SourceError: no table, or one without a column `image`.
        DataError: a table cannot be read.
    """
    if not paths.exists(raw):
        raise SourceError(f"{raw}: no such folder or table")
    files = [raw] if paths.is_file(raw) else _split_files(raw)
    if not files:
        raise SourceError(f"{raw}: none of train.csv, valid.csv and test.csv; name one table")
    studies = ListedStudies()
    ids = FilmIds(path for file in files for path in _paths(file))
    for file in files:
        use = partial(_add, split=split_of(file.stem), studies=studies, ids=ids, config=config)
        yield from read_each(file, ["image"], use)
    yield from studies


def _split_files(folder: Path) -> list[Path]:
    return [file for file in paths.files_in(folder, "*.csv") if split_of(file.stem)]


def _paths(file: Path) -> Iterator[str]:
    """The path of every film in a table."""
    for row in read_rows(file, ["image"]):
        yield from list_of(row["image"]) if isinstance(row, Row) else ()


def _add(
    row: Row, split: str | None, studies: ListedStudies, ids: Mapping[str, str], config: Config
) -> Iterator[Rejection]:
    if is_broken_list(row["image"]):
        reason = f"image '{shown(row['image'])}' is no Python list: is it cut short?"
        yield Rejection(row.place, reason, row["study_id"] or None)
        return
    paths = list_of(row["image"])
    if not paths:
        yield Rejection(row.place, "the row names no image")
        return
    patient, named = people_in(paths[0]) or ("", ids[paths[0]])
    study_id = row["study_id"] or named
    study = studies.of(study_id, row["patient_id"] or patient or study_id, split)
    stated, views = list_of(row["image_id"]), _views(row, paths)
    for place, name in enumerate(paths):
        path = film_path(config.images or row.table.parent, name)
        if config.tables_only or is_there(path):
            image_id = stated[place] if len(stated) == len(paths) else ids[name]
            study.images.append(Image(image_id, path, views[place]))
        else:
            yield Rejection(shown(name), f"{row.place} lists it, but it is not on disk", study_id)
    report = _report(row)
    if study.report is not None and report is not None and report.text != study.report.text:
        yield Rejection(row.place, "has another text than the first row of its study", study_id)
    study.report = study.report or report
    labels = _labels(row["text_label"])
    if labels is None:
        reason = f"text_label '{shown(row['text_label'])}' is no list of observations"
        yield Rejection(row.place, reason, study_id)
    study.labels = study.labels or labels or ()


def _views(row: Row, paths: Sequence[str]) -> list[View]:
    stated = list_of(row["views"])
    if len(stated) == len(paths):
        return [view_of(view) for view in stated]
    columns = {path: column for column in _VIEW_COLUMNS for path in list_of(row[column])}
    return [view_of(columns.get(path, "")) for path in paths]


def _report(row: Row) -> Report | None:
    """Two texts are findings and impression; of one, nobody can say which it is, unless the row does."""
    texts = list_of(row["text"])
    names = list_of(row["sections"])
    if len(names) != len(texts):
        names = ["findings", "impression"] if len(texts) == 2 else ["other"] * len(texts)
    report = report_of(zip(names, texts, strict=True))
    return report if report.text else None


def _labels(cell: str) -> tuple[Label, ...] | None:
    """The labels of a cell, none for a blank, `None` where it cannot be read."""
    if is_blank(cell):
        return ()
    try:
        lists = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(lists, list):
        return None
    if all(isinstance(name, str) for name in lists):
        lists = [lists, [], []]
    if len(lists) != len(_STATES) or not all(isinstance(names, list) for names in lists):
        return None
    return tuple(
        Label(str(name), state, "cxr_clip")
        for state, names in zip(_STATES, lists, strict=True)
        for name in names
    )

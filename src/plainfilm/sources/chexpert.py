"""CheXpert (v1.0, its small copy, its test set) and CheXpert Plus as downloaded from Stanford or Kaggle.

    train.csv, valid.csv                             films, sex, age, view, labels
    test_labels.csv                                  the test set, as CheXlocalize publishes it
    train_cheXbert.csv, train_visualCheXbert.csv     labels of other labellers, optional
    df_chexpert_plus_240401.csv                      reports of CheXpert Plus, optional
    findings_fixed.json, impression_fixed.json, report_fixed.json    its labels, optional
    .../patientN/studyN/viewN_frontal.jpg            films, at any depth: .jpg, .png or .dcm, zipped or not

The tables and films may lie anywhere below the folder: as the small copy unpacks, in the four "batch" folders
of the large one, or in the chunks of CheXpert Plus. A film is known by its patient, study and view.
Irvin et al., "CheXpert: a large chest radiograph dataset with uncertainty labels and expert comparison", AAAI
2019; Chambon et al., "CheXpert Plus", arXiv:2405.19538.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from plainfilm.errors import DataError, SourceError
from plainfilm.io.csv_files import open_text
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS
from plainfilm.sources.base import SourceConfig, split_of
from plainfilm.sources.common.chexpert_tree import (
    FILM_SUFFIXES,
    LICENCE,
    StudyName,
    film_id,
    film_name,
    film_view,
    patients_in,
    person,
)
from plainfilm.sources.common.examples import phantom_example
from plainfilm.sources.common.raw_files import RawFiles, bare_name, find_raw_files
from plainfilm.sources.common.rows import Row, read_each, row_states
from plainfilm.types import Image, Label, Rejection, Report, Study, View

CORPUS = "chexpert"
_LISTS = {
    "train": "train",
    "valid": "validation",
    "val_labels": "validation",
    "test": "test",
    "test_labels": "test",
}
_OTHER_LABELS = ("train_cheXbert", "train_visualCheXbert")
_PLUS = "df_chexpert_plus_240401"
_PLUS_LABELS = ("findings_fixed", "impression_fixed", "report_fixed")
_TABLES = (
    *(f"{name}.csv" for name in (*_LISTS, *_OTHER_LABELS, _PLUS)),
    *(f"{name}.json" for name in _PLUS_LABELS),
)


class Config(SourceConfig):
    """without: a table with a column "Path" (GLoRIA's `chexpert_5x200.csv`) whose patients are left out."""

    without: Path | None = None


@dataclass(frozen=True)
class _Headers:
    """What a table calls the cells that are read of a film."""

    path: str = "Path"
    sex: str = "Sex"
    age: str = "Age"
    plane: str = "Frontal/Lateral"
    position: str = "AP/PA"


_PLUS_HEADERS = _Headers("path_to_image", "sex", "age", "frontal_lateral", "ap_pa")


@dataclass(slots=True)
class _Listed:
    """What the tables say of a study: films as (id, view, path), labels by the table they are from."""

    split: str | None
    sex: str | None
    age: float | None
    films: list[tuple[str, View, str]] = field(default_factory=list)
    labels: dict[str, tuple[Label, ...]] = field(default_factory=dict)
    text: str | None = None


@dataclass(frozen=True)
class _Corpus:
    """Everything listed: studies, the table of each film, and labels by the cells that say them."""

    studies: dict[StudyName, _Listed] = field(default_factory=dict)
    films: dict[str, str] = field(default_factory=dict)
    labels: dict[tuple[str, ...], tuple[Label, ...]] = field(default_factory=dict)


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of a download, by patient and study number.

    Raises:
        SourceError: no such folder, none of the tables that list films, two of one name, or a table of
            patients to leave out that names none of these.
    """
    found = find_raw_files(raw, _TABLES, FILM_SUFFIXES, tables_only=config.tables_only, id_of=film_id)
    for path in found.strays:
        yield Rejection(str(path), "is not named patientN/studyN/viewN_frontal or _lateral")
    yield from found.films.rejections
    corpus = _Corpus()
    yield from _read_tables(found, corpus)
    without = _without(config.without, corpus)
    for name in sorted(corpus.studies):
        if name.patient in without:
            reason = f"its patient is one of {config.without}, which are left out"
            yield Rejection(str(name), reason, str(name))
        else:
            yield from _study(name, corpus.studies[name], found)
    for _, path in found.films.beside(corpus.films):
        yield Rejection(str(path), "on disk but not in the tables, so its view and split are unknown")


def _read_tables(found: RawFiles, corpus: _Corpus) -> Iterator[Rejection]:
    found.table(*_LISTS, _PLUS)
    tables = found.tables
    for name, split in _LISTS.items():
        if name in tables:
            use = partial(_read_film, split=split, corpus=corpus)
            yield from read_each(tables[name], ["Path"], use)
    if _PLUS in tables:
        columns = [_PLUS_HEADERS.path, "report", "split"]
        yield from read_each(tables[_PLUS], columns, lambda row: _read_report(row, corpus))
    for name in _OTHER_LABELS:
        if name in tables:
            yield from read_each(tables[name], ["Path"], lambda row: _read_labels(row, corpus))
    for name in _PLUS_LABELS:
        if name in tables:
            yield from _read_json_labels(tables[name], corpus)


def _read_film(row: Row, split: str, corpus: _Corpus) -> Iterator[Rejection]:
    """A film and its labels; one that an earlier table lists keeps its split."""
    study = yield from _listed(row, _Headers(), split, corpus)
    if study:
        yield from _add_labels(row, f"chexpert/{bare_name(row.table)}", study, corpus)


def _read_report(row: Row, corpus: _Corpus) -> Iterator[Rejection]:
    """A film of CheXpert Plus and its report; the table lists films that no other one does."""
    study = yield from _listed(row, _PLUS_HEADERS, split_of(row["split"]), corpus)
    if study is None or not row["report"]:
        return
    study.text = study.text or row["report"]
    if study.text != row["report"]:
        yield Rejection(row.place, "its report is another one than that of the study's first film")


def _listed(
    row: Row, headers: _Headers, split: str | None, corpus: _Corpus
) -> Generator[Rejection, None, _Listed | None]:
    """The study of a row that lists a film, which is added to it; `None` where the row cannot be used."""
    named = film_name(row[headers.path])
    if named is None:
        yield Rejection(row.place, f"{headers.path} is '{row[headers.path]}': names no film of CheXpert")
        return None
    name, film = named
    study = corpus.studies.get(name)
    if study is None:
        sex, age, refused = person(row, headers.sex, headers.age)
        yield from refused
        study = corpus.studies[name] = _Listed(split, sex, age)
    if corpus.films.get(film) == row.table.name:
        yield Rejection(row.place, f"lists {film} for the second time", str(name))
        return None
    if film not in corpus.films:
        view = film_view(film, row[headers.plane], row[headers.position])
        study.films.append((film, view, row[headers.path]))
    corpus.films[film] = row.table.name
    return study


def _add_labels(row: Row, origin: str, study: _Listed, corpus: _Corpus) -> Iterator[Rejection]:
    """The labels of a row; they are its study's, as they come from its report or from all of its films."""
    cells = (origin, *(row.cells.get(name, "") for name in CHEXPERT_OBSERVATIONS))
    labels = corpus.labels.get(cells)
    if labels is None:
        labels, refused = row_states(row, CHEXPERT_OBSERVATIONS, origin)
        yield from refused
        if not refused:
            corpus.labels[cells] = labels
    if study.labels.setdefault(origin, labels) != labels:
        yield Rejection(row.place, "its labels are other ones than those of the study's first film")


def _read_labels(row: Row, corpus: _Corpus) -> Iterator[Rejection]:
    """What another labeller says of a film that is listed."""
    study = _known(row["Path"], corpus)
    if study is None:
        yield Rejection(row.place, f"Path is '{row['Path']}': no film that is listed")
    else:
        yield from _add_labels(row, f"chexpert/{bare_name(row.table)}", study, corpus)


def _read_json_labels(path: Path, corpus: _Corpus) -> Iterator[Rejection]:
    """Labels of CheXpert Plus: one JSON object a line, `null` for what is not mentioned."""
    origin = f"chexpert-plus/{bare_name(path).removesuffix('_fixed')}"
    with open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                cells = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                reason = getattr(error, "msg", "nested too deeply")
                raise DataError(f"{path}: line {number}: not valid JSON ({reason})") from None
            film = str(cells.get(_PLUS_HEADERS.path)) if isinstance(cells, dict) else ""
            study = _known(film, corpus)
            if study is None:
                yield Rejection(f"{path.name} line {number}", f"'{film}' is no film that is listed")
                continue
            row = Row(path, number, {name: _text(value) for name, value in cells.items()})
            yield from _add_labels(row, origin, study, corpus)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _known(path: str, corpus: _Corpus) -> _Listed | None:
    named = film_name(path)
    return corpus.studies.get(named[0]) if named and named[1] in corpus.films else None


def _without(path: Path | None, corpus: _Corpus) -> frozenset[str]:
    if path is None:
        return frozenset()
    patients = patients_in(path)
    if not any(name.patient in patients for name in corpus.studies):
        raise SourceError(f"{path}: names none of the patients that are here; is it chexpert_5x200.csv?")
    return patients


def _study(name: StudyName, listed: _Listed, found: RawFiles) -> Iterator[Study | Rejection]:
    images = []
    for film, view, place in listed.films:
        path = found.film(film, place)
        if path is None:
            yield Rejection(place, "listed in the tables but not on disk", str(name))
        else:
            images.append(Image(film, path, view, licence=LICENCE))
    yield Study(
        study_id=str(name),
        patient_id=name.patient,
        images=tuple(images),
        report=Report(listed.text, header_rules="chexpert") if listed.text else None,
        labels=tuple(label for labels in listed.labels.values() for label in labels),
        split=listed.split,
        order=float(name.number),
        age=listed.age,
        sex=listed.sex,
    )


def make_example(root: Path) -> Path:
    """Six phantom studies in this layout."""
    return phantom_example("chexpert", root)

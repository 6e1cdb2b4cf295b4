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
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plainfilm.errors import DataError, SourceError
from plainfilm.io.csv_files import open_text
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS
from plainfilm.sources.base import SourceConfig, split_of
from plainfilm.sources.cells.chexpert_tree import (
    FILM_ENDINGS,
    LICENCE,
    StudyName,
    add_film,
    film_name,
    film_view,
    patients_in,
    person,
)
from plainfilm.sources.cells.download import Shelf, downloaded, tables_below
from plainfilm.sources.cells.rows import Row, read_rows, row_states
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
_TABLES = (*_LISTS, *_OTHER_LABELS, _PLUS, *_PLUS_LABELS)
_TABLE_ENDINGS = (".csv", ".csv.gz", ".json")


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
    films = Shelf()
    tables: list[Path] = []
    for path in downloaded(raw, lambda name: _is_table(name) or (not config.tables_only and _is_film(name))):
        if _is_table(path.name):
            tables.append(path)
        elif refused := add_film(films, path):
            yield refused
    yield from films.rejections
    corpus = _Corpus()
    yield from _read_tables(raw, tables_below(tables), corpus)
    without = _without(config.without, corpus)
    for name in sorted(corpus.studies):
        if name.patient in without:
            reason = f"its patient is one of {config.without}, which are left out"
            yield Rejection(str(name), reason, str(name))
        else:
            yield from _study(name, corpus.studies[name], raw, films, config)
    for _, path in films.beside(corpus.films):
        yield Rejection(str(path), "on disk but not in the tables, so its view and split are unknown")


def _is_table(name: str) -> bool:
    return name.endswith(_TABLE_ENDINGS) and name.partition(".")[0] in _TABLES


def _is_film(name: str) -> bool:
    return name.lower().endswith(FILM_ENDINGS)


def _read_tables(raw: Path, tables: Mapping[str, Path], corpus: _Corpus) -> Iterator[Rejection]:
    if not any(name in tables for name in (*_LISTS, _PLUS)):
        wanted = f"train.csv, valid.csv, test_labels.csv or {_PLUS}.csv"
        raise SourceError(f"{raw}: no {wanted} in it or below; give the folder CheXpert was unpacked to")
    for name, split in _LISTS.items():
        if name in tables:
            yield from _read_list(tables[name], split, corpus)
    if _PLUS in tables:
        yield from _read_plus(tables[_PLUS], corpus)
    for name in _OTHER_LABELS:
        if name in tables:
            yield from _read_labels(tables[name], corpus)
    for name in _PLUS_LABELS:
        if name in tables:
            yield from _read_json_labels(tables[name], corpus)


def _read_list(path: Path, split: str, corpus: _Corpus) -> Iterator[Rejection]:
    """A table that lists films and has their labels; a film that an earlier table lists keeps its split."""
    for row in read_rows(path, ["Path"]):
        if isinstance(row, Rejection):
            yield row
            continue
        study = yield from _listed(row, _Headers(), split, corpus)
        if study:
            yield from _add_labels(row, f"chexpert/{_stem(path)}", study, corpus)


def _read_plus(path: Path, corpus: _Corpus) -> Iterator[Rejection]:
    """The reports of CheXpert Plus, one row a film; it lists the films that no other table does."""
    for row in read_rows(path, [_PLUS_HEADERS.path, "report", "split"]):
        if isinstance(row, Rejection):
            yield row
            continue
        study = yield from _listed(row, _PLUS_HEADERS, split_of(row["split"]), corpus)
        if study is None or not row["report"]:
            continue
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


def _read_labels(path: Path, corpus: _Corpus) -> Iterator[Rejection]:
    """A table of another labeller for films that are listed."""
    for row in read_rows(path, ["Path"]):
        if isinstance(row, Rejection):
            yield row
            continue
        study = _known(row["Path"], corpus)
        if study is None:
            yield Rejection(row.place, f"Path is '{row['Path']}': no film that is listed")
        else:
            yield from _add_labels(row, f"chexpert/{_stem(path)}", study, corpus)


def _read_json_labels(path: Path, corpus: _Corpus) -> Iterator[Rejection]:
    """Labels of CheXpert Plus: one JSON object a line, `null` for what is not mentioned."""
    origin = f"chexpert-plus/{_stem(path).removesuffix('_fixed')}"
    with open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                cells = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path}: line {number}: not valid JSON ({error.msg})") from None
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


def _study(
    name: StudyName, listed: _Listed, raw: Path, films: Shelf, config: Config
) -> Iterator[Study | Rejection]:
    images = []
    for film, view, path in listed.films:
        place = films.get(film)
        if place or config.tables_only:
            images.append(Image(film, place or raw / path, view, licence=LICENCE))
        else:
            yield Rejection(path, "listed in the tables but not on disk", str(name))
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


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def make_example(root: Path) -> Path:
    """Six phantom studies in this layout."""
    from plainfilm import phantom  # compiles its kernels, which readers need not wait for

    phantom.write("chexpert", root, studies=6, size=128)
    return root

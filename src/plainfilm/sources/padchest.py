"""PadChest of the hospital of San Juan de Alicante, as downloaded from BIMCV.

    RAW/PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv    a row a film; or .csv.gz
    RAW/0.zip ... RAW/54.zip, or RAW/0/*.png ...                films, 16-bit PNG, in any folder

Of the 35 columns these are read: ImageID, ImageDir, StudyID, PatientID, StudyDate_DICOM, PatientBirth,
PatientSex_DICOM, Projection, Report, MethodLabel and Labels. Labels are those of the report, so that all
films of a study share them: by physicians for a quarter of the films, by a network that learned from these
for the others. Reports are Spanish, without accents and with their words cut to stems, so that they are
text to count words in and not to learn sentences from. Bustos et al., "PadChest: A large chest x-ray image
dataset with multi-label annotated reports", Medical Image Analysis 66, 2020.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.sources.base import SourceConfig, is_blank, not_understood, number_of, sex_of, view_of
from plainfilm.sources.common.list_cells import is_broken_list, list_of
from plainfilm.sources.common.padchest_labels import LICENCE, padchest_labels
from plainfilm.sources.common.raw_files import RawFiles, find_raw_files
from plainfilm.sources.common.rows import Row, read_each
from plainfilm.types import Image, Label, Rejection, Report, Study, View

CORPUS = "padchest"
TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19"
_REQUIRED = ("ImageID", "StudyID", "PatientID", "Projection", "MethodLabel", "Labels")
_PHYSICIAN = "Physician"
_ORIGINS = {_PHYSICIAN: "padchest/physician", "RNN_model": "padchest/network"}
_VIEWS = {"L": View.LATERAL, "COSTAL": View.UNKNOWN, "UNK": View.UNKNOWN}
_EXCLUDED = "EXCLUDE"
_NEITHER_SEX = "O"


class Config(SourceConfig):
    """reports: keep the Spanish word stems as the text of the study. physician_only: leave out the labels of
    the network; its studies stay, without labels.
    """

    reports: bool = True
    physician_only: bool = False


@dataclass
class _Entry:
    """What the rows of a study say; `cells` are those that all of them must share."""

    patient: str
    cells: tuple[str, ...]
    labels: tuple[Label, ...]
    report: Report | None
    order: float | None
    age: float | None
    sex: str | None
    images: list[Image] = field(default_factory=list)


@dataclass
class _Corpus:
    """Where films lie, the studies so far, and the films that the table names."""

    files: RawFiles
    config: Config
    studies: dict[str, _Entry] = field(default_factory=dict)
    films: set[str] = field(default_factory=set)


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies in the order of their first films in the table.

    Raises:
        SourceError: no such folder, or no table in it.
        DataError: the table lacks a column.
    """
    found = find_raw_files(
        raw, [f"{TABLE}.csv"], [".png"], tables_only=config.tables_only, id_of=lambda path: path.name
    )
    if TABLE not in found.tables:
        raise SourceError(f"{raw}: no {TABLE}.csv in it or below; give the folder of the download")
    yield from found.films.rejections
    corpus = _Corpus(found, config)
    yield from read_each(found.tables[TABLE], _REQUIRED, lambda row: _read_row(row, corpus))
    for study_id, entry in corpus.studies.items():
        yield Study(
            study_id,
            entry.patient,
            tuple(entry.images),
            entry.report,
            entry.labels,
            order=entry.order,
            age=entry.age,
            sex=entry.sex,
        )
    for _, path in found.films.beside(corpus.films):
        yield Rejection(str(path), f"on disk but not in {TABLE}.csv, so nothing is known of it")


def _read_row(row: Row, corpus: _Corpus) -> Iterator[Rejection]:
    name, study, patient = row["ImageID"], row["StudyID"], row["PatientID"]
    if not (name and study and patient) or name in corpus.films:
        fault = "is listed for the second time" if name in corpus.films else "has no name, study or patient"
        yield Rejection(row.place, f"film '{name}' {fault}", study or None)
        return
    corpus.films.add(name)
    entry = corpus.studies.get(study)
    if entry is None:
        entry = corpus.studies[study] = _entry(row, patient, corpus.config)
        yield from _faults(row, study)
    if entry.patient != patient:
        yield Rejection(row.place, f"study {study} is of another patient in an earlier row", study)
    elif entry.cells != _shared(row):
        yield Rejection(row.place, f"the report or labels of study {study} differ from an earlier row", study)
    else:
        yield from _add_film(row, name, entry, corpus)


def _add_film(row: Row, name: str, entry: _Entry, corpus: _Corpus) -> Iterator[Rejection]:
    path = corpus.files.film(name, f"{row['ImageDir']}/{name}")
    projection = row["Projection"]
    if projection == _EXCLUDED:
        yield Rejection(name, f"Projection is '{_EXCLUDED}': the corpus leaves it out", row["StudyID"])
    elif path is None:
        yield Rejection(name, f"listed in {TABLE}.csv but not on disk", row["StudyID"])
    else:
        view = _VIEWS.get(projection) or view_of(projection)
        entry.images.append(Image(name.rpartition(".")[0], path, view, licence=LICENCE))


def _shared(row: Row) -> tuple[str, ...]:
    return tuple(row[header] for header in ("MethodLabel", "Labels", "Report"))


def _entry(row: Row, patient: str, config: Config) -> _Entry:
    day = _day(row["StudyDate_DICOM"])
    text = row["Report"]
    return _Entry(
        patient=patient,
        cells=_shared(row),
        labels=_labels(row["Labels"], row["MethodLabel"], config.physician_only),
        report=Report(text) if config.reports and any(map(str.isalpha, text)) else None,
        order=float(day.toordinal()) if day else None,
        age=_age(row, day),
        sex=sex_of(row["PatientSex_DICOM"]),
    )


@functools.lru_cache(maxsize=4096)  # reports that share a cell share its labels
def _labels(cell: str, method: str, physician_only: bool) -> tuple[Label, ...]:
    origin = _ORIGINS.get(method)
    if origin is None or is_broken_list(cell) or (physician_only and method != _PHYSICIAN):
        return ()
    return tuple(padchest_labels().stated(list_of(cell), origin))


def _faults(row: Row, study: str) -> Iterator[Rejection]:
    """What of a study's first row is not understood."""
    labels, method, sex = row["Labels"], row["MethodLabel"], row["PatientSex_DICOM"]
    if not labels or is_broken_list(labels):
        reason = f"Labels is '{labels[:40]}', no list of labels; the study is kept without them"
        yield Rejection(row.place, reason, study)
    elif method not in _ORIGINS:
        yield Rejection(row.place, not_understood("MethodLabel", method), study)
    if sex and sex_of(sex) is None and sex != _NEITHER_SEX:
        yield Rejection(row.place, not_understood("PatientSex_DICOM", sex), study)
    day = _day(row["StudyDate_DICOM"])
    if day is None and not is_blank(row["StudyDate_DICOM"]):
        yield Rejection(row.place, not_understood("StudyDate_DICOM", row["StudyDate_DICOM"]), study)
    if _age(row, day) is None and not is_blank(row["PatientBirth"]) and day:
        yield Rejection(row.place, not_understood("PatientBirth", row["PatientBirth"]), study)


def _day(cell: str) -> date | None:
    """The day that a cell such as "20140915" names."""
    try:
        return date.fromisoformat(cell.strip()[:8]) if len(cell.strip()) >= 8 else None
    except ValueError:
        return None


def _age(row: Row, day: date | None) -> float | None:
    """Years from the year of birth to the year of the study, so that it may be one too many."""
    born = number_of(row["PatientBirth"])
    age = day.year - born if day and born else None
    return age if age is not None and 0 <= age <= 130 else None

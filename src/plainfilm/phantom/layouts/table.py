"""Tables as a site exports its own: a row per image, a column for every role of the source `table`.

    train.csv, val.csv, test.csv    path, image_id, study_id, patient_id, view, report, labels, age, sex,
                                    licence, study_date
    films/STUDY_VIEW.png            laterals too

Quirks kept: two spellings of a view and of a sex, DICOM's age strings, rows that repeat their study's text,
studies without films, a missing film, an invalid age, labels joined with a bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.publishing import studies_of, write_csv, write_png
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Image, Label, Rejection, Report, State, Study, View

LICENCE = "for use in this house"
HEADER = (
    *("path", "image_id", "study_id", "patient_id", "view", "report", "labels", "age", "sex", "licence"),
    "study_date",
)
_FILES = {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}
_VIEWS = {View.PA: "PA", View.AP: "antero-posterior", View.AP_SUPINE: "AP_SUPINE", View.LATERAL: "LL"}
_SEXES = {"F": ("F", "female"), "M": ("M", "male")}


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The films that are not lost."""
    for film, array in zip(study.films, films, strict=True):
        if not _is_lost(study, film):
            write_png(_path(root, film), array)


def _path(root: Path, film: Film) -> Path:
    return root / "films" / f"{film.film_id}.png"


def _is_lost(study: StudyTruth, film: Film) -> bool:
    return _one_in(15, "table lost", film.film_id) and study.report is not None


def _has_no_films(study: StudyTruth) -> bool:
    return _one_in(10, "table text", study.study_id) and study.report is not None


def _has_an_odd_age(study: StudyTruth) -> bool:
    return _one_in(12, "table age", study.study_id)


def _one_in(count: int, *parts: object) -> bool:
    return bool(generator(*parts).random() < 1 / count)


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """A table for each split that has studies."""
    rows: dict[str, list[tuple[object, ...]]] = {}
    for patient, study in studies_of(patients):
        table = rows.setdefault(_FILES[patient.split], [])
        images = [] if _has_no_films(study) else study.films
        cells = _study_cells(patient, study)
        for film in images:
            path = _path(root, film).relative_to(root).as_posix()
            table.append((path, film.film_id, *cells[:2], _VIEWS[View(film.view)], *cells[2:]))
        if not images:
            table.append(("", "", *cells[:2], "", *cells[2:]))
    for name, table in rows.items():
        write_csv(root / name, HEADER, table)


def _study_cells(patient: PatientTruth, study: StudyTruth) -> tuple[object, ...]:
    """The cells of a study's rows, except those of the film."""
    age = "old" if _has_an_odd_age(study) else f"{int(study.age):03d}Y"
    sex = _SEXES[patient.sex][study.order % 2]
    labels = "|".join(_classes_of(study))
    person = study.study_id, patient.patient_id
    return (*person, study.report or "", labels, age, sex, LICENCE, study.days)


def _classes_of(study: StudyTruth) -> list[str]:
    return sorted({finding.observation for finding in study.findings})


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """Every study under its true ids and in its true split; the labels are those of the findings."""
    for patient, study in studies_of(patients):
        films = [] if _has_no_films(study) else study.films
        yield Study(
            study_id=study.study_id,
            patient_id=patient.patient_id,
            images=tuple(
                Image(film.film_id, _path(root, film), View(film.view), licence=LICENCE)
                for film in films
                if not _is_lost(study, film)
            ),
            report=Report(study.report) if study.report else None,
            labels=tuple(Label(name, State.POSITIVE, root.name) for name in _classes_of(study)),
            split=patient.split,
            order=float(study.days),
            age=None if _has_an_odd_age(study) else float(int(study.age)),
            sex=patient.sex,
        )
        if _has_an_odd_age(study):
            yield Rejection(_FILES[patient.split], "age 'old' is not understood")
        if not films:
            yield Rejection(_FILES[patient.split], "the row names no image")
        for film in films:
            if _is_lost(study, film):
                yield Rejection(f"films/{film.film_id}.png", "no such file")

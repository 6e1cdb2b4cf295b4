"""MIMIC-CXR-JPG 2.0.0 with the reports of MIMIC-CXR beside the images.

    files/pNN/pSUBJECT/sSTUDY/DICOM.jpg      films
    files/pNN/pSUBJECT/sSTUDY.txt            the report, beside the study's folder
    mimic-cxr-2.0.0-split.csv.gz             dicom_id, study_id, subject_id, split
    mimic-cxr-2.0.0-metadata.csv.gz          one row per film
    mimic-cxr-2.0.0-chexpert.csv.gz          one row per report, 14 observations: 1.0, 0.0, -1.0 or blank
    mimic-cxr-2.0.0-negbio.csv.gz            the same by another labeller, with occasional errors
    patients.csv.gz                          subject_id, gender, anchor_age (a table of MIMIC-IV)

Quirks kept: blank view positions, LL beside LATERAL, dates in the far future, studies without a report,
with two frontal films or with a lateral only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.files import replacing
from plainfilm.io.images import write_jpeg
from plainfilm.phantom.publishing import studies_of, write_csv
from plainfilm.phantom.truth import CHEXPERT, Film, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Image, Label, Report, State, Study, View

_VERSION = "2.0.0"
_SPLITS = {"train": "train", "validation": "validate", "test": "test"}
_COLUMNS = CHEXPERT
_METADATA = (
    "dicom_id",
    "subject_id",
    "study_id",
    "PerformedProcedureStepDescription",
    "ViewPosition",
    "Rows",
    "Columns",
    "StudyDate",
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)
_VIEW_CODES = {"PA": "postero-anterior", "AP": "antero-posterior", "LATERAL": "lateral", "LL": "left lateral"}


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The study's folder of JPEGs and, unless it is lost, the report beside it."""
    folder = _folder(root, patient, study)
    folder.mkdir(parents=True, exist_ok=True)
    for film, array in zip(study.films, films, strict=True):
        write_jpeg(array, folder / f"{film.film_id}.jpg")
    if study.report is not None:
        with replacing(folder.with_name(f"{folder.name}.txt")) as path:
            path.write_text(study.report, encoding="utf-8", newline="\n")


def _folder(root: Path, patient: PatientTruth, study: StudyTruth) -> Path:
    return root / "files" / f"p{patient.patient_id[:2]}" / f"p{patient.patient_id}" / f"s{study.study_id}"


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The split, metadata, label and patient tables."""
    films = [(patient, study, film) for patient, study in studies_of(patients) for film in study.films]
    split = [(f.film_id, s.study_id, p.patient_id, _SPLITS[p.split]) for p, s, f in films]
    _write(root, "split", ("dicom_id", "study_id", "subject_id", "split"), split)
    _write(root, "metadata", _METADATA, [_metadata_row(p, s, f, seed) for p, s, f in films])
    header = ("subject_id", "study_id", *_COLUMNS)
    _write(root, "chexpert", header, list(_label_rows(patients)))
    _write(root, "negbio", header, list(_label_rows(patients, erring=seed)))
    people = [(p.patient_id, p.sex, str(round(p.studies[0].age))) for p in patients]
    write_csv(root / "patients.csv.gz", ("subject_id", "gender", "anchor_age"), people)


def _metadata_row(patient: PatientTruth, study: StudyTruth, film: Film, seed: int) -> tuple[str, ...]:
    rng = generator(seed, "metadata", film.film_id)
    shared = generator(seed, "metadata", study.study_id)
    view = _view_position(film, rng)
    begin = date(2110 + int(generator(seed, "metadata", patient.patient_id).integers(0, 85)), 1, 1)
    taken = begin + timedelta(days=study.days)
    clock = shared.integers(0, 24), shared.integers(0, 60), shared.integers(0, 60), rng.integers(0, 1000)
    bedside = all(item.view in (View.AP, View.AP_SUPINE) for item in study.films)
    procedure = "CHEST (PORTABLE AP)" if bedside else "CHEST (PA AND LAT)"
    return (
        film.film_id,
        patient.patient_id,
        study.study_id,
        procedure,
        view,
        str(film.height),
        str(film.width),
        f"{taken:%Y%m%d}",
        "{:d}{:02d}{:02d}.{:03d}".format(*(int(part) for part in clock)),
        procedure if rng.random() < 0.9 else "",
        _VIEW_CODES.get(view, ""),
        _orientation(film, seed),
    )


def _orientation(film: Film, seed: int) -> str:
    if generator(seed, "orientation", film.film_id).random() < 0.1:
        return ""
    return "Recumbent" if film.view == View.AP_SUPINE else "Erect"


def _view_position(film: Film, rng: np.random.Generator) -> str:
    if rng.random() < 0.03:
        return ""
    if film.view == View.LATERAL:
        return "LL" if rng.random() < 0.3 else "LATERAL"
    return "PA" if film.view == View.PA else "AP"


def _label_rows(patients: Sequence[PatientTruth], erring: int | None = None) -> Iterator[tuple[str, ...]]:
    """A row per report. With `erring` (a seed) one state in fifty is lost or turned uncertain."""
    for patient, study in studies_of(patients):
        if study.report is not None:
            states = _stated(study, erring)
            cells = (f"{states[name]:.1f}" if name in states else "" for name in _COLUMNS)
            yield (patient.patient_id, study.study_id, *cells)


def _stated(study: StudyTruth, erring: int | None) -> dict[str, int]:
    """The states of the 14 observations of a report in a labeller's table."""
    states = {name: state for name, state in study.states.items() if name in _COLUMNS}
    if erring is not None:
        _spoil(states, generator(erring, "negbio", study.study_id))
    return states


def _spoil(states: dict[str, int], rng: np.random.Generator) -> None:
    for name in list(states):
        chance = rng.random()
        if chance < 0.01:
            del states[name]
        elif chance < 0.02 and name != "No Finding":
            states[name] = -1


def _write(root: Path, table: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    write_csv(root / f"mimic-cxr-{_VERSION}-{table}.csv.gz", header, rows)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study]:
    """The studies, with the views that the metadata leave blank unknown."""
    for patient, study in studies_of(patients):
        folder = _folder(root, patient, study)
        yield Study(
            study_id=folder.name,
            patient_id=folder.parent.name,
            images=tuple(_expected_image(folder, film, seed) for film in study.films),
            report=Report(study.report, header_rules="mimic_cxr") if study.report is not None else None,
            labels=(*_labels(study, "chexpert"), *_labels(study, "negbio", erring=seed)),
            split=patient.split,
            sex=patient.sex,
        )


def _expected_image(folder: Path, film: Film, seed: int) -> Image:
    stated = _view_position(film, generator(seed, "metadata", film.film_id))
    orientation = _orientation(film, seed)
    view = View.LATERAL if stated == "LL" else View(stated or "unknown")
    if view is View.AP and orientation == "Recumbent":
        view = View.AP_SUPINE
    return Image(film.film_id, folder / f"{film.film_id}.jpg", view)


def _labels(study: StudyTruth, labeller: str, erring: int | None = None) -> Iterator[Label]:
    if study.report is not None:
        for name, state in _stated(study, erring).items():
            yield Label(name, State(state), f"mimic-cxr/{labeller}")

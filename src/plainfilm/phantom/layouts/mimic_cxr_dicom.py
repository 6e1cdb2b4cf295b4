"""MIMIC-CXR 2.1.0 with DICOM films, and the tables of MIMIC-CXR-JPG beside it, as downloaded by wget.

    mimic-cxr/2.1.0/files/pNN/pSUBJECT/sSTUDY/DICOM.dcm
    mimic-cxr/2.1.0/cxr-record-list.csv.gz          subject_id, study_id, dicom_id, path
    mimic-cxr/2.1.0/cxr-study-list.csv.gz           subject_id, study_id, path of the report
    mimic-cxr/2.1.0/mimic-cxr-reports.zip           files/pNN/pSUBJECT/sSTUDY.txt
    mimic-cxr-jpg/2.1.0/mimic-cxr-2.0.0-*.csv.gz    as in the layout `mimic_cxr`

Quirks kept: films in both photometric interpretations, compressed and not; a study whose films were
withdrawn, a blank report, a report that is listed but missing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.files import replacing
from plainfilm.phantom.dicom_files import Syntax, uid_of, write_dicom
from plainfilm.phantom.layouts import mimic_cxr
from plainfilm.phantom.publishing import studies_of, write_csv
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Rejection, Study, View

_RELEASE, _TABLES = Path("mimic-cxr", "2.1.0"), Path("mimic-cxr-jpg", "2.1.0")
_SYNTAXES: tuple[Syntax, ...] = ("explicit", "implicit", "rle")
_WITHDRAWN, _BLANK = 0.12, 0.04
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of files in the archive: the earliest that a zip can hold."""


def _published(study: StudyTruth) -> StudyTruth:
    """The study as released: occasionally without its films, or with a blank report."""
    chance = generator("mimic_cxr_dicom", study.study_id).random()
    if study.report is not None and chance < _WITHDRAWN:
        return replace(study, films=())
    if study.report is not None and chance < _WITHDRAWN + _BLANK:
        return replace(study, report=" \n", states={}, sentences=())
    return study


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The study's folder of DICOM files."""
    for film, array in zip(_published(study).films, films, strict=False):
        _write_film(
            root / _RELEASE / _place(patient, study) / f"{film.film_id}.dcm", patient, study, film, array
        )


def _write_film(
    path: Path, patient: PatientTruth, study: StudyTruth, film: Film, array: NDArray[np.uint8]
) -> None:
    rng = generator("mimic_cxr_dicom", film.film_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_dicom(
        path,
        array,
        photometric="MONOCHROME1" if rng.random() < 0.3 else "MONOCHROME2",
        syntax=_SYNTAXES[int(rng.integers(len(_SYNTAXES)))],
        spacing_mm=film.spacing_mm,
        attributes={
            "PatientID": patient.patient_id,
            "StudyID": study.study_id,
            "StudyInstanceUID": uid_of("study", study.study_id),
            "ViewPosition": "LL" if film.view == View.LATERAL else str(film.view)[:2],
        },
    )


def _place(patient: PatientTruth, study: StudyTruth) -> str:
    return f"files/p{patient.patient_id[:2]}/p{patient.patient_id}/s{study.study_id}"


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The lists, the archive of reports and the tables of the JPEG release."""
    published = _patients(patients)
    records = [
        (patient.patient_id, study.study_id, film.film_id, f"{_place(patient, study)}/{film.film_id}.dcm")
        for patient, study in studies_of(published)
        for film in study.films
    ]
    header = ("subject_id", "study_id", "dicom_id", "path")
    write_csv(root / _RELEASE / "cxr-record-list.csv.gz", header, records)
    studies = [
        (patient.patient_id, study.study_id, f"{_place(patient, study)}.txt")
        for patient, study in studies_of(published)
    ]
    write_csv(root / _RELEASE / "cxr-study-list.csv.gz", ("subject_id", "study_id", "path"), studies)
    _write_reports(root / _RELEASE / "mimic-cxr-reports.zip", published)
    (root / _TABLES).mkdir(parents=True, exist_ok=True)
    mimic_cxr.write_tables(root / _TABLES, published, seed)


def _patients(patients: Sequence[PatientTruth]) -> list[PatientTruth]:
    return [replace(one, studies=tuple(map(_published, one.studies))) for one in patients]


def _write_reports(path: Path, patients: Sequence[PatientTruth]) -> None:
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for patient, study in studies_of(patients):
            if study.report is not None:
                entry = zipfile.ZipInfo(f"{_place(patient, study)}.txt", _EARLIEST)
                archive.writestr(entry, study.report, zipfile.ZIP_DEFLATED)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """The studies of the layout `mimic_cxr`, without those missing from this release."""
    reports = root / _RELEASE / "mimic-cxr-reports.zip"
    published = _patients(patients)
    texts = {f"s{study.study_id}": study.report for _, study in studies_of(published)}
    for study in mimic_cxr.expected(root / _RELEASE, published, seed):
        images = tuple(replace(image, path=image.path.with_suffix(".dcm")) for image in study.images)
        report = study.report
        text = texts[study.study_id]
        if text is None or not text.strip():
            wrong = "listed but not on disk" if text is None else "empty"
            yield Rejection(str(reports / f"{study.study_id}.txt"), f"the report is {wrong}", study.study_id)
            report = None
        yield replace(study, images=images, report=report)

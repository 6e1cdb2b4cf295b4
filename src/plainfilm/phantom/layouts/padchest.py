"""PadChest as BIMCV distributes it: numbered folders of 16-bit PNG, and one table.

    PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv    a row per film; the first column has no name
    N/STUDYID_xxxxxx.png                                    films in the folder that ImageDir names

Quirks kept: ids of up to 45 digits, "nan" for blanks, years of birth with a decimal, labels with a space
before them and blank labels, reports without text and labels, rib films, excluded films, sex "O", films that
are missing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom import padchest
from plainfilm.phantom.publishing import studies_of, write_csv
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Image, Rejection, Report, Study, View

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
COLUMNS = (
    *("", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth"),
    *("PatientSex_DICOM", "ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric"),
    *("Modality_DICOM", "Manufacturer_DICOM", "PhotometricInterpretation_DICOM"),
    *("PixelRepresentation_DICOM", "PixelAspectRatio_DICOM", "SpatialResolution_DICOM", "BitsStored_DICOM"),
    *("WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM", "Columns_DICOM", "XRayTubeCurrent_DICOM"),
    *("Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime", "RelativeXRayExposure_DICOM", "ReportID"),
    *("Report", "MethodLabel", "Labels", "Localizations", "LabelsLocalizationsBySentence", "labelCUIS"),
    "LocalizationsCUIS",
)
_PROJECTIONS = {View.PA: "PA", View.AP: "AP", View.AP_SUPINE: "AP_horizontal", View.LATERAL: "L"}
_LOST, _ODD_PROJECTION, _ODD_SEX, _NO_LABELS, _PHYSICIAN = 0.03, 0.06, 0.2, 0.05, 0.3
_FOLDERS = 54


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The films."""
    for film, array in zip(study.films, films, strict=True):
        if not _is_lost(film):
            padchest.write_film(_path(root, study, film), array)


def _path(root: Path, study: StudyTruth, film: Film) -> Path:
    return root / str(_folder(study)) / padchest.image_name(study, film)


def _folder(study: StudyTruth) -> int:
    return int(study.study_id) % _FOLDERS


def _chance(study: str, what: str) -> float:
    return float(generator("padchest", study, what).random())


def _is_lost(film: Film) -> bool:
    return _chance(film.film_id, "lost") < _LOST


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The one table."""
    rows = [
        (number, *_row(patient, study, film))
        for number, (patient, study, film) in enumerate(
            (patient, study, film) for patient, study in studies_of(patients) for film in study.films
        )
    ]
    write_csv(root / TABLE, COLUMNS, rows)


def _row(patient: PatientTruth, study: StudyTruth, film: Film) -> Iterator[object]:
    """The cells of a film's row after the first."""
    stated: dict[str, object] = {
        "ImageID": padchest.image_name(study, film),
        "ImageDir": _folder(study),
        "StudyDate_DICOM": f"{padchest.day(study):%Y%m%d}",
        "StudyID": padchest.study_id(study),
        "PatientID": padchest.patient_id(patient),
        "PatientBirth": f"{padchest.year_of_birth(study)}.0",
        "PatientSex_DICOM": _sex(patient) or "O",
        "Projection": _projection(film),
        "MethodProjection": "Manual review of DICOM fields",
        "Pediatric": "No",
        "Modality_DICOM": "CR",
        "PhotometricInterpretation_DICOM": "MONOCHROME2",
        "BitsStored_DICOM": 12,
        "Rows_DICOM": film.height,
        "Columns_DICOM": film.width,
        "ReportID": study.study_id,
        "Report": _report(study) if _has_labels(study) else "nan",
        "MethodLabel": _method(study),
        "Labels": _cell(study) if _has_labels(study) else "nan",
        "Localizations": "[]",
        "LabelsLocalizationsBySentence": "[]",
    }
    return (stated.get(column, "nan") for column in COLUMNS[1:])


def _sex(patient: PatientTruth) -> str | None:
    return None if _chance(patient.patient_id, "sex") < _ODD_SEX else patient.sex


def _projection(film: Film) -> str:
    chance = _chance(film.film_id, "projection")
    if chance < _ODD_PROJECTION:
        return "EXCLUDE" if chance < _ODD_PROJECTION / 2 else "COSTAL"
    return _PROJECTIONS[View(film.view)]


def _method(study: StudyTruth) -> str:
    return "Physician" if _chance(study.study_id, "method") < _PHYSICIAN else "RNN_model"


def _has_labels(study: StudyTruth) -> bool:
    return _chance(study.study_id, "labels") >= _NO_LABELS


def _labels(study: StudyTruth) -> list[str]:
    labels = padchest.labels_of(study.findings) or ["normal"]
    return [*labels, "unchanged"] if _is_unchanged(study) else labels


def _is_unchanged(study: StudyTruth) -> bool:
    """Whether the report says that nothing has changed, and of other things nothing."""
    return bool(study.findings) and all(finding.change == "stable" for finding in study.findings)


def _cell(study: StudyTruth) -> str:
    """The labels as they are written: some with a space before them, and now and then a blank one."""
    labels = _labels(study)
    spaced = [f" {label}" if _chance(study.study_id, label) < 0.3 else label for label in labels]
    return str([*spaced, ""] if _chance(study.study_id, "blank") < 0.1 else spaced)


def _report(study: StudyTruth) -> str:
    """The report without accents and capitals, its words cut to stems."""
    sentences = (one.removesuffix(".").split() for one in padchest.spanish_report(study.findings))
    return " " + " ".join(f"{' '.join(map(_stem, words))} ." for words in sentences)


def _stem(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word.lower())
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return re.sub(r"(?<=\w{4})(?:es|os|as|a|o|e|i)$", "", plain)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """All studies, with their report and labels; no split is published."""
    for patient, study in studies_of(patients):
        images = []
        for film in study.films:
            name = padchest.image_name(study, film)
            if _projection(film) == "EXCLUDE":
                yield Rejection(name, "the corpus leaves it out")
            elif _is_lost(film):
                yield Rejection(name, "not on disk")
            else:
                images.append(_image(root, study, film))
        if not _has_labels(study):
            yield Rejection(f"{TABLE} row", "no list of labels", padchest.study_id(study))
        if images or _has_labels(study):
            yield _study(patient, study, images)


def _image(root: Path, study: StudyTruth, film: Film) -> Image:
    name = padchest.image_name(study, film).removesuffix(".png")
    view = View.UNKNOWN if _projection(film) == "COSTAL" else View(film.view)
    return Image(name, _path(root, study, film), view, licence=padchest.LICENCE)


def _study(patient: PatientTruth, study: StudyTruth, images: Sequence[Image]) -> Study:
    origin = "padchest/physician" if _method(study) == "Physician" else "padchest/network"
    labels = padchest.expected_labels(_labels(study), origin, complete=not _is_unchanged(study))
    return Study(
        padchest.study_id(study),
        padchest.patient_id(patient),
        tuple(images),
        Report(_report(study)) if _has_labels(study) else None,
        tuple(labels) if _has_labels(study) else (),
        order=float(padchest.day(study).toordinal()),
        age=float(int(study.age)),
        sex=_sex(patient),
    )

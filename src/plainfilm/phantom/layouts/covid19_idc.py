"""COVID-19 Image Data Collection as its repository is cloned.

    metadata.csv     one row per image, the 29 columns of the last release and one without a name
    images/          .jpg, .jpeg, .png and .JPG, laterals and slices of CT among the films

Quirks kept: findings as paths ("Pneumonia/Viral/COVID-19"), "todo" and "Unknown", one note for all films of
a case, CT in the same table, days counted from the first symptom, a licence per image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.images import write_jpeg
from plainfilm.phantom.publishing import studies_of, write_csv, write_png
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.seeding import stable_hash
from plainfilm.types import Image, Label, Rejection, Report, State, Study, View

_BETWEEN_FINDING_AND_VIEW = (
    "RT_PCR_positive",
    "survival",
    "intubated",
    "intubation_present",
    "went_icu",
    "in_icu",
    "needed_supplemental_O2",
    "extubated",
    "temperature",
    "pO2_saturation",
    "leukocyte_count",
    "neutrophil_count",
    "lymphocyte_count",
)
_FROM_VIEW = ("view", "modality", "date", "location", "folder", "filename", "doi", "url", "license")
HEADER = (
    *("patientid", "offset", "sex", "age", "finding"),
    *_BETWEEN_FINDING_AND_VIEW,
    *_FROM_VIEW,
    *("clinical_notes", "other_notes", ""),
)
_ENDINGS = (".jpg", ".jpeg", ".png", ".JPG")
_VIEWS = {View.AP_SUPINE: "AP Supine", View.LATERAL: "L"}
_LICENCES = ("CC BY-NC-SA", "CC BY", "")
_PNEUMONIAS = (
    "Pneumonia/Viral/COVID-19",
    "Pneumonia/Viral/SARS",
    "Pneumonia/Bacterial/Klebsiella",
    "Pneumonia",
)
_EXCLUDED = {
    "Pneumonia/Viral/COVID-19": ("Bacterial",),
    "Pneumonia/Viral/SARS": ("COVID-19", "Bacterial"),
    "Pneumonia/Bacterial/Klebsiella": ("COVID-19", "Viral"),
    "Pneumonia": ("COVID-19",),
    "Tuberculosis": ("COVID-19",),
    "No Finding": ("COVID-19",),
}
"""What each finding rules out."""
_ONE_IN = 4
"""One in this many studies has a slice of CT beside its films."""


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """Write the films, and occasionally a slice of CT: here the middle of the first film."""
    for film, array in zip(study.films, films, strict=True):
        _write(root / "images" / _name(film), array)
    if _has_ct(study):
        height, width = films[0].shape
        middle = films[0][height // 4 : -height // 4, width // 4 : -width // 4]
        _write(root / "images" / _ct_name(study), middle)


def _write(path: Path, array: NDArray[np.uint8]) -> None:
    if path.suffix == ".png":
        write_png(path, array)
    else:
        write_jpeg(array, path)


def _name(film: Film) -> str:
    side = "-L" if film.view == View.LATERAL else ""
    return f"{film.film_id}{side}{_ENDINGS[stable_hash(film.film_id, 'ending') % len(_ENDINGS)]}"


def _has_ct(study: StudyTruth) -> bool:
    return stable_hash(study.study_id, "ct") % _ONE_IN == 0


def _ct_name(study: StudyTruth) -> str:
    return f"{study.films[0].film_id}-ct.png"


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The one table."""
    rows = []
    for patient, study in studies_of(patients):
        rows += [
            _row(patient, study, _name(film), _VIEWS.get(View(film.view), film.view), "X-ray")
            for film in study.films
        ]
        if _has_ct(study):
            rows.append(_row(patient, study, _ct_name(study), "Axial", "CT"))
    write_csv(root / "metadata.csv", HEADER, rows)


def _row(patient: PatientTruth, study: StudyTruth, name: str, view: str, modality: str) -> list[str]:
    cells = {
        "patientid": patient.patient_id,
        "offset": str(study.days),
        "sex": patient.sex,
        "age": str(round(study.age)),
        "finding": _finding(study),
        "view": view,
        "modality": modality,
        "date": "2020",
        "folder": "images",
        "filename": name,
        "license": _licence(name) or "",
        "clinical_notes": _notes(study),
        "other_notes": "Credit to a phantom",
    }
    return [cells.get(header, "") for header in HEADER]


def _finding(study: StudyTruth) -> str:
    choice = stable_hash(study.study_id, "finding")
    if any(finding.kind == "tuberculosis" for finding in study.findings):
        return "Tuberculosis"
    if any(finding.cause == "pneumonia" for finding in study.findings):
        return _PNEUMONIAS[choice % len(_PNEUMONIAS)]
    return ("todo", "Unknown")[choice % 2] if study.findings else "No Finding"


def _notes(study: StudyTruth) -> str:
    return " ".join((study.report or "").split())


def _licence(name: str) -> str | None:
    return _LICENCES[stable_hash(name, "licence") % len(_LICENCES)] or None


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """The studies with all findings of a path and what it rules out; CT is rejected."""
    for patient, study in studies_of(patients):
        names = [] if _finding(study) in ("todo", "Unknown") else _finding(study).split("/")
        excluded = _EXCLUDED.get(_finding(study), ())
        labels = tuple(
            Label(name, State.POSITIVE if name in names else State.NEGATIVE, "covid19_idc/finding")
            for name in (*names, *excluded)
        )
        images = [(root / "images" / _name(film), film) for film in study.films]
        yield Study(
            study_id=f"{patient.patient_id}-day{study.days}",
            patient_id=patient.patient_id,
            images=tuple(
                Image(path.stem, path, View(film.view), labels, licence=_licence(path.name))
                for path, film in images
            ),
            report=Report(_notes(study)) if study.report else None,
            order=study.days,
            age=round(study.age),
            sex=patient.sex,
        )
        if _has_ct(study):
            yield Rejection(_ct_name(study), "not a radiograph")

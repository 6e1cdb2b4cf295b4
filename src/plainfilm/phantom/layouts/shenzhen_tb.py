"""The Shenzhen set as `ChinaSet_AllFiles.zip` unpacks.

    CXR_png/CHNCXR_0001_0.png              frontal films, the normal ones first
    ClinicalReadings/CHNCXR_0001_0.txt     sex and age, then the reading

Quirks kept: most films are saved in colour though grey, no patient numbers, varying spellings of first lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.publishing import frontal_films, studies_of, write_png, write_text
from plainfilm.phantom.truth import PatientTruth, StudyTruth
from plainfilm.seeding import stable_hash
from plainfilm.types import Image, Label, Report, State, Study

_SEXES = {"F": ("female ", "female", "femal ", "female , "), "M": ("male ", "male", "male , ", "Male ")}
_WAYS = 4


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """Write the first frontal film under the study's number; `write_tables` renames it."""
    for film, array in zip(study.films, films, strict=True):
        if film in frontal_films(study)[:1]:
            grey = stable_hash(study.study_id, "colour") % 4 == 0
            write_png(
                root / "CXR_png" / f"{study.study_id}.png", array if grey else np.stack([array] * 3, -1)
            )


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The films' names and the readings."""
    (root / "CXR_png").mkdir(parents=True, exist_ok=True)
    for name, patient, study in _named(patients):
        (root / "CXR_png" / f"{study.study_id}.png").rename(root / "CXR_png" / f"{name}.png")
        text = f"{_person(patient, study)}\n{_reading(study)}\n"
        write_text(root / "ClinicalReadings" / f"{name}.txt", text)


def _has_tuberculosis(study: StudyTruth) -> bool:
    return any(finding.kind == "tuberculosis" for finding in study.findings)


def _named(patients: Sequence[PatientTruth]) -> Iterator[tuple[str, PatientTruth, StudyTruth]]:
    """Every study with a frontal film, under its published name."""
    frontal = [(patient, study) for patient, study in studies_of(patients) if frontal_films(study)]
    ordered = sorted(frontal, key=lambda pair: (_has_tuberculosis(pair[1]), pair[1].study_id))
    for number, (patient, study) in enumerate(ordered, start=1):
        yield f"CHNCXR_{number:04d}_{int(_has_tuberculosis(study))}", patient, study


def _person(patient: PatientTruth, study: StudyTruth) -> str:
    way = stable_hash(study.study_id, "first line") % _WAYS
    return f"{_SEXES[patient.sex][way]}{round(study.age)}yrs{' ' * (way % 2)}"


def _reading(study: StudyTruth) -> str:
    places = [
        f"{finding.side or 'bilateral'} {finding.site or ''} field".replace("  ", " ")
        for finding in study.findings
        if finding.kind == "tuberculosis"
    ]
    return "; ".join(f"PTB in the {place}" for place in places) if places else "normal"


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study]:
    """A study for every film, each with a patient of its own."""
    for name, patient, study in _named(patients):
        yield Study(
            study_id=name,
            patient_id=name,
            images=(Image(name, root / "CXR_png" / f"{name}.png"),),
            report=Report(_reading(study)),
            labels=(Label("Tuberculosis", State(int(name[-1])), "shenzhen_tb"),),
            age=round(study.age),
            sex=patient.sex,
        )

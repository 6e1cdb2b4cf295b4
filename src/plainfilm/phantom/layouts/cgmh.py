"""Chang Gung's tables as CXR-CLIP-CGMH reads them: a row a study, tubes and lines in place or not.

    images/FILM.jpg                                     films
    train.csv, valid.csv     index, image, text_label   lists as Python writes them
    test.csv                 index, image, a column of 0 or 1 for each label, text

Quirks kept: "Pigtail malpositon", rows with several labels, with none, with one that is none of the 13, no
word of who the patient is, test rows without text where the report is lost. All patients are those whose
films are taken at the bedside, to see where tubes and lines end: among others the projection alone would
tell that there are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.images import write_jpeg
from plainfilm.phantom.publishing import studies_of, write_csv
from plainfilm.phantom.truth import Finding, PatientTruth, StudyTruth, placement
from plainfilm.seeding import generator
from plainfilm.types import Image, Label, Rejection, Report, State, Study

STORIES = {"bedside": 1.0}
REPORTS = "mixed"
_DEVICES = {
    ("tracheal_tube", "in place"): "Endotracheal tube in place",
    ("tracheal_tube", "malposition"): "Endotracheal tube malposition",
    ("pigtail", "in place"): "Pigtail in place",
    ("pigtail", "malposition"): "Pigtail malpositon",
    ("chest_tube", "in place"): "Chest tube in place",
    ("chest_tube", "malposition"): "Chest tube malposition",
    ("feeding_tube", "in place"): "NG tube in place",
    ("feeding_tube", "malposition"): "NG tube malposition",
    ("central_line", "in place"): "Central venous catheter in place",
}
"""The label of each device by where it ends; a central line that is out of place has none."""
_FINDINGS = {
    "pneumothorax": "Pneumothorax",
    "subcutaneous_emphysema": "Subcutaneous emphysema",
    "pneumomediastinum": "Pneumomediastinum",
    "foreign_body": "Foreign body",
}
LABELS = (*_DEVICES.values(), *_FINDINGS.values())
_UNKNOWN = "Port-A catheter in place"
_TABLES = {"train": "train", "validation": "valid", "test": "test"}


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The study's JPEGs."""
    for place, array in zip(_paths(study), films, strict=True):
        write_jpeg(array, root / place)


def _paths(study: StudyTruth) -> list[str]:
    return [f"images/{film.film_id}.jpg" for film in study.films]


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The three tables."""
    for split in ("train", "validation"):
        listed = [
            (number, str(_paths(study)), str(positive_labels(study) + [_UNKNOWN] * _has_unknown(study, seed)))
            for number, study in enumerate(_of_split(patients, split))
        ]
        write_csv(root / f"{_TABLES[split]}.csv", ("", "image", "text_label"), listed)
    rows = [
        (
            number,
            str(_paths(study)),
            *(int(name in positive_labels(study)) for name in LABELS),
            study.report or "",
        )
        for number, study in enumerate(_of_split(patients, "test"))
    ]
    write_csv(root / "test.csv", ("", "image", *LABELS, "text"), rows)


def _of_split(patients: Sequence[PatientTruth], split: str) -> list[StudyTruth]:
    return [study for patient, study in studies_of(patients) if patient.split == split]


def positive_labels(study: StudyTruth) -> list[str]:
    """The labels that are there, in the order of the labels."""
    there = {_label(finding) for finding in study.findings}
    return [name for name in LABELS if name in there]


def _label(finding: Finding) -> str | None:
    pigtail = finding.kind == "chest_tube" and (finding.variant or "").startswith("pigtail")
    device = "pigtail" if pigtail else finding.kind
    return _FINDINGS.get(finding.kind) or _DEVICES.get((device, placement(finding) or ""))


def _has_unknown(study: StudyTruth, seed: int) -> bool:
    return bool(generator(seed, "unknown label", study.study_id).random() < 0.06)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """A study a row, each of a patient of its own; negative labels and reports in the test table only."""
    for split, table in _TABLES.items():
        for number, study in enumerate(_of_split(patients, split), start=1):
            tested = split == "test"
            if not tested and _has_unknown(study, seed):
                yield Rejection(f"{table}.csv row {number}", f"label '{_UNKNOWN}' is unknown")
            images = [Image(path.removesuffix(".jpg"), root / path) for path in _paths(study)]
            positive = positive_labels(study)
            labels = [
                Label(name, State.POSITIVE if name in positive else State.NEGATIVE, "cgmh")
                for name in (LABELS if tested else positive)
            ]
            yield Study(
                study_id=images[0].image_id,
                patient_id=images[0].image_id,
                images=tuple(images),
                report=Report(study.report, header_rules="cgmh") if tested and study.report else None,
                labels=tuple(labels),
                split=split,
            )

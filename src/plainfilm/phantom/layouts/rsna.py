"""The RSNA Pneumonia Detection Challenge, stage 2 on Kaggle, with the RSNA's mapping to ChestX-ray14.

    stage_2_train_labels.csv              patientId, x, y, width, height, Target; a row for each box
    stage_2_detailed_class_info.csv       patientId, class; as many rows
    stage_2_train_images/PATIENTID.dcm    8 bit, 1024 x 1024, whatever --size is
    stage_2_test_images/PATIENTID.dcm     without labels
    pneumonia-challenge-dataset-mappings_2018.json

Quirks kept: a film id that the tables call the patient, blank boxes, repeated rows in the class table, ages
without a unit, an age of 155, headers without a view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.dicom_files import uid_of
from plainfilm.phantom.publishing import frontal_films, write_csv, write_json_lines
from plainfilm.phantom.readers import Corners, targets
from plainfilm.phantom.square import (
    SIDE,
    is_test,
    published,
    squared_box,
    stated_view,
    uuid_of,
    write_square,
)
from plainfilm.phantom.truth import Film, Finding, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Box, Image, Label, Rejection, State, Study

_OPACITY, _NOT_NORMAL, _NORMAL = "Lung Opacity", "No Lung Opacity / Not Normal", "Normal"
_MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
_TRAIN, _TEST = "stage_2_train_images", "stage_2_test_images"


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The frontal films."""
    for film in frontal_films(study):
        array = films[study.films.index(film)]
        write_square(_path(root, patient, film), film, array, _header(patient, study, film))


def _id(film: Film) -> str:
    return uuid_of("rsna", film.film_id)


def _path(root: Path, patient: PatientTruth, film: Film) -> Path:
    return root / (_TEST if is_test(patient) else _TRAIN) / f"{_id(film)}.dcm"


def _header(patient: PatientTruth, study: StudyTruth, film: Film) -> dict[str, str]:
    return {
        "ConversionType": "WSD",
        "SOPInstanceUID": uid_of("rsna", film.film_id),
        "PatientID": _id(film),
        "PatientSex": patient.sex,
        "PatientAge": "155" if _is_mistyped(film) else str(int(study.age)),
    }


def _is_mistyped(film: Film) -> bool:
    return bool(generator("rsna age", film.film_id).random() < 0.05)


def _boxes(study: StudyTruth, film: Film) -> list[Corners]:
    """The boxes of everything that looks like pneumonia."""
    opacities = targets(study, film, _class_of).get(_OPACITY, [])
    return [squared_box(corners, film) for corners in opacities]


def _class_of(finding: Finding) -> str | None:
    return _OPACITY if finding.kind in ("opacity", "consolidation") else None


def _class(study: StudyTruth, film: Film) -> str:
    if _boxes(study, film):
        return _OPACITY
    return _NOT_NORMAL if study.findings else _NORMAL


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """Both tables of the training films, and the mapping of all films."""
    labels: list[tuple[object, ...]] = []
    classes: list[tuple[str, str]] = []
    for _, study, film in published(patients, test=False):
        boxes = [(x0, y0, x1 - x0, y1 - y0, 1) for x0, y0, x1, y1 in _boxes(study, film)]
        labels += [(_id(film), *row) for row in boxes] or [(_id(film), "", "", "", "", 0)]
        classes += [(_id(film), _class(study, film))] * max(len(boxes), 1)
    columns = ("patientId", "x", "y", "width", "height", "Target")
    write_csv(root / "stage_2_train_labels.csv", columns, labels)
    write_csv(root / "stage_2_detailed_class_info.csv", ("patientId", "class"), classes)
    films = [film for test in (False, True) for film in published(patients, test=test)]
    mapping = [
        {
            "subset_img_id": _id(film),
            "img_id": f"{int(patient.patient_id):08d}_{number % 1000:03d}.png",
            "SOPInstanceUID": uid_of("rsna", film.film_id),
        }
        for number, (patient, _, film) in enumerate(films)
    ]
    write_json_lines(root / _MAPPING, mapping)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """The training films under their patients of ChestX-ray14; one rejection for those of the test."""
    for patient, study, film in published(patients, test=False):
        path, person = _path(root, patient, film), str(int(patient.patient_id))
        age = None if _is_mistyped(film) else float(int(study.age))
        image = _expected_image(path, study, film)
        yield Study(_id(film), person, (image,), sex=patient.sex, age=age)
        if age is None:
            yield Rejection(str(path), "age '155' in the header is not understood")
    if any(published(patients, test=True)):
        yield Rejection(str(root / _TEST), "the films of the test have no labels")


def _expected_image(path: Path, study: StudyTruth, film: Film) -> Image:
    boxes = tuple(Box(_OPACITY, "observation", *corners) for corners in _boxes(study, film))
    stated = _class(study, film)
    labels = [
        Label(name, State(int(name == stated)), "rsna/class") for name in (_OPACITY, _NOT_NORMAL, _NORMAL)
    ]
    labels.append(Label("Pneumonia", State(int(bool(boxes))), "rsna/target"))
    return Image(path.stem, path, stated_view(film), tuple(labels), boxes, width=SIDE, height=SIDE)

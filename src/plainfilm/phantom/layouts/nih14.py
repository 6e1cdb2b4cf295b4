"""ChestX-ray14 as distributed on Box and Kaggle: one square frontal film per study, findings, some boxes.

    images_001/images/PATIENT_FOLLOWUP.png ... images_012/...     films, made 1024 x 1024
    Data_Entry_2017.csv                                           one row per film
    train_val_list.txt, test_list.txt                             names
    BBox_List_2017.csv                                            boxes of eight findings on half of the films

Quirks kept: odd headers, cells beyond the last header, ages above 350, a few films in RGBA, "Infiltrate" in
the table of boxes for "Infiltration" in the other, no entries for studies without a frontal film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from plainfilm.phantom.publishing import finding_boxes, studies_of, write_csv, write_png, write_text
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Box, Image, Label, Rejection, State, Study, View

_SIDE = 1024
_LICENCE = "NIH Clinical Center: no restrictions; link, citation and acknowledgement are asked for"
FINDINGS = {
    "cardiomegaly": "Cardiomegaly",
    "nodule": "Nodule",
    "mass": "Mass",
    "opacity": "Infiltration",
    "edema": "Edema",
    "consolidation": "Consolidation",
    "plate_atelectasis": "Atelectasis",
    "lobar_atelectasis": "Atelectasis",
    "pneumothorax": "Pneumothorax",
    "effusion": "Effusion",
    "pleural_thickening": "Pleural_Thickening",
    "pleural_plaques": "Pleural_Thickening",
    "emphysema": "Emphysema",
    "fibrosis": "Fibrosis",
    "hernia": "Hernia",
}
"""The class of each kind of finding; others have none. An opacity from pneumonia has both classes."""
_BOXED = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Effusion": "Effusion",
    "Infiltration": "Infiltrate",
    "Mass": "Mass",
    "Nodule": "Nodule",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
}
_CLASSES = (*dict.fromkeys(FINDINGS.values()), "Pneumonia")
_HEADER = (
    *("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender"),
    *("View Position", "OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]", ""),
)


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The first frontal film, made square."""
    place = _frontal(study)
    if place is None:
        return
    square = np.asarray(PillowImage.fromarray(films[place]).resize((_SIDE, _SIDE)))
    if generator("nih14 rgba", study.study_id).random() < 0.05:
        opaque = np.full_like(square, 255)
        square = np.stack([square, square, square, opaque], axis=2)
    write_png(_path(root, patient, study), square)


def _frontal(study: StudyTruth) -> int | None:
    return next((place for place, film in enumerate(study.films) if View(film.view).is_frontal), None)


def _published(patients: Sequence[PatientTruth]) -> Iterator[tuple[PatientTruth, StudyTruth, Film]]:
    """The studies that have a frontal film, with that film."""
    for patient, study in studies_of(patients):
        place = _frontal(study)
        if place is not None:
            yield patient, study, study.films[place]


def _name(patient: PatientTruth, study: StudyTruth) -> str:
    return f"{patient.patient_id}_{study.order:03d}.png"


def _path(root: Path, patient: PatientTruth, study: StudyTruth) -> Path:
    folder = f"images_{int(patient.patient_id) % 12 + 1:03d}"
    return root / folder / "images" / _name(patient, study)


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The table of films, the lists of the split and the boxes."""
    films = list(_published(patients))
    write_csv(root / "Data_Entry_2017.csv", _HEADER, [_row(p, s, f, seed) for p, s, f in films])
    for table, wanted in (("train_val_list", ("train", "validation")), ("test_list", ("test",))):
        names = [_name(patient, study) for patient, study, _ in films if patient.split in wanted]
        write_text(root / f"{table}.txt", "\n".join(names))
    boxes = [
        (_name(patient, study), box.name, box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0, "", "", "")
        for patient, study, film in films
        for box in _boxes(study, film, seed)
    ]
    header = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", "")
    write_csv(root / "BBox_List_2017.csv", header, boxes)


def _row(patient: PatientTruth, study: StudyTruth, film: Film, seed: int) -> tuple[object, ...]:
    return (
        _name(patient, study),
        "|".join(_classes_of(study)) or "No Finding",
        study.order,
        int(patient.patient_id),
        _age(study, seed),
        patient.sex,
        "PA" if film.view == View.PA else "AP",
        film.width,
        film.height,
        film.spacing_mm,
        film.spacing_mm,
        "",
    )


def _age(study: StudyTruth, seed: int) -> int:
    odd = generator(seed, "age", study.study_id).random() < 0.06
    return int(study.age) + (350 if odd else 0)


def _classes_of(study: StudyTruth) -> list[str]:
    """The classes of a study, in the order of the classes."""
    classes = {FINDINGS[finding.kind] for finding in study.findings if finding.kind in FINDINGS}
    classes |= {"Pneumonia" for finding in study.findings if finding.cause == "pneumonia"}
    return [name for name in _CLASSES if name in classes]


def _boxes(study: StudyTruth, film: Film, seed: int) -> Iterator[Box]:
    """One box for each of the eight classes on half of the films, in pixels of the square film."""
    if generator(seed, "boxes", film.film_id).random() < 0.5:
        return
    across, down = _SIDE / film.width, _SIDE / film.height
    drawn: set[str] = set()
    for finding, box in finding_boxes(study, film):
        name = "Pneumonia" if finding.cause == "pneumonia" else FINDINGS.get(finding.kind, "")
        if name in _BOXED and name not in drawn:
            drawn.add(name)
            corners = box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down
            yield Box(_BOXED[name], "observation", *corners)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """A study per film; the reader's rule assigns training patients to validation."""
    for number, (patient, study, film) in enumerate(_published(patients), start=1):
        age = _age(study, seed)
        if age > 130:
            yield Rejection(f"Data_Entry_2017.csv row {number}", f"Patient Age is '{age}'")
        classes = _classes_of(study) or ["No Finding"]
        film_id = _name(patient, study).removesuffix(".png")
        labels = [
            Label(name, State.POSITIVE if name in classes else State.NEGATIVE, "nih14")
            for name in (*_CLASSES, "No Finding")
        ]
        image = Image(
            film_id,
            _path(root, patient, study),
            View.PA if film.view == View.PA else View.AP,
            tuple(labels),
            tuple(_boxes(study, film, seed)),
            _LICENCE,
            _SIDE,
            _SIDE,
        )
        yield Study(
            study_id=film_id,
            patient_id=str(int(patient.patient_id)),
            images=(image,),
            split="test" if patient.split == "test" else None,
            order=float(study.order),
            age=float(age) if age <= 130 else None,
            sex=patient.sex,
        )

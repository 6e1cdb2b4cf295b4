"""MS-CXR 1.1.0, with the films it is about in MIMIC-CXR-JPG's own layout inside.

    MS_CXR_Local_Alignment_v1.1.0.csv       a row per box: dicom_id, category_name, label_text, path, x, y, w,
                                            h, image_width, image_height, split
    MS_CXR_Local_Alignment_v1.1.0.json      the same as COCO
    mimic-cxr-jpg/                          as in the layout `mimic_cxr`

Boxes are of findings that a sentence of the report states as present, on frontal films. A phrase has several
boxes if the finding is on both sides; some boxes extend beyond their film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.layouts import mimic_cxr
from plainfilm.phantom.publishing import finding_boxes, frontal_films, studies_of, write_csv, write_json_lines
from plainfilm.phantom.truth import Film, Finding, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Box, Rejection, Study

_FILMS = "mimic-cxr-jpg"
_NAME = "MS_CXR_Local_Alignment_v1.1.0"
CATEGORIES = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema"),
    *("Lung Opacity", "Pleural Effusion", "Pneumonia", "Pneumothorax"),
)
_HEADER = (
    *("dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h"),
    *("image_width", "image_height", "split"),
)
_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_BEYOND = 0.1


@dataclass(frozen=True)
class _Annotation:
    """A box of a phrase, in whole pixels of its film."""

    patient: PatientTruth
    study: StudyTruth
    film: Film
    category: str
    phrase: str
    corner_and_size: tuple[int, int, int, int]

    @property
    def path(self) -> str:
        """The film's path in MIMIC-CXR-JPG."""
        subject = self.patient.patient_id
        return f"files/p{subject[:2]}/p{subject}/s{self.study.study_id}/{self.film.film_id}.jpg"

    @property
    def split(self) -> str:
        """The table's own split of the patient, different from MIMIC's."""
        chance = generator("ms_cxr", self.patient.patient_id).random()
        return "train" if chance < 0.7 else "validation" if chance < 0.85 else "test"


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The study in MIMIC-CXR-JPG."""
    mimic_cxr.write_study(root / _FILMS, patient, study, films)


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """MIMIC's tables, and the annotations in both their forms."""
    mimic_cxr.write_tables(root / _FILMS, patients, seed)
    annotations = [one for patient, study in studies_of(patients) for one in _annotations(patient, study)]
    write_csv(root / f"{_NAME}.csv", _HEADER, [_row(one) for one in annotations])
    write_json_lines(root / f"{_NAME}.json", _coco(annotations))


def _row(one: _Annotation) -> tuple[object, ...]:
    place = (one.path, *one.corner_and_size, one.film.width, one.film.height)
    return (one.film.film_id, one.category, one.phrase, *place, _SPLITS[one.split])


def _coco(records: Sequence[_Annotation]) -> dict[str, object]:
    films = {one.film.film_id: one for one in records}
    numbers = {film: number for number, film in enumerate(films)}
    images = [
        {
            "id": numbers[film],
            "file_name": f"{film}.jpg",
            "path": one.path,
            "width": one.film.width,
            "height": one.film.height,
        }
        for film, one in films.items()
    ]
    annotations = [
        {
            "id": number,
            "image_id": numbers[one.film.film_id],
            "category_id": CATEGORIES.index(one.category) + 1,
            "bbox": one.corner_and_size,
            "label_text": one.phrase,
            "split": _SPLITS[one.split],
        }
        for number, one in enumerate(records)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(CATEGORIES, start=1)]
    return {"categories": categories, "images": images, "annotations": annotations}


def _annotations(patient: PatientTruth, study: StudyTruth) -> Iterator[_Annotation]:
    shown = ((film, *pair) for film in frontal_films(study) for pair in finding_boxes(study, film))
    for film, finding, box in shown:
        category = _category(finding)
        phrase = _phrase(study, category)
        if phrase:
            x, y = int(box.x0), int(box.y0)
            w, h = max(round(box.x1) - x, 1), max(round(box.y1) - y, 1)
            if generator("ms_cxr", film.film_id, finding.key).random() < _BEYOND:
                h = film.height - y + 3
            yield _Annotation(patient, study, film, category, phrase, (x, y, w, h))


def _category(finding: Finding) -> str:
    return "Pneumonia" if finding.cause == "pneumonia" else finding.observation


def _phrase(study: StudyTruth, category: str) -> str | None:
    """The first sentence that states a finding of the category as present."""
    wanted = (category, 1)
    stating = (sentence.text for sentence in study.sentences if wanted in sentence.states)
    return next(stating, None) if category in CATEGORIES else None


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """MIMIC's studies with an annotated film, with such films only."""
    boxes: dict[str, list[Box]] = {}
    splits: dict[str, str] = {}
    for patient, study in studies_of(patients):
        for one in _annotations(patient, study):
            x, y, w, h = one.corner_and_size
            box = Box(one.category, "phrase", x, y, x + w, y + h, phrase=one.phrase)
            boxes.setdefault(one.film.film_id, []).append(box)
            splits[f"s{study.study_id}"] = one.split
    for known in mimic_cxr.expected(root / _FILMS, patients, seed):
        images = tuple(
            replace(image, boxes=tuple(boxes[image.image_id]))
            for image in known.images
            if image.image_id in boxes
        )
        if images:
            yield replace(known, images=images, split=splits[known.study_id])

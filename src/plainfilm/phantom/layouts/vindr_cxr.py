"""VinDr-CXR 1.0.0 of PhysioNet: films of train/ read by three radiologists each, those of test/ in consensus.

    train/IMAGE.dicom, test/IMAGE.dicom
    annotations/image_labels_train.csv     image_id, rad_id, 28 classes, 0 or 1
    annotations/image_labels_test.csv      image_id, 28 classes
    annotations/annotations_train.csv      image_id, rad_id, class_name, x_min, y_min, x_max, y_max
    annotations/annotations_test.csv       the same without rad_id

Quirks kept: readers who disagree, a repeated box, a box that extends beyond its film, rows of "No finding"
with blank corners, one class of two names ("Other diseases" in train, "Other disease" in test), MONOCHROME1,
10 to 16 bits, compressed pixels, unknown ages and sexes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.publishing import frontal_films, write_csv
from plainfilm.phantom.readers import Corners, Drawn, fused, readings, rounded, targets, three_readers
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.phantom.vindr import (
    global_classes,
    header,
    image_id,
    local_class,
    part_of,
    published,
    stated_person,
    write_film,
)
from plainfilm.seeding import generator
from plainfilm.types import Box, Image, Label, Rejection, State, Study, View

LOCAL = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
)
_GLOBAL = ("COPD", "Lung tumor", "Pneumonia", "Tuberculosis")
_OTHER, _NONE = "Other disease", "No finding"
CLASSES = (*LOCAL, *_GLOBAL, _OTHER, _NONE)
_CORNERS = ("x_min", "y_min", "x_max", "y_max")
_DIGITS = 3
_TWICE_EVERY, _OUT_EVERY = 11, 13
"""One film in this many has a repeated box, and one a box that extends beyond it."""


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The first frontal film."""
    for film in frontal_films(study)[:1]:
        array = films[study.films.index(film)]
        path = root / part_of(patient) / f"{image_id('vindr_cxr', film)}.dicom"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_film(path, film, array, header(patient, study, film))


def _drawn(study: StudyTruth, film: Film, number: int) -> list[Drawn]:
    """The boxes of the three readers of the film number `number`."""
    boxes = targets(study, film, local_class)
    return readings(film, boxes, LOCAL, _DIGITS, sticks_out=number % _OUT_EVERY == _OUT_EVERY - 1)


def _positives(study: StudyTruth, film: Film, drawn: Sequence[Drawn]) -> dict[str, set[str]]:
    """The positive classes of each reader."""
    by_reader = {}
    for reader in three_readers(film):
        rng = generator("vindr global", film.film_id, reader)
        seen = {box.name for box in drawn if box.reader == reader}
        seen |= {name for name in sorted(global_classes(study)) if rng.random() < 0.9}
        by_reader[reader] = seen or {_NONE}
    return by_reader


def _consensus(study: StudyTruth, film: Film) -> tuple[dict[str, list[Corners]], set[str]]:
    """The boxes of a test film by class, and the positive classes of the consensus."""
    boxes_by_class = targets(study, film, local_class)
    boxes = {name: [rounded(box, _DIGITS) for box in corners] for name, corners in boxes_by_class.items()}
    return boxes, (set(boxes) | global_classes(study)) or {_NONE}


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The two tables of each part."""
    folder, labels, boxes = root / "annotations", [], []
    for number, (_, study, film) in enumerate(published(patients, "train")):
        drawn, image = _drawn(study, film, number), image_id("vindr_cxr", film)
        for reader, positives in _positives(study, film, drawn).items():
            labels.append((image, reader, *(int(name in positives) for name in CLASSES)))
        boxes += [(image, *row) for row in _box_rows(film, drawn, number)]
    names = [f"{name}s" if name == _OTHER else name for name in CLASSES]
    write_csv(folder / "image_labels_train.csv", ("image_id", "rad_id", *names), labels)
    write_csv(folder / "annotations_train.csv", ("image_id", "rad_id", "class_name", *_CORNERS), boxes)
    labels, boxes = [], []
    for _, study, film in published(patients, "test"):
        boxes_by_class, positives = _consensus(study, film)
        image = image_id("vindr_cxr", film)
        labels.append((image, *(int(name in positives) for name in CLASSES)))
        boxes += [(image, name, *corners) for name, several in boxes_by_class.items() for corners in several]
        boxes += [(image, _NONE, "", "", "", "")] if not boxes_by_class else []
    write_csv(folder / "image_labels_test.csv", ("image_id", *CLASSES), labels)
    write_csv(folder / "annotations_test.csv", ("image_id", "class_name", *_CORNERS), boxes)


def _box_rows(film: Film, drawn: Sequence[Drawn], number: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [(box.reader, box.name, *box.corners) for box in drawn]
    seeing = {box.reader for box in drawn}
    rows += [(reader, _NONE, "", "", "", "") for reader in three_readers(film) if reader not in seeing]
    return rows + (rows[:1] if _is_repeated(drawn, number) else [])


def _is_repeated(drawn: Sequence[Drawn], number: int) -> bool:
    return bool(drawn) and number % _TWICE_EVERY == _TWICE_EVERY - 1


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """The films with all readers' boxes and labels, their majority and their fused boxes."""
    for number, (patient, study, film) in enumerate(published(patients, "train")):
        drawn = _drawn(study, film, number)
        boxes = [Box(box.name, "observation", *box.corners, annotator=box.reader) for box in drawn]
        boxes += [Box(name, "observation", *corners, annotator="fusion") for name, corners in fused(drawn)]
        by_reader = _positives(study, film, drawn)
        labels = [label for reader, names in by_reader.items() for label in _labels(names, reader)]
        agreed = {name for name in CLASSES if sum(name in names for names in by_reader.values()) >= 2}
        yield _study(root, patient, study, film, [*labels, *_labels(agreed, "majority")], boxes)
        if _is_repeated(drawn, number):
            yield Rejection("annotations_train.csv", "a box stands twice")
    for patient, study, film in published(patients, "test"):
        boxes_by_class, positives = _consensus(study, film)
        boxes = [
            Box(name, "observation", *corners, annotator="consensus")
            for name, several in boxes_by_class.items()
            for corners in several
        ]
        yield _study(root, patient, study, film, list(_labels(positives, "consensus")), boxes)


def _labels(positives: set[str], origin: str) -> Iterator[Label]:
    for name in CLASSES:
        yield Label(name, State(int(name in positives)), f"vindr_cxr/{origin}")


def _study(
    root: Path,
    patient: PatientTruth,
    study: StudyTruth,
    film: Film,
    labels: Sequence[Label],
    boxes: Sequence[Box],
) -> Study:
    image, part = image_id("vindr_cxr", film), part_of(patient)
    sex, age = stated_person(patient, study, film)
    path = root / part / f"{image}.dicom"
    record = Image(image, path, View.PA, labels=tuple(labels), boxes=tuple(boxes))
    return Study(image, image, (record,), split=part, sex=sex, age=age)

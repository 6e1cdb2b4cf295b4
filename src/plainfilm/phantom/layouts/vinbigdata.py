"""The VinBigData competition on Kaggle: the training films of VinDr-CXR under other ids, 14 of its classes.

    train.csv           image_id, class_name, class_id, rad_id, x_min, y_min, x_max, y_max
    train/IMAGE.dicom
    test/IMAGE.dicom    without labels

Quirks kept: rows in no order, whole pixels, readers who disagree, a box that extends beyond its film, blank
corners of "No finding", and the films as in `vindr_cxr`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.publishing import frontal_films, write_csv
from plainfilm.phantom.readers import Drawn, fused, readings, targets, three_readers
from plainfilm.phantom.truth import Film, Finding, PatientTruth, StudyTruth
from plainfilm.phantom.vindr import (
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

CLASSES = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
)
_NONE = "No finding"
_OUT_EVERY = 13


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The first frontal film."""
    for film in frontal_films(study)[:1]:
        path = _path(root, patient, film)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_film(path, film, films[study.films.index(film)], header(patient, study, film))


def _path(root: Path, patient: PatientTruth, film: Film) -> Path:
    return root / part_of(patient) / f"{image_id('vinbigdata', film)}.dicom"


def _class_of(finding: Finding) -> str | None:
    """The class in the competition; findings without one are other lesions."""
    name = local_class(finding)
    return name if name is None or name in CLASSES else "Other lesion"


def _drawn(study: StudyTruth, film: Film, number: int) -> list[Drawn]:
    boxes = targets(study, film, _class_of)
    return readings(film, boxes, CLASSES, 0, sticks_out=number % _OUT_EVERY == _OUT_EVERY - 1)


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """Write the table: a row for each box, and for each reader without findings."""
    rows: list[tuple[object, ...]] = []
    for number, (_, study, film) in enumerate(published(patients, "train")):
        drawn, image = _drawn(study, film, number), image_id("vinbigdata", film)
        rows += [(image, box.name, CLASSES.index(box.name), box.reader, *box.corners) for box in drawn]
        seeing = {box.reader for box in drawn}
        blind = [reader for reader in three_readers(film) if reader not in seeing]
        rows += [(image, _NONE, len(CLASSES), reader, "", "", "", "") for reader in blind]
    columns = ("image_id", "class_name", "class_id", "rad_id", "x_min", "y_min", "x_max", "y_max")
    order = generator(seed, "vinbigdata rows").permutation(len(rows)).tolist()
    write_csv(root / "train.csv", columns, [rows[place] for place in order])


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """The films of train/, and one rejection for those of test/, which have no labels."""
    for number, (patient, study, film) in enumerate(published(patients, "train")):
        drawn, image = _drawn(study, film, number), image_id("vinbigdata", film)
        boxes = [Box(box.name, "observation", *box.corners, annotator=box.reader) for box in drawn]
        boxes += [Box(name, "observation", *corners, annotator="fusion") for name, corners in fused(drawn)]
        sex, age = stated_person(patient, study, film)
        record = Image(
            image,
            _path(root, patient, film),
            View.PA,
            labels=tuple(_labels(film, drawn)),
            boxes=tuple(boxes),
        )
        yield Study(image, image, (record,), sex=sex, age=age)
    if any(published(patients, "test")):
        yield Rejection("test", "the films of the test have no labels")


def _labels(film: Film, drawn: Sequence[Drawn]) -> Iterator[Label]:
    """A reader negates every class without a box; two of three readers are the majority."""
    seen = {reader: {box.name for box in drawn if box.reader == reader} for reader in three_readers(film)}
    by_reader = {reader: names or {_NONE} for reader, names in seen.items()}
    for name in (*CLASSES, _NONE):
        for reader, names in by_reader.items():
            yield Label(name, State(int(name in names)), f"vinbigdata/{reader}")
        agreed = sum(name in names for names in by_reader.values()) >= 2
        yield Label(name, State(int(agreed)), "vinbigdata/majority")

"""The RSNA Pneumonia Detection Challenge of 2018 in the form of Kaggle's stage 2.

    RAW/stage_2_train_labels.csv            patientId, x, y, width, height, Target; a row for each box
    RAW/stage_2_detailed_class_info.csv     patientId, class; optional
    RAW/stage_2_train_images/<patientId>.dcm
    RAW/stage_2_test_images/<patientId>.dcm                     3,000 films without labels
    RAW/pneumonia-challenge-dataset-mappings_2018.json          from the RSNA's page; optional

The films are a subset of ChestX-ray14, each under an id of its own that Kaggle calls the patient. With the
mapping file the true patient is known, so that `audit` and `train` see who is in `nih14` too; without it each
film stands for a patient. Shih et al., "Augmenting the National Institutes of Health chest radiograph dataset
with expert annotations of possible pneumonia", Radiology: Artificial Intelligence 1(1), 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from plainfilm.errors import nearest
from plainfilm.sources.base import SourceConfig, state_of
from plainfilm.sources.common.boxes import Corners, corners_of
from plainfilm.sources.common.examples import phantom_example
from plainfilm.sources.common.film_header import with_header
from plainfilm.sources.common.nih_identity import MAPPING, nih_patients
from plainfilm.sources.common.published_splits import gloria_split
from plainfilm.sources.common.raw_files import (
    COPY_SUFFIXES,
    DICOM_SUFFIXES,
    find_raw_files,
    in_test_folder,
    unlisted_films,
)
from plainfilm.sources.common.rows import Row, read_each
from plainfilm.types import Box, Image, Label, Rejection, State, Study

CORPUS = "nih14"
LICENCE = "terms of use of the RSNA Pneumonia Detection Challenge 2018; images: NIH Clinical Center"
CLASSES = ("Lung Opacity", "No Lung Opacity / Not Normal", "Normal")
SIDE = 1024
"""Every film is a square of so many pixels, and boxes are in these, whatever copy is read."""
_LABELS, _DETAILS = "stage_2_train_labels", "stage_2_detailed_class_info"
_FRAME = ("x", "y", "width", "height")


class Config(SourceConfig):
    """split: "drawn" by patient, or "gloria", the 70/15/15 of GLoRIA that CXR-CLIP uses too, which is by film
    and so has patients on two sides. unlabelled: read the films of the test too.
    """

    split: Literal["drawn", "gloria"] = "drawn"
    unlabelled: bool = False


@dataclass
class _Film:
    """What the tables say of one film."""

    target: State | None = None
    boxes: dict[Corners, None] = field(default_factory=dict)
    stated_class: str | None = None


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """A study for each film, in the order of the label table.

    Raises:
        SourceError: there is no such folder, or `stage_2_train_labels.csv` is not in it.
        DataError: a table lacks a column.
    """
    tables = (f"{_LABELS}.csv", f"{_DETAILS}.csv", f"{MAPPING}.json")
    suffixes = (*DICOM_SUFFIXES, *COPY_SUFFIXES)
    found = find_raw_files(raw, tables, suffixes, tables_only=config.tables_only)
    labels, details = found.table(_LABELS), found.tables.get(_DETAILS)
    yield from found.films.rejections
    said: dict[str, _Film] = {}
    yield from read_each(labels, ("patientId", *_FRAME, "Target"), lambda row: _read_label(row, said))
    if details:
        yield from read_each(details, ("patientId", "class"), lambda row: _read_class(row, said))
    patients = nih_patients(found.tables.get(MAPPING), "subset_img_id")
    splits = _gloria(said) if config.split == "gloria" else {}
    for film, stated in said.items():
        place = f"stage_2_train_images/{film}.dcm"
        path = found.film(film, place)
        if path is None:
            yield Rejection(place, "listed in the label table but not on disk", film)
        else:
            yield _study(film, stated, path, patients, splits.get(film), config)
    keep = partial(_bare_study, patients, config) if config.unlabelled else None
    yield from unlisted_films(found, said, in_test_folder, keep)


def _bare_study(patients: Mapping[str, str], config: Config, film: str, path: Path) -> Study:
    return _study(film, _Film(), path, patients, "test", config)


def _read_label(row: Row, said: dict[str, _Film]) -> Iterator[Rejection]:
    film, target = row["patientId"], state_of(row["Target"])
    if not film:
        yield Rejection(row.place, "the row names no film")
        return
    found = said.setdefault(film, _Film())
    if target not in (State.POSITIVE, State.NEGATIVE):
        yield Rejection(row.place, f"Target is '{row['Target']}': expected 1 or 0", film)
    elif found.target not in (None, target):
        found.target = State.POSITIVE
        yield Rejection(row.place, f"Target is {row['Target']}, another row says otherwise; 1 is taken", film)
    else:
        found.target = target
    yield from _read_box(row, target, found)


def _read_box(row: Row, target: State | None, found: _Film) -> Iterator[Rejection]:
    film, is_positive = row["patientId"], target is State.POSITIVE
    corners = corners_of(row, _FRAME, film, sized=True)
    if isinstance(corners, Rejection):
        yield corners
    elif corners is None:
        if is_positive:
            yield Rejection(row.place, "Target is 1 but the row has no box", film)
    elif not is_positive:
        yield Rejection(row.place, "has a box, but its Target is not 1", film)
    elif corners in found.boxes:
        yield Rejection(row.place, "its box stands there already", film)
    else:
        found.boxes[corners] = None


def _read_class(row: Row, said: Mapping[str, _Film]) -> Iterator[Rejection]:
    """The class of a film; its table repeats it for each box."""
    film, name = row["patientId"], row["class"]
    found = said.get(film)
    if found is None:
        yield Rejection(row.place, f"{film or 'a blank'} is not in the label table", film or None)
    elif name not in CLASSES:
        yield Rejection(row.place, f"class '{name}': {nearest(name, CLASSES)}", film)
    elif found.stated_class not in (None, name):
        yield Rejection(row.place, f"class '{name}', but another row says '{found.stated_class}'", film)
    elif found.target is not None and (name == CLASSES[0]) != (found.target is State.POSITIVE):
        yield Rejection(row.place, f"class '{name}' does not go with Target {int(found.target)}", film)
    else:
        found.stated_class = name


def _gloria(said: Mapping[str, _Film]) -> dict[str, str]:
    """GLoRIA's split: films sorted by id, as its grouping leaves them."""
    train, validation, test = gloria_split(sorted(said))
    parts = {"train": train, "validation": validation, "test": test}
    return {film: split for split, films in parts.items() for film in films}


def _study(
    film: str, found: _Film, path: Path, patients: Mapping[str, str], split: str | None, config: Config
) -> Study:
    labels = [
        Label(name, State.POSITIVE if name == found.stated_class else State.NEGATIVE, "rsna/class")
        for name in CLASSES
        if found.stated_class
    ]
    if found.target is not None:
        labels.append(Label("Pneumonia", found.target, "rsna/target"))
    boxes = (Box(CLASSES[0], "observation", *corners) for corners in found.boxes)
    image = Image(
        film, path, labels=tuple(labels), boxes=tuple(boxes), licence=LICENCE, width=SIDE, height=SIDE
    )
    files = () if config.tables_only else (path,)
    return Study(film, patients.get(film, film), (image,), split=split, files=files)


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with the view, sex and age of its film's header."""
    return with_header(study)


def make_example(root: Path) -> Path:
    """Twelve phantom studies in this layout; those of the test have no labels."""
    return phantom_example("rsna", root, studies=12)

"""The SIIM-ACR Pneumothorax Segmentation challenge as distributed on Kaggle.

    train-rle.csv                                   ImageId, EncodedPixels
    dicom-images-train/STUDY/SERIES/IMAGEID.dcm     8 bit, 1024 x 1024, whatever --size is
    dicom-images-test/STUDY/SERIES/IMAGEID.dcm      without labels

Quirks kept: spaces before the second header and the cells below it, masks in several overlapping rows, a
repeated mask, -1 for none, headers without a view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.dicom_files import uid_of
from plainfilm.phantom.publishing import frontal_films, write_csv
from plainfilm.phantom.readers import targets
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

_OBSERVATION = "Pneumothorax"
_TRAIN, _TEST = "dicom-images-train", "dicom-images-test"


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The frontal films, each in two folders of its own."""
    for film in frontal_films(study):
        array = films[study.films.index(film)]
        write_square(_path(root, patient, film), film, array, _header(patient, study, film))


def _id(film: Film) -> str:
    return uid_of("siim", film.film_id)


def _path(root: Path, patient: PatientTruth, film: Film) -> Path:
    folder = _TEST if is_test(patient) else _TRAIN
    study, series = uid_of("siim study", film.film_id), uid_of("siim series", film.film_id)
    return root / folder / study / series / f"{_id(film)}.dcm"


def _person(patient: PatientTruth) -> str:
    return uuid_of("siim", patient.patient_id)


def _header(patient: PatientTruth, study: StudyTruth, film: Film) -> dict[str, str]:
    return {
        "SOPInstanceUID": _id(film),
        "PatientID": _person(patient),
        "PatientSex": patient.sex,
        "PatientAge": str(int(study.age)),
    }


def _masks(study: StudyTruth, film: Film) -> list[NDArray[np.bool_]]:
    """A mask (1024, 1024) for each collapsed lung: an ellipse that fills its box."""
    collapsed = targets(study, film, _class_of).get(_OBSERVATION, [])
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    masks = []
    for corners in collapsed:
        x0, y0, x1, y1 = squared_box(corners, film)
        across, down = (2 * columns - x0 - x1) / (x1 - x0), (2 * rows - y0 - y1) / (y1 - y0)
        masks.append(across**2 + down**2 <= 1.0)
    return [mask for mask in masks if mask.any()]


def _class_of(finding: Finding) -> str | None:
    return _OBSERVATION if finding.kind == "pneumothorax" else None


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """Write the masks of the training films, in random order."""
    films = published(patients, test=False)
    rows = [(_id(film), text) for _, study, film in films for text in _texts(study, film)]
    order = generator(seed, "siim rows").permutation(len(rows)).tolist()
    write_csv(root / "train-rle.csv", ("ImageId", " EncodedPixels"), [rows[place] for place in order])


def _texts(study: StudyTruth, film: Film) -> list[str]:
    """The cells of a film's rows; occasionally a mask has two overlapping parts, or is repeated."""
    texts = []
    for mask in _masks(study, film):
        parts = [mask]
        if _is_in_parts(film):
            middle = int(np.flatnonzero(mask.any(axis=1)).mean())
            parts = [mask & _rows_from(0, middle + 4), mask & _rows_from(middle - 4, SIDE)]
        texts += [f" {run_lengths(part)}" for part in parts]
    return (texts + (texts[:1] if _is_repeated(film) else [])) or [" -1"]


def _rows_from(first: int, behind: int) -> NDArray[np.bool_]:
    rows = np.arange(SIDE)
    return ((rows >= first) & (rows < behind))[:, None]


def _is_in_parts(film: Film) -> bool:
    return bool(generator("siim parts", film.film_id).random() < 0.3)


def _is_repeated(film: Film) -> bool:
    return bool(generator("siim twice", film.film_id).random() < 0.2)


def run_lengths(mask: NDArray[np.bool_]) -> str:
    """A mask (H, W) as starts and lengths down the columns, each start relative to the previous end."""
    marked = np.concatenate([[False], mask.T.ravel(), [False]])
    edges = np.flatnonzero(marked[1:] != marked[:-1])
    starts, ends = edges[::2], edges[1::2]
    gaps = starts - np.concatenate([[0], ends[:-1]])
    return " ".join(str(number) for number in np.stack([gaps, ends - starts], axis=1).ravel().tolist())


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """The training films with a box for each mask; one rejection for those of the test."""
    for patient, study, film in published(patients, test=False):
        masks = _masks(study, film)
        label = Label(_OBSERVATION, State.POSITIVE if masks else State.NEGATIVE, "siim/mask")
        boxes = tuple(_box(mask) for mask in masks)
        image = Image(_id(film), _path(root, patient, film), stated_view(film), (label,), boxes)
        age = float(int(study.age))
        yield Study(_id(film), _person(patient), (image,), sex=patient.sex, age=age)
        if masks and _is_repeated(film):
            yield Rejection("train-rle.csv", "a mask stands twice")
    if any(published(patients, test=True)):
        yield Rejection(str(root / _TEST), "the films of the test have no labels")


def _box(mask: NDArray[np.bool_]) -> Box:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    corners = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
    return Box(_OBSERVATION, "observation", *corners, annotator="mask")

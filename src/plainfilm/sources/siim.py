"""The SIIM-ACR Pneumothorax Segmentation challenge of 2019, as it was given out on Kaggle.

    RAW/train-rle.csv, or RAW/stage_2_train.csv     ImageId, EncodedPixels (the header has a space before it)
    RAW/dicom-images-train/<study>/<series>/<ImageId>.dcm       any depth
    RAW/dicom-images-test/..., RAW/stage_2_images/...           films without labels
    RAW/pneumonia-challenge-dataset-mappings_2018.json          from the RSNA's page; optional

A row is one mask, run-length encoded, or -1 for a film without pneumothorax; a film with several masks has
several rows, and what any of them marks is marked. Films are a subset of ChestX-ray14 (Filice et al.,
"Crowdsourcing pneumothorax annotations using machine learning annotations on the NIH chest X-ray dataset",
Journal of Digital Imaging 33, 2020). The patient is that of the film's header, or, for films that the mapping
file knows by their UID, the one of `nih14`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from plainfilm.sources.base import SourceConfig
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
from plainfilm.sources.common.run_length import MaskFault, Runs, component_boxes, relative_runs
from plainfilm.types import Box, Image, Label, Rejection, State, Study

CORPUS = "nih14"
LICENCE = "rules of the SIIM-ACR Pneumothorax Segmentation challenge (Kaggle); images: NIH Clinical Center"
OBSERVATION = "Pneumothorax"
SIDE = 1024
"""Every film is a square of so many pixels, and masks are in these, whatever copy is read."""
_TABLES = ("stage_2_train", "train-rle")
"""The newer one, which has the films of the other too, comes first."""


class Config(SourceConfig):
    """split: "drawn" by patient, or "gloria", the 70/15/15 that GLoRIA draws of the rows; a film with rows on
    several sides goes to train. unlabelled: read the films of the test too. smallest: parts of a mask whose
    box has a shorter side than so many pixels get none.
    """

    split: Literal["drawn", "gloria"] = "drawn"
    unlabelled: bool = False
    smallest: int = Field(1, ge=1)


@dataclass
class _Film:
    """What the table says of one film: masks by their text, where one says -1, and the rows that name it."""

    masks: dict[str, str] = field(default_factory=dict)
    runs: list[Runs] = field(default_factory=list)
    clear: str | None = None
    rows: list[int] = field(default_factory=list)

    @property
    def state(self) -> State | None:
        """What its rows say of pneumothorax; `None` where none of them can be read."""
        if self.masks:
            return State.POSITIVE
        return State.NEGATIVE if self.clear else None


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """A study for each film, in the order of the table.

    Raises:
        SourceError: there is no such folder, or no table of masks is in it.
        DataError: the table lacks a column.
    """
    tables = (*(f"{name}.csv" for name in _TABLES), f"{MAPPING}.json")
    suffixes = (*DICOM_SUFFIXES, *COPY_SUFFIXES)
    found = find_raw_files(raw, tables, suffixes, tables_only=config.tables_only)
    table = found.table(*_TABLES)
    yield from found.films.rejections
    said: dict[str, _Film] = {}
    yield from read_each(table, ("ImageId", "EncodedPixels"), lambda row: _read_row(row, said))
    patients = nih_patients(found.tables.get(MAPPING), "SOPInstanceUID")
    splits = _gloria(said) if config.split == "gloria" else {}
    for film, stated in said.items():
        path = found.film(film, f"dicom-images-train/{film}.dcm")
        if path is None:
            yield Rejection(f"{film}.dcm", f"listed in {table.name} but not on disk", film)
        else:
            yield _study(film, stated, path, patients, splits.get(film), config)
    keep = partial(_bare_study, patients, config) if config.unlabelled else None
    yield from unlisted_films(found, said, _is_test, keep)


def _is_test(place: Path) -> bool:
    return in_test_folder(place) or any(part.startswith("stage_2_images") for part in place.parts[:-1])


def _read_row(row: Row, said: dict[str, _Film]) -> Iterator[Rejection]:
    film, text = row["ImageId"], row["EncodedPixels"]
    if not film or not text:
        yield Rejection(row.place, "the row names no film or has no mask; -1 stands for none", film or None)
        return
    found = said.setdefault(film, _Film())
    found.rows.append(row.number)
    if text == "-1":
        if found.masks or found.clear:
            yield Rejection(row.place, f"-1 after {found.clear or 'a mask'} of the same film", film)
        found.clear = found.clear or row.place
    elif text in found.masks:
        yield Rejection(row.place, f"the mask of {found.masks[text]} again", film)
    else:
        yield from _read_mask(row, text, found)


def _read_mask(row: Row, text: str, found: _Film) -> Iterator[Rejection]:
    try:
        runs = relative_runs(text, (SIDE, SIDE))
    except MaskFault as error:
        yield Rejection(row.place, f"the mask {error}", row["ImageId"])
        return
    if not len(runs):
        yield Rejection(row.place, "the mask marks nothing", row["ImageId"])
        return
    if found.clear:
        yield Rejection(row.place, f"a mask after {found.clear} says -1; the mask is taken", row["ImageId"])
    found.masks[text] = row.place
    found.runs.append(runs)


def _gloria(said: Mapping[str, _Film]) -> dict[str, str]:
    """GLoRIA's split of rows, one film on one side: training wins, then validation."""
    film_of_row = {str(row): film for film, found in said.items() for row in found.rows}
    train, validation, test = gloria_split(sorted(film_of_row, key=int))
    splits: dict[str, str] = {}
    for split, rows in (("test", test), ("validation", validation), ("train", train)):
        splits.update((film_of_row[row], split) for row in rows)
    return splits


def _study(
    film: str, found: _Film, path: Path, patients: Mapping[str, str], split: str | None, config: Config
) -> Study:
    parts = component_boxes(np.concatenate(found.runs)) if found.runs else []
    boxes = (
        Box(OBSERVATION, "observation", *corners, annotator="mask")
        for corners in parts
        if min(corners[2] - corners[0], corners[3] - corners[1]) >= config.smallest
    )
    labels = () if found.state is None else (Label(OBSERVATION, found.state, "siim/mask"),)
    image = Image(film, path, labels=labels, boxes=tuple(boxes), licence=LICENCE, width=SIDE, height=SIDE)
    files = () if config.tables_only else (path,)
    return Study(film, patients.get(film, film), (image,), split=split, files=files)


def _bare_study(patients: Mapping[str, str], config: Config, film: str, path: Path) -> Study:
    return _study(film, _Film(), path, patients, "test", config)


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with the view, sex and age of its film's header, and the patient, where no mapping has it."""
    return with_header(study, patient=study.patient_id == study.study_id)


def make_example(root: Path) -> Path:
    """Twelve phantom studies in this layout; those of the test have no labels."""
    return phantom_example("siim", root, studies=12)

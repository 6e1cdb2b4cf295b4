"""ChestX-Det as Deepwise AI Lab distributes it: square films of ChestX-ray14 with boxes and outlines.

    ChestX_Det_train.json, ChestX_Det_test.json     a list of file_name, syms, boxes, polygons
    train/N.png, test/N.png                         1024 x 1024, whatever --size is

Quirks kept: running numbers that say nothing of the patient, films on which nothing is marked, no view, age
or sex, an unknown category, a box without area, a film that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.publishing import write_json_lines, write_png
from plainfilm.phantom.readers import targets
from plainfilm.phantom.square import is_test, published, squared, squared_box
from plainfilm.phantom.truth import Film, Finding, PatientTruth, StudyTruth
from plainfilm.seeding import generator, stable_hash
from plainfilm.types import Box, Image, Label, Rejection, State, Study

CLASSES = {
    "cardiomegaly": "Cardiomegaly",
    "nodule": "Nodule",
    "mass": "Mass",
    "consolidation": "Consolidation",
    "plate_atelectasis": "Atelectasis",
    "lobar_atelectasis": "Atelectasis",
    "pneumothorax": "Pneumothorax",
    "effusion": "Effusion",
    "pleural_thickening": "Pleural Thickening",
    "pleural_plaques": "Calcification",
    "rib_fracture": "Fracture",
    "clavicle_fracture": "Fracture",
    "emphysema": "Emphysema",
    "fibrosis": "Fibrosis",
    "tuberculosis": "Diffuse Nodule",
}
"""The category of each kind of finding; others have none."""
_LICENCE = "ChestX-Det: no licence stated for the annotations; films: NIH Clinical Center"
_LOST, _UNKNOWN, _FLAT = 0.04, 0.06, 0.06
_NUMBERS = 1_000_000


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The frontal films, made square."""
    for _, _, film in _films([patient], [study]):
        if not _has(film, "lost", _LOST):
            write_png(_path(root, patient, film), squared(films[study.films.index(film)]))


def _films(
    patients: Sequence[PatientTruth], studies: Sequence[StudyTruth] | None = None
) -> Iterator[tuple[PatientTruth, StudyTruth, Film]]:
    """The frontal films, those for training first."""
    for test in (False, True):
        for patient, study, film in published(patients, test=test):
            if studies is None or study in studies:
                yield patient, study, film


def _has(film: Film, what: str, share: float) -> bool:
    return bool(generator("chestx_det", film.film_id, what).random() < share)


def _id(film: Film) -> str:
    return str(stable_hash("chestx_det", film.film_id) % _NUMBERS)


def _path(root: Path, patient: PatientTruth, film: Film) -> Path:
    return root / _split(patient) / f"{_id(film)}.png"


def _split(patient: PatientTruth) -> str:
    return "test" if is_test(patient) else "train"


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The two lists."""
    lists: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for patient, study, film in _films(patients):
        lists[_split(patient)].append(_entry(study, film))
    for split, entries in lists.items():
        write_json_lines(root / f"ChestX_Det_{split}.json", entries)


def _entry(study: StudyTruth, film: Film) -> dict[str, Any]:
    marked = list(_marked(study, film))
    marked += [("Pneumonia", (10.0, 20.0, 30.0, 40.0))] if _has(film, "unknown", _UNKNOWN) else []
    marked += [("Mass", (50.0, 60.0, 50.0, 90.0))] if _has(film, "flat", _FLAT) else []
    boxes = [[int(corner) for corner in corners] for _, corners in marked]
    polygons = [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for x0, y0, x1, y1 in boxes]
    names = [name for name, _ in marked]
    return {"file_name": f"{_id(film)}.png", "syms": names, "boxes": boxes, "polygons": polygons}


def _marked(study: StudyTruth, film: Film) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    for name, boxes in targets(study, film, _class_of).items():
        for corners in boxes:
            yield name, squared_box(corners, film)


def _class_of(finding: Finding) -> str | None:
    return CLASSES.get(finding.kind)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """A study per film, whose patient is not known."""
    names = {"Pleural Thickening": "Pleural_Thickening"}
    every = [names.get(name, name) for name in dict.fromkeys(CLASSES.values())]
    for patient, study, film in _films(patients):
        name, table = _id(film), f"ChestX_Det_{_split(patient)}.json"
        if _has(film, "lost", _LOST):
            yield Rejection(f"{name}.png", "not on disk")
            continue
        for what, share in (("unknown", _UNKNOWN), ("flat", _FLAT)):
            if _has(film, what, share):
                yield Rejection(table, what)
        boxes = [Box(names.get(one, one), "observation", *corners) for one, corners in _marked(study, film)]
        seen = {box.name for box in boxes}
        labels = (
            Label(one, State.POSITIVE if one in seen else State.NEGATIVE, "chestx_det") for one in every
        )
        image = Image(
            name, _path(root, patient, film), labels=tuple(labels), boxes=tuple(boxes), licence=_LICENCE
        )
        yield Study(name, f"chestx_det_{name}", (image,), split=_split(patient))

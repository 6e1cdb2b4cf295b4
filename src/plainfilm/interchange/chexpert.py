"""CheXpert: `train.csv`, `valid.csv` and `test.csv` with one row per image and the 14 observations.

    Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,...,Support Devices[,image_id,study_id,patient_id,view]

A cell is 1.0, 0.0, -1.0 (uncertain) or blank (not mentioned). Readers parse the form of the paths:
`NAME/train/patient00001/study1/view1_frontal.jpg`; patients and their studies are numbered, and the last four
columns identify them. `ids=false` omits those, for readers that count columns from the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from plainfilm.collection.collection import Collection
from plainfilm.interchange.base import (
    VALID_FILES,
    FormatConfig,
    Written,
    left_out_lines,
    put_image,
    write_rows,
)
from plainfilm.interchange.stored import StoredFilm, StoredStudy, chosen_origins, studies_in
from plainfilm.types import View

COLUMNS = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"),
    *("Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other"),
    *("Fracture", "Support Devices"),
)
"""The observations in the order of the published table."""
_PERSON = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
_IDS = ("image_id", "study_id", "patient_id", "view")
_SEXES = {"F": "Female", "M": "Male", None: "Unknown"}
_POSITIONS = {View.PA: "PA", View.AP: "AP", View.AP_SUPINE: "AP"}


class Config(FormatConfig):
    """images: link or copy, as the paths are CheXpert's. origin: of the labels. name: the first folder of the
    paths. ids: whether to add columns with the ids and the view.
    """

    images: Literal["link", "copy"] = "link"
    origin: str | None = None
    name: str = "CheXpert-v1.0-small"
    ids: bool = True


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write the tables of all splits with images, and put the images at the paths in them.

    Raises:
        ConfigError: the origin of the labels is ambiguous.
        DataError: a file cannot be written.
    """
    origins = chosen_origins(collection, config.origin, needed=True)
    studies = list(studies_in(collection, origins))
    places = dict(_places(studies))
    header = (*_PERSON, *COLUMNS, *(_IDS if config.ids else ()))
    files, rows = [], 0
    for split, name in VALID_FILES.items():
        lines = [
            _row(study, film, f"{config.name}/{name}/{places[film.image_id]}", out, config)
            for study in studies
            if study.split == split
            for film in study.films
        ]
        if lines:
            files.append(out / f"{name}.csv")
            rows += write_rows(files[-1], header, lines)
    films = [(study, film) for study in studies for film in study.films]
    named = [name for _, film in films for name in film.states]
    left_out = {
        "labels of observations that CheXpert does not have": sum(name not in COLUMNS for name in named),
        "films of unknown view, whose plane is blank": sum(film.view is View.UNKNOWN for _, film in films),
        "reports, which the format cannot hold": sum(bool(study.sections) for study in studies),
        "boxes, which the format cannot hold": sum(len(film.boxes) for _, film in films),
    }
    return Written(tuple(files), rows, left_out_lines(left_out))


def _places(studies: list[StoredStudy]) -> Iterator[tuple[str, str]]:
    """(image, path) of every film: patients in the order of their ids, studies of each in time."""
    ordered = sorted(studies, key=lambda study: (study.patient_id, study.order or 0.0, study.study_id))
    patients: dict[str, int] = {}
    counts: dict[str, int] = {}
    for study in ordered:
        patient = patients.setdefault(study.patient_id, len(patients) + 1)
        counts[study.patient_id] = counts.get(study.patient_id, 0) + 1
        for number, film in enumerate(study.films, start=1):
            view = f"view{number}_{_plane(film).lower() or 'unknown'}.jpg"
            yield film.image_id, f"patient{patient:05d}/study{counts[study.patient_id]}/{view}"


def _plane(film: StoredFilm) -> str:
    if film.view is View.LATERAL:
        return "Lateral"
    return "Frontal" if film.view.is_frontal else ""


def _row(study: StoredStudy, film: StoredFilm, place: str, out: Path, config: Config) -> tuple[object, ...]:
    put_image(film.path, out / place, config.images)
    states = film.states
    age = "" if study.age is None else round(study.age)
    cells = (f"{states[name]:.1f}" if name in states else "" for name in COLUMNS)
    ids = (film.image_id, study.study_id, study.patient_id, str(film.view)) if config.ids else ()
    return (place, _SEXES[study.sex], age, _plane(film), _POSITIONS.get(film.view, ""), *cells, *ids)

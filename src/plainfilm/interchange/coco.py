"""COCO: `train.json`, `val.json` and `test.json` with images, categories and boxes.

Boxes are [x, y, width, height] in pixels of the image that `file_name` names (Lin et al., arXiv:1405.0312).
Data without a COCO field are in additional fields, which its readers ignore: `film_id`, `study_id`,
`patient_id`, `view` of an image, `annotator` and `phrase` of a box. The source `coco` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.collection import collection as collections
from plainfilm.geometry import box_xyxy_to_xywh
from plainfilm.interchange.base import SPLIT_FILES, FormatConfig, Written, left_out_lines, put_image
from plainfilm.interchange.stored import StoredBox, StoredFilm, StoredStudy, studies_in
from plainfilm.io.tables import write_json

_DIGITS = 3
"""Decimals of pixels."""


class Config(FormatConfig):
    """kinds: of boxes (observation, region, phrase), separated by commas; by default all."""

    kinds: str = "observation,region,phrase"


def write(collection: collections.Collection, out: Path, config: Config) -> Written:
    """Write a file for every split with images; categories and their numbers are the same in all.

    Raises:
        DataError: a file cannot be written.
    """
    kinds = {kind.strip() for kind in config.kinds.split(",")}
    studies = list(studies_in(collection))
    films = [film for study in studies for film in study.films]
    categories = numbered(films, kinds)
    licences = {name: number for number, name in enumerate(collection.licence, start=1)}
    files, rows = [], 0
    for split, name in SPLIT_FILES.items():
        content = document(
            [study for study in studies if study.split == split],
            categories,
            licences,
            partial(_put, out=out, config=config),
        )
        if content["images"]:
            files.append(out / f"{name}.json")
            write_json(content, files[-1])
            rows += len(content["images"])
    left_out = {
        "reports, which the format cannot hold": sum(bool(study.sections) for study in studies),
        "boxes of other kinds": sum(box.kind not in kinds for film in films for box in film.boxes),
    }
    return Written(tuple(files), rows, left_out_lines(left_out))


def document(
    studies: Sequence[StoredStudy],
    categories: Mapping[tuple[str, str], int],
    licences: Mapping[str, int],
    name_of: Callable[[StoredFilm], str],
) -> dict[str, Any]:
    """The content of a file. categories: numbers of (kind, name) of the boxes to write. licences: numbers of
    licences. name_of: a film's `file_name`."""
    films = [(study, film) for study in studies for film in study.films]
    images = [
        {"id": number, **_image(study, film, licences, name_of(film))}
        for number, (study, film) in enumerate(films, start=1)
    ]
    boxes = [
        {"image_id": number, **_box(box, categories[box.kind, box.name])}
        for number, (_, film) in enumerate(films, start=1)
        for box in film.boxes
        if (box.kind, box.name) in categories
    ]
    return {
        "info": {"description": "written by Plainfilm"},
        "licenses": [{"id": number, "name": name, "url": ""} for name, number in licences.items()],
        "categories": [
            {"id": number, "name": name, "supercategory": kind} for (kind, name), number in categories.items()
        ],
        "images": images,
        "annotations": [{"id": number, **box} for number, box in enumerate(boxes, start=1)],
    }


def numbered(films: Iterable[StoredFilm], kinds: Collection[str]) -> dict[tuple[str, str], int]:
    """The categories of all boxes of these kinds, (kind, name) with its number, by kind and name."""
    named = sorted({(box.kind, box.name) for film in films for box in film.boxes if box.kind in kinds})
    return {key: number for number, key in enumerate(named, start=1)}


def _put(film: StoredFilm, out: Path, config: Config) -> str:
    """The name of a film in a file of `out`, where it is put if it is to lie there."""
    path = put_image(film.path, out / "images" / film.path.name, config.images)
    inside = path.is_relative_to(out.absolute())
    return path.relative_to(out.absolute()).as_posix() if inside else str(path)


def _image(
    study: StoredStudy, film: StoredFilm, licences: Mapping[str, int], file_name: str
) -> dict[str, Any]:
    image: dict[str, Any] = {
        "file_name": file_name,
        "width": film.size[0],
        "height": film.size[1],
        "film_id": film.image_id,
        "study_id": study.study_id,
        "patient_id": study.patient_id,
        "view": str(film.view),
    }
    return image | ({"license": licences[film.licence]} if film.licence else {})


def _box(box: StoredBox, category: int) -> dict[str, Any]:
    x, y, width, height = box_xyxy_to_xywh(np.array([box.corners_xyxy_px]))[0].tolist()
    written: dict[str, Any] = {
        "category_id": category,
        "bbox": [round(side, _DIGITS) for side in (x, y, width, height)],
        "area": round(width * height, _DIGITS),
        "iscrowd": 0,
    }
    stated = {"annotator": box.annotator, "phrase": box.phrase}
    return written | {name: value for name, value in stated.items() if value is not None}

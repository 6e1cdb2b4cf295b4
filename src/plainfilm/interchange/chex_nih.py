"""ChEX's lists of ChestX-ray14: `train_list_detection.csv`, `val_...` and `test_...`, one row per image.

    file_name,labels     training: the names of the positive observations, as a Python list
    file_name,bboxes     the others: [[x, y, width, height, class], ...] in pixels of 1024 x 1024

ChEX assumes 1024 x 1024, so boxes are scaled to it and images that are not square are left out; it finds
images in `images/`. The source `chex` reads the lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from plainfilm.collection.collection import Collection
from plainfilm.geometry import box_xyxy_to_xywh, scale_boxes_xyxy
from plainfilm.interchange.base import (
    SPLIT_FILES,
    FormatConfig,
    Written,
    left_out_lines,
    put_image,
    write_rows,
)
from plainfilm.interchange.stored import StoredFilm, StoredStudy, chosen_origins, studies_in

_SIDE = (1024, 1024)
_NOT_LISTED = "films without labels (training), without boxes, or with boxes on a film that is not square"


class Config(FormatConfig):
    """images: link or copy, as a list cannot refer to the collection's files. origin: of the labels."""

    images: Literal["link", "copy"] = "link"
    origin: str | None = None


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write a list for every split that has images with labels (training) or boxes (the others).

    Raises:
        ConfigError: the origin of the labels is ambiguous.
        DataError: a file cannot be written.
    """
    origins = chosen_origins(collection, config.origin, needed=True)
    films = [(study, film) for study in studies_in(collection, origins) for film in study.films]
    files, rows = [], 0
    for split, name in SPLIT_FILES.items():
        own = [(study, film) for study, film in films if study.split == split]
        lines = list(_labelled(own, out, config) if split == "train" else _boxed(own, out, config))
        if lines:
            files.append(out / f"{name}_list_detection.csv")
            rows += write_rows(files[-1], ("file_name", "labels" if split == "train" else "bboxes"), lines)
    return Written(tuple(files), rows, left_out_lines({_NOT_LISTED: len(films) - rows}))


def _labelled(
    films: list[tuple[StoredStudy, StoredFilm]], out: Path, config: Config
) -> Iterator[tuple[object, ...]]:
    for _, film in films:
        positive = [name for name, state in film.states.items() if state == 1]
        if positive:
            yield _place(film, out, config), positive


def _boxed(
    films: list[tuple[StoredStudy, StoredFilm]], out: Path, config: Config
) -> Iterator[tuple[object, ...]]:
    for _, film in films:
        boxes = [box for box in film.boxes if box.kind == "observation"]
        if boxes and film.original_size[0] == film.original_size[1]:
            corners = scale_boxes_xyxy(np.array([box.corners_xyxy_px for box in boxes]), film.size, _SIDE)
            sides = np.round(box_xyxy_to_xywh(corners), 3).tolist()
            listed = [[*side, box.name] for side, box in zip(sides, boxes, strict=True)]
            yield _place(film, out, config), listed


def _place(film: StoredFilm, out: Path, config: Config) -> str:
    """The name of an image below `images/`."""
    name = f"{film.image_id}{film.path.suffix}"
    return put_image(film.path, out / "images" / name, config.images).name

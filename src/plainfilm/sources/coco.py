"""Films with boxes as COCO writes them: a JSON file, or a folder of one for each split.

    train.json, instances_val2017.json, ...    images, categories, annotations
    images                                     where `file_name` says, from the file's folder or `images`

A file's name says its split. What `plainfilm convert C coco` adds (`film_id`, `study_id`, `patient_id`,
`view`; `annotator`, `phrase`) is read where it is there; without it every image is a study of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from plainfilm.errors import DataError, SourceError
from plainfilm.geometry import box_xywh_to_xyxy
from plainfilm.io import paths
from plainfilm.io.tables import read_json
from plainfilm.sources.base import SourceConfig, shown, split_named, view_of
from plainfilm.sources.common.film_ids import FilmIds, film_path, is_there, leaves, people_in
from plainfilm.sources.common.listed_studies import ListedStudies
from plainfilm.types import Box, Image, Rejection, Study

_KINDS = ("observation", "region", "phrase")


class Config(SourceConfig):
    """images: the folder that `file_name` starts from and may not leave. kind: what boxes show, where a
    category's supercategory does not say. corpus: whose patients these are.
    """

    images: Path | None = None
    kind: Literal["observation", "region", "phrase"] = "observation"
    corpus: str | None = None


@dataclass
class _Document:
    """One file: its images and categories by number, and the boxes of each image."""

    file: Path
    split: str | None
    images: dict[Any, Mapping[str, Any]] = field(default_factory=dict)
    categories: dict[Any, Mapping[str, Any]] = field(default_factory=dict)
    licences: dict[Any, str] = field(default_factory=dict)
    boxes: dict[Any, list[Box]] = field(default_factory=dict)


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of a file or of all JSON files of a folder, in the order of their first images.

    Raises:
        SourceError: no file that has images, categories and annotations.
        DataError: a file is not JSON.
    """
    studies = ListedStudies()
    documents = [_document(file) for file in _files(raw)]
    ids = FilmIds(_file_name(image) for document, _ in documents for image in document.images.values())
    for document, entries in documents:
        yield from _read_boxes(document, entries, config)
        for number, image in document.images.items():
            yield from _add(number, image, document, studies, ids, config)
    yield from studies


def _files(raw: Path) -> list[Path]:
    if paths.is_file(raw):
        return [raw]
    files = paths.files_in(raw, "*.json")
    stated = [file for file in files if split_named(file)]
    if not files:
        raise SourceError(
            f"{raw}: no JSON file; give one in COCO's format, or a folder of train.json, val.json, ..."
        )
    return stated or files


def _document(file: Path) -> tuple[_Document, list[Any]]:
    content = read_json(file)
    parts = [content.get(name) if isinstance(content, dict) else None for name in _LISTS]
    if not all(isinstance(part, list) for part in parts):
        raise SourceError(f"{file}: is not in COCO's format (lists called {', '.join(_LISTS)})")
    images, categories, annotations = (part or [] for part in parts)
    licences = content.get("licenses") or []
    document = _Document(
        file,
        split_named(file),
        {entry.get("id"): entry for entry in images if isinstance(entry, dict)},
        {entry.get("id"): entry for entry in categories if isinstance(entry, dict)},
        {entry.get("id"): str(entry.get("name")) for entry in licences if isinstance(entry, dict)},
    )
    return document, annotations


_LISTS = ("images", "categories", "annotations")


def _read_boxes(document: _Document, entries: list[Any], config: Config) -> Iterator[Rejection]:
    for place, entry in enumerate(entries, start=1):
        try:
            box = _box(entry, document, config)
        except DataError as error:
            yield Rejection(f"{document.file.name} annotation {place}", str(error))
        else:
            document.boxes.setdefault(entry["image_id"], []).append(box)


def _box(entry: Any, document: _Document, config: Config) -> Box:
    if not isinstance(entry, dict) or entry.get("image_id") not in document.images:
        raise DataError("is of no image in the file")
    category = document.categories.get(entry.get("category_id"))
    if category is None or not category.get("name"):
        raise DataError(f"category {shown(repr(entry.get('category_id')))} is not in the file")
    corners = entry.get("bbox")
    if not isinstance(corners, list) or len(corners) != 4 or not all(_is_number(side) for side in corners):
        raise DataError(f"bbox is {shown(repr(corners))}: expected [x, y, width, height]")
    if entry.get("iscrowd"):
        raise DataError("is a crowd, which is no box of one thing")
    x0, y0, x1, y1 = box_xywh_to_xyxy(np.array([corners], dtype=np.float64))[0].tolist()
    stated = str(category.get("supercategory") or "")
    kind = stated if stated in _KINDS else config.kind
    return Box(str(category["name"]), kind, x0, y0, x1, y1, entry.get("annotator"), entry.get("phrase"))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _add(
    number: Any,
    image: Mapping[str, Any],
    document: _Document,
    studies: ListedStudies,
    ids: Mapping[str, str],
    config: Config,
) -> Iterator[Rejection]:
    name, root = _file_name(image), config.images or document.file.parent
    place = shown(name) or f"{document.file.name} image {number}"
    path, study_id = film_path(root, name), _text(image, "study_id") or None
    if name and leaves(root, name):
        reason = (
            f"{document.file.name} names a file outside of {root.name or root}; is it below images=FOLDER?"
        )
        yield Rejection(place, reason, study_id)
        return
    if not name or not (config.tables_only or is_there(path)):
        yield Rejection(place, "listed but not on disk", study_id)
        return
    image_id = _text(image, "film_id") or ids[name]
    patient = _text(image, "patient_id") or (people_in(name) or ("",))[0]
    study = studies.of(study_id or image_id, patient or study_id or image_id, document.split)
    width, height = image.get("width"), image.get("height")
    study.images.append(
        Image(
            image_id,
            path,
            view_of(_text(image, "view")),
            boxes=tuple(document.boxes.get(number, ())),
            licence=document.licences.get(image.get("license")),
            width=width if isinstance(width, int) else None,
            height=height if isinstance(height, int) else None,
        )
    )


def _file_name(image: Mapping[str, Any]) -> str:
    return _text(image, "file_name")


def _text(image: Mapping[str, Any], name: str) -> str:
    """A field of an image as text, "" where it is not stated; ids may be numbers."""
    value = image.get(name)
    return "" if value is None else str(value)

"""MS-CXR 0.1 and 1.1.0 as downloaded from PhysioNet, over the films of MIMIC-CXR-JPG.

    RAW/MS_CXR_Local_Alignment_v1.1.0.csv           dicom_id, category_name, label_text, path, x, y, w, h,
                                                    image_width, image_height, in 1.1.0 also split
    RAW/MS_CXR_Local_Alignment_v1.1.0.json          the same as COCO, read where there is no CSV

A row is a box of a phrase; a phrase may have several. Boecking et al., "Making the Most of Text
Semantics to Improve Biomedical Vision-Language Processing", ECCV 2022.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from plainfilm.errors import DataError, SourceError
from plainfilm.geometry import box_area_xyxy, clip_boxes_xyxy
from plainfilm.io.archives import read_bytes
from plainfilm.sources.base import number_of, split_of
from plainfilm.sources.common.columns import columns_of
from plainfilm.sources.common.folders import children, find_folder
from plainfilm.sources.common.mimic_overlay import (
    ListedFilm,
    OverlayConfig,
    PatientSplits,
    annotated,
    find_films,
)
from plainfilm.sources.common.mimic_studies import Corpus, with_report
from plainfilm.sources.common.mimic_tables import Film
from plainfilm.types import Box, Image, Rejection, Study

CORPUS = "mimic-cxr"

_TABLE = re.compile(r"MS_CXR_Local_Alignment_v[\d.]+\.(csv|json)")
_PATH = re.compile(r"p(\d+)/s(\d+)/[^/]+$")
_REQUIRED = ("dicom_id", "category_name", "label_text", "x", "y", "w", "h")
_OPTIONAL = ("path", "image_width", "image_height", "split")


class Config(OverlayConfig):
    """split: "published" is the table's own, where it has one (1.1.0), else as "mimic". "mimic" is ChEX's
    rule: patients of MIMIC-CXR's validation and test splits are tested on, those of its training split are
    for validation; without MIMIC's split table all are tested on. "test" tests on all.
    """

    split: Literal["published", "mimic", "test"] = "published"


@dataclass(frozen=True)
class _Row:
    """A box of a phrase, as it is written; `place` is where."""

    place: str
    image: str
    category: str
    phrase: str
    corner_and_size: tuple[str, str, str, str]
    path: str
    size: tuple[str, str]
    split: str


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies that have an annotated film, by patient and study number, with those films only.

    Raises:
        SourceError: no table in `raw`, or no films of MIMIC-CXR.
        DataError: the table is damaged.
    """
    folder = find_folder(raw, lambda _, names: any(_TABLE.fullmatch(name) for name in names))
    if folder is None:
        raise SourceError(f"{raw}: no MS_CXR_Local_Alignment_v*.csv or .json in it nor below")
    table = max((name for name in children(folder) if _TABLE.fullmatch(name)), key=_preference)
    rows = list(_rows(folder / table))
    boxes: dict[str, list[Box]] = {}
    for row in rows:
        box = _box(row)
        if isinstance(box, Box):
            boxes.setdefault(row.image, []).append(box)
        else:
            yield box
    corpus = find_films(raw, config)
    listed = {row.image: film for row in rows if (film := _film(row))}
    studies = list(annotated(corpus, listed.values(), boxes))
    splits = _splits(rows, listed, corpus, config)
    for item in studies:
        if isinstance(item, Study):
            images = tuple(_annotated(image, boxes, listed) for image in item.images)
            item = replace(item, images=images, split=splits[item.patient_id] or "test")
        yield item


def _preference(name: str) -> tuple[str, bool]:
    """The newest release, and the CSV before the JSON of one."""
    return name.rpartition(".")[0], name.endswith(".csv")


def _rows(path: Path) -> Iterator[_Row]:
    if path.suffix == ".json":
        yield from _coco(path)
        return
    for number, cells in enumerate(columns_of(path, _REQUIRED, _OPTIONAL), 1):
        image, category, phrase, x, y, w, h, film, width, height, split = cells
        place = f"{path.name} row {number}"
        yield _Row(place, image, category, phrase, (x, y, w, h), film, (width, height), split)


def _coco(path: Path) -> Iterator[_Row]:
    try:
        content = json.loads(read_bytes(path))
        images = {one["id"]: one for one in content["images"]}
        names = {one["id"]: str(one["name"]) for one in content["categories"]}
        for number, one in enumerate(content["annotations"], 1):
            yield _annotation(f"{path.name} annotation {number}", one, images[one["image_id"]], names)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: not MS-CXR's JSON ({error!r}); fetch the file again") from None


def _annotation(
    place: str, one: Mapping[str, Any], image: Mapping[str, Any], names: Mapping[Any, str]
) -> _Row:
    x, y, w, h = map(str, one["bbox"])
    size = (str(image.get("width", "")), str(image.get("height", "")))
    stem, film = Path(image["file_name"]).stem, str(image.get("path", ""))
    split = str(one.get("split", image.get("split", "")))
    return _Row(
        place, stem, names[one["category_id"]], str(one["label_text"]), (x, y, w, h), film, size, split
    )


def _box(row: _Row) -> Box | Rejection:
    """The box, cut to the stated size of its film where it sticks out."""
    numbers = [number_of(cell) for cell in row.corner_and_size]
    if None in numbers:
        return Rejection(row.place, f"box {row.corner_and_size} of '{row.phrase}' is not four numbers")
    x, y, w, h = (number or 0.0 for number in numbers)
    size = tuple(int(number_of(cell) or 0) for cell in row.size)
    corners_xyxy_px = np.array([[x, y, x + w, y + h]])
    if all(size):
        cut = clip_boxes_xyxy(corners_xyxy_px, (size[0], size[1]))
        # What lies wholly outside stays as it is, and is refused with its numbers when it is stored.
        corners_xyxy_px = cut if box_area_xyxy(cut)[0] > 0 else corners_xyxy_px
    x0, y0, x1, y1 = corners_xyxy_px[0].tolist()
    return Box(row.category, "phrase", x0, y0, x1, y1, phrase=" ".join(row.phrase.split()))


def _film(row: _Row) -> ListedFilm | None:
    match = _PATH.search(row.path)
    if match is None:
        return None
    width, height = (int(number) if (number := number_of(cell)) else None for cell in row.size)
    return ListedFilm(row.image, match[1], match[2], Film(width=width, height=height))


def _splits(
    rows: Sequence[_Row], listed: Mapping[str, ListedFilm], corpus: Corpus, config: Config
) -> PatientSplits:
    splits = PatientSplits()
    if config.split == "published":
        for row in rows:
            if row.image in listed:
                splits.put(listed[row.image].subject, split_of(row.split))
    has_own = any(row.split for row in rows) and config.split == "published"
    for patient in corpus.tables.studies if config.split != "test" and not has_own else ():
        stated = corpus.tables.split_of(patient)
        splits.put(patient[1:], {"train": "validation", None: None}.get(stated, "test"))
    return splits


def _annotated(image: Image, boxes: Mapping[str, list[Box]], listed: Mapping[str, ListedFilm]) -> Image:
    """The image with its boxes, which are in pixels of the size that the table states."""
    film = listed[image.image_id].film if image.image_id in listed else Film()
    width, height = film.width or image.width, film.height or image.height
    return replace(image, boxes=tuple(boxes[image.image_id]), width=width, height=height)


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with its report."""
    return with_report(study)

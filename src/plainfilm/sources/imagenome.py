"""Chest ImaGenome 1.0.0 (the silver data set) as downloaded from PhysioNet, over the films of MIMIC-CXR-JPG.

    RAW/silver_dataset/scene_graph.zip              a <dicom_id>_SceneGraph.json per film; or unzipped
    RAW/silver_dataset/splits/{train,valid,test}.csv
    RAW/silver_dataset/splits/images_to_avoid.csv   films of the gold standard's patients
    RAW/utils/cxr-record-list_view.csv              whose film each is, optional

Every patient of `images_to_avoid.csv` is in the test split, whatever else is said of them. Films that have no
scene graph (laterals among them) are no part of this corpus. Wu et al., "Chest ImaGenome Dataset for Clinical
Reasoning", NeurIPS Datasets and Benchmarks 2021. `cells.scene_graph` says what is read of a graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from plainfilm.errors import DataError, SourceError
from plainfilm.geometry import box_area_xyxy, clip_boxes_xyxy
from plainfilm.io.archives import files_below, is_file
from plainfilm.sources.base import split_of, view_of
from plainfilm.sources.common.columns import columns_of
from plainfilm.sources.common.examples import phantom_example
from plainfilm.sources.common.folders import children, find_folder
from plainfilm.sources.common.mimic_overlay import (
    ListedFilm,
    OverlayConfig,
    PatientSplits,
    annotated,
    find_films,
)
from plainfilm.sources.common.mimic_studies import with_report
from plainfilm.sources.common.mimic_tables import IMAGE_KEYS, Film
from plainfilm.sources.common.scene_graph import SUFFIX, SceneGraph, read_scene_graph
from plainfilm.types import Image, Rejection, Study

CORPUS = "mimic-cxr"

_SPLITS = ("train", "valid", "test")
_AVOID = "images_to_avoid"


class Config(OverlayConfig):
    """split: "imagenome" for its own split, "mimic" for that of MIMIC-CXR. minimum_boxes: a film with fewer
    boxes of regions is refused (ChEX asks for 5).
    """

    split: Literal["imagenome", "mimic"] = "imagenome"
    minimum_boxes: int = Field(0, ge=0)


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies that have a film with a scene graph, by patient and study number.

    Raises:
        SourceError: no scene graphs in `raw`, or no films of MIMIC-CXR.
    """
    silver = find_folder(raw, _is_silver)
    if silver is None:
        raise SourceError(f"{raw}: no scene_graph.zip in it nor below; give the folder of silver_dataset/")
    graphs = _graphs(silver)
    films: dict[str, ListedFilm] = {}
    splits = PatientSplits()
    for place in _lists(silver):
        name = place.name.partition(".")[0]
        split = split_of(name) if config.split == "imagenome" else None
        for film in _listed(place):
            films.setdefault(film.image, film)
            splits.put(film.subject, "test" if name == _AVOID else split)
            if film.image not in graphs and name in _SPLITS:
                reason = f"listed in {place.name} but has no scene graph"
                yield Rejection(film.image, reason, f"s{film.study}")
    corpus = find_films(raw, config)
    for item in annotated(corpus, films.values(), graphs):
        if isinstance(item, Rejection):
            yield item
            continue
        paths = (Path(graphs[image.image_id]) for image in item.images)
        split = splits[item.patient_id] or (item.split if config.split == "mimic" else None)
        yield replace(item, split=split, files=(*item.files, *paths))


def _is_silver(folder: Path, names: Sequence[str]) -> bool:
    return "scene_graph.zip" in names or "scene_graph" in names


def _graphs(silver: Path) -> dict[str, str]:
    """The path of every scene graph by the film's id."""
    unzipped = silver / "scene_graph"
    place = unzipped if children(unzipped) else silver / "scene_graph.zip"
    return {
        path.name.removesuffix(SUFFIX): str(path)
        for path in files_below(place, lambda name: name.endswith(SUFFIX))
    }


def _lists(silver: Path) -> Iterator[Path]:
    """The lists of films there are, those that say a split first."""
    names = [f"splits/{name}.csv" for name in (*_SPLITS, _AVOID)]
    places = [*(silver / name for name in names), silver.parent / "utils" / "cxr-record-list_view.csv"]
    yield from (place for place in places if is_file(place))


def _listed(path: Path) -> Iterator[ListedFilm]:
    for image, subject, study, view in columns_of(path, IMAGE_KEYS, ("ViewPosition",)):
        yield ListedFilm(image, subject, study, Film(view=view_of(view)))


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with its report and with what the scene graphs say of its films."""
    graphs = {path.name.removesuffix(SUFFIX): path for path in study.files if path.name.endswith(SUFFIX)}
    images: list[Image] = []
    sex = study.sex
    for image in study.images:
        path = graphs[image.image_id]
        try:
            graph = read_scene_graph(path)
        except DataError as error:
            yield Rejection(str(path), str(error).removeprefix(f"{path}: "), study.study_id)
            graph = SceneGraph()
        yield from (Rejection(str(path), problem, study.study_id) for problem in graph.problems)
        boxes = _visible(graph, image)
        if boxes < config.minimum_boxes:
            reason = f"has {boxes} boxes of regions; minimum_boxes is {config.minimum_boxes}"
            yield Rejection(str(image.path), reason, study.study_id)
            continue
        images.append(replace(image, boxes=tuple(graph.boxes()), labels=(*image.labels, *graph.labels())))
        sex = sex or graph.sex
    yield from with_report(replace(study, images=tuple(images), sex=sex))


def _visible(graph: SceneGraph, image: Image) -> int:
    """How many regions have a box on the image."""
    if image.width is None or image.height is None or not graph.regions:
        return len(graph.regions)
    corners_xyxy_px = np.array([[box.x0, box.y0, box.x1, box.y1] for box in graph.regions.values()])
    return int((box_area_xyxy(clip_boxes_xyxy(corners_xyxy_px, (image.width, image.height))) > 0).sum())


def make_example(root: Path) -> Path:
    """Six phantom studies in this layout."""
    return phantom_example("imagenome", root)

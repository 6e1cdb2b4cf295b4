"""Chest ImaGenome 1.0.0 (silver), with the films it is about in MIMIC-CXR-JPG's own layout inside.

    silver_dataset/scene_graph.zip          scene_graph/DICOM_SceneGraph.json, one per frontal film
    silver_dataset/splits/*.csv             train, valid, test (their first column without a header) and
                                            images_to_avoid, whose patients are in none of the three
    utils/cxr-record-list_view.csv          every film of MIMIC-CXR with its view position
    mimic-cxr-jpg/                          as in the layout `mimic_cxr`

Quirks kept: a listed film without a graph, a region with two boxes, boxes that extend beyond the film or have
no area, denied findings, sentences about several regions, regions without a box.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.files import replacing
from plainfilm.phantom.layouts import mimic_cxr
from plainfilm.phantom.publishing import frontal_films, region_boxes, studies_of, write_csv, write_json_lines
from plainfilm.phantom.truth import Film, FilmBox, PatientTruth, StatedSentence, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Box, Image, Label, Rejection, State, Study, View

_FILMS, _SILVER = "mimic-cxr-jpg", "silver_dataset"
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_SPLITS = {"train": "train", "validation": "valid", "test": "test"}
_NO_GRAPH, _AVOIDED = 0.07, 0.12
_TWICE, _BEYOND, _FLAT = 0.08, 0.15, 0.05

_BOTH = ("left", "right")
_LUNG, _ANGLE = "{side} lung", "{side} costophrenic angle"
_FINDINGS = {
    "Atelectasis": ("anatomicalfinding|{}|atelectasis", (_LUNG, "{side} lower lung zone")),
    "Cardiomegaly": ("anatomicalfinding|{}|enlarged cardiac silhouette", ("cardiac silhouette",)),
    "Consolidation": ("anatomicalfinding|{}|consolidation", (_LUNG,)),
    "Edema": ("anatomicalfinding|{}|pulmonary edema/hazy opacity", (_LUNG, "{side} hilar structures")),
    "Enlarged Cardiomediastinum": ("anatomicalfinding|{}|mediastinal widening", ("mediastinum",)),
    "Fracture": ("anatomicalfinding|{}|rib fracture", ("{side} chest wall",)),
    "Lung Lesion": ("anatomicalfinding|{}|mass/nodule (not otherwise specified)", (_LUNG,)),
    "Lung Opacity": ("anatomicalfinding|{}|lung opacity", (_LUNG,)),
    "Pleural Effusion": ("anatomicalfinding|{}|pleural effusion", (_LUNG, _ANGLE)),
    "Pleural Other": ("anatomicalfinding|{}|pleural/parenchymal scarring", (_LUNG,)),
    "Pneumonia": ("disease|{}|pneumonia", (_LUNG,)),
    "Pneumothorax": ("anatomicalfinding|{}|pneumothorax", (_LUNG, "{side} apical zone")),
    "Emphysema": ("disease|{}|copd/emphysema", (_LUNG,)),
    "Support Devices": ("device|{}|cardiac pacer and wires", ("left chest wall",)),
}
"""The attribute of a phantom's observation in a graph, and its regions."""

Statements = dict[str, list[tuple[str, list[str]]]]
"""Region → sentences, each with its statements."""


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The study in MIMIC-CXR-JPG, and the graph of each frontal film, not zipped yet."""
    mimic_cxr.write_study(root / _FILMS, patient, study, films)
    for film in frontal_films(study):
        if not _lacks_graph(film):
            graph = _graph(patient, study, film)
            write_json_lines(root / _SILVER / "scene_graph" / f"{film.film_id}_SceneGraph.json", graph)


def _lacks_graph(film: Film) -> bool:
    return bool(generator("imagenome", film.film_id, "graph").random() < _NO_GRAPH)


def _is_avoided(patient: PatientTruth) -> bool:
    return bool(generator("imagenome", patient.patient_id, "avoid").random() < _AVOIDED)


def _graph(patient: PatientTruth, study: StudyTruth, film: Film) -> dict[str, Any]:
    statements = _statements(study)
    return {
        "image_id": film.film_id,
        "viewpoint": str(film.view)[:2],
        "patient_id": int(patient.patient_id),
        "study_id": int(study.study_id),
        "gender": patient.sex,
        "age_decile": f"{int(study.age // 10) * 10}-{int(study.age // 10) * 10 + 10}",
        "StudyOrder": study.order + 1,
        "objects": [_object(film, name, corners) for name, corners in _corners(film)],
        "attributes": [
            _attribute(film, region, region_statements) for region, region_statements in statements.items()
        ],
        "relationships": [],
    }


def _corners(film: Film) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """The boxes of the graph in whole pixels, some of them with the errors of the corpus."""
    for name, box in region_boxes(film).items():
        rng = generator("imagenome", film.film_id, name)
        x0, y0, x1, y1 = (int(value) for value in (box.x0, box.y0, box.x1, box.y1))
        if name == "carina" and rng.random() < _FLAT:
            yield name, (x0, y0, x0, y1)
            continue
        if name == "abdomen" and rng.random() < _BEYOND:
            y1 = film.height + 4
        if name == "spine" and rng.random() < _TWICE:
            middle = (y0 + y1) // 2
            yield name, (x0, y0, x1, middle)
            yield name, (x0 - 2, middle - 1, x1, y1)
            continue
        yield name, (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))


def _object(film: Film, name: str, corners: tuple[int, int, int, int]) -> dict[str, Any]:
    x0, y0, x1, y1 = corners
    longest = max(film.width, film.height)
    left, top = (longest - film.width) / 2, (longest - film.height) / 2
    small = [
        round((value + shift) * 224 / longest) for value, shift in zip(corners, (left, top) * 2, strict=True)
    ]
    return {
        "object_id": f"{film.film_id}_{name}",
        **dict(zip(("x1", "y1", "x2", "y2"), small, strict=True)),
        "width": small[2] - small[0],
        "height": small[3] - small[1],
        "bbox_name": name,
        "synsets": [],
        "name": name.capitalize(),
        **{"original_x1": x0, "original_y1": y0, "original_x2": x1, "original_y2": y1},
        "original_width": x1 - x0,
        "original_height": y1 - y0,
    }


def _attribute(film: Film, region: str, statements: Sequence[tuple[str, list[str]]]) -> dict[str, Any]:
    empty: list[list[str]] = [[] for _ in statements]
    cues = ("severity_cues", "texture_cues", "temporal_cues", "comparison_cues")
    return {
        region: True,
        "bbox_name": region,
        "synsets": [],
        "name": region.capitalize(),
        "attributes": [attributes for _, attributes in statements],
        "attributes_ids": empty,
        "phrases": [phrase.replace(" ", "\n ", 1) for phrase, _ in statements],
        "phrase_IDs": [str(number) for number, _ in enumerate(statements)],
        "sections": ["finalreport" for _ in statements],
        **dict.fromkeys(cues, empty),
        "object_id": f"{film.film_id}_{region}",
    }


def _statements(study: StudyTruth) -> Statements:
    """The statements of each sentence about each region; uncertain ones count, as in the corpus."""
    by_region: Statements = {}
    for sentence in study.sentences:
        for region, attributes in _attributes_of(study, sentence).items():
            normal = not any("|yes|" in attribute for attribute in attributes)
            attributes.append("nlp|yes|normal" if normal else "nlp|yes|abnormal")
            by_region.setdefault(region, []).append((sentence.text, attributes))
    return by_region


def _attributes_of(study: StudyTruth, sentence: StatedSentence) -> dict[str, list[str]]:
    by_region: dict[str, list[str]] = {}
    for observation, state in sentence.states:
        pattern, places = _FINDINGS.get(observation, ("", ()))
        sides = {finding.side for finding in study.findings if finding.observation == observation and state}
        for region in dict.fromkeys(
            place.format(side=side) for place in places for side in _BOTH if not sides or sides & {side, None}
        ):
            by_region.setdefault(region, []).append(pattern.format("yes" if state else "no"))
    return by_region


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """MIMIC's tables, the lists of films, and the archive of graphs."""
    mimic_cxr.write_tables(root / _FILMS, patients, seed)
    folder = root / _SILVER / "splits"
    for split, name in _SPLITS.items():
        chosen = [one for one in patients if one.split == split and not _is_avoided(one)]
        rows = [(number, *row) for number, row in enumerate(_films(chosen, frontal=True))]
        write_csv(folder / f"{name}.csv", ("", *_LISTED), rows)
    avoided = [one for one in patients if _is_avoided(one)]
    write_csv(folder / "images_to_avoid.csv", _LISTED, list(_films(avoided, frontal=True)))
    write_csv(root / "utils" / "cxr-record-list_view.csv", _LISTED, list(_films(patients, frontal=False)))
    _zip(root / _SILVER / "scene_graph")


_LISTED = ("subject_id", "study_id", "dicom_id", "path", "ViewPosition")


def _films(patients: Sequence[PatientTruth], frontal: bool) -> Iterator[tuple[str, ...]]:
    for patient, study in studies_of(patients):
        subject = patient.patient_id
        for film in study.films:
            if not frontal or View(film.view).is_frontal:
                path = f"files/p{subject[:2]}/p{subject}/s{study.study_id}/{film.film_id}.dcm"
                yield subject, study.study_id, film.film_id, path, str(film.view)[:2]


def _zip(folder: Path) -> None:
    """Zip the graphs, with the same bytes for the same graphs, and remove the folder."""
    with replacing(folder.with_suffix(".zip")) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path in sorted(folder.glob("*.json")):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.name}", _EARLIEST)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    shutil.rmtree(folder, ignore_errors=True)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """MIMIC's studies with a graph, with such films only; each error in a graph is rejected once."""
    truths = {f"s{study.study_id}": (patient, study) for patient, study in studies_of(patients)}
    archive = root / _SILVER / "scene_graph.zip" / "scene_graph"
    for known in mimic_cxr.expected(root / _FILMS, patients, seed):
        patient, study = truths[known.study_id]
        stated = {film.film_id: film for film in frontal_films(study)}
        graphs = {key: film for key, film in stated.items() if not _lacks_graph(film)}
        if not _is_avoided(patient):
            yield from (Rejection(key, "no scene graph") for key in stated if key not in graphs)
        for key, film in graphs.items():
            path = archive / f"{key}_SceneGraph.json"
            yield from (Rejection(str(path), problem) for problem in _problems(film))
        images = [
            _annotated(image, study, graphs[image.image_id])
            for image in known.images
            if image.image_id in graphs
        ]
        if images:
            split = "test" if _is_avoided(patient) else patient.split
            yield replace(known, images=tuple(images), split=split)


def _problems(film: Film) -> Iterator[str]:
    names = [name for name, _ in _corners(film)]
    yield from ("two boxes" for name in set(names) if names.count(name) > 1)
    yield from ("no area" for _, (x0, _, x1, _) in _corners(film) if x0 == x1)


def _annotated(image: Image, study: StudyTruth, film: Film) -> Image:
    whole: dict[str, FilmBox] = {}
    for name, (x0, y0, x1, y1) in _corners(film):
        if x0 < x1:
            old = whole.get(name, FilmBox(name, "region", x0, y0, x1, y1))
            hull = min(x0, old.x0), min(y0, old.y0), max(x1, old.x1), max(y1, old.y1)
            whole[name] = FilmBox(name, "region", *hull)
    statements = _statements(study)
    boxes = [_box(box, labels=_labels(statements, [box.name])) for box in whole.values()]
    phrases = [
        replace(_box(whole[name]), kind="phrase", phrase=phrase)
        for name, region_statements in statements.items()
        for phrase in dict.fromkeys(text for text, _ in region_statements)
        if name in whole
    ]
    return replace(image, boxes=(*boxes, *phrases), labels=_labels(statements, statements))


def _box(box: FilmBox, labels: tuple[Label, ...] = ()) -> Box:
    return Box(box.name, "region", box.x0, box.y0, box.x1, box.y1, labels=labels)


def _labels(statements: Statements, regions: Sequence[str] | Mapping[str, Any]) -> tuple[Label, ...]:
    """The statements of sentences about the regions; one affirmation outweighs denials."""
    given_attributes = {one for region in regions for _, given in statements.get(region, ()) for one in given}
    keys = {(one.split("|")[0], one.split("|")[2]) for one in given_attributes}
    return tuple(
        Label(
            name,
            State.POSITIVE if f"{category}|yes|{name}" in given_attributes else State.NEGATIVE,
            f"imagenome/{category}",
        )
        for category, name in sorted(keys)
    )

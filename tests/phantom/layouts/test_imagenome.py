from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from plainfilm.phantom.write import write

REGIONS = {
    *(
        f"{side} {part}"
        for side in ("left", "right")
        for part in (
            *(
                "lung",
                "upper lung zone",
                "mid lung zone",
                "lower lung zone",
                "apical zone",
                "hilar structures",
            ),
            *("hilar structures", "costophrenic angle", "hemidiaphragm", "clavicle"),
        )
    ),
    *("trachea", "carina", "spine", "aortic arch", "mediastinum", "upper mediastinum", "svc"),
    *("cardiac silhouette", "cavoatrial junction", "right atrium", "abdomen"),
}
"""The 29 regions that the corpus has hand-checked boxes of."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imagenome") / "raw"
    write("imagenome", folder, studies=40, seed=5, size=96, workers=1)
    return folder


@pytest.fixture(scope="module")
def graphs(corpus: Path) -> dict[str, dict[str, Any]]:
    with zipfile.ZipFile(corpus / "silver_dataset" / "scene_graph.zip") as archive:
        return {
            name.split("/")[1].removesuffix("_SceneGraph.json"): json.loads(archive.read(name))
            for name in archive.namelist()
        }


def test_regions_have_the_published_names(graphs: dict[str, dict[str, Any]]) -> None:
    assert len(REGIONS) == 29
    assert {one["bbox_name"] for graph in graphs.values() for one in graph["objects"]} == REGIONS


def test_films_are_listed_in_one_split_or_to_be_avoided(corpus: Path, graphs: dict[str, Any]) -> None:
    folder = corpus / "silver_dataset" / "splits"
    lists = [pd.read_csv(folder / f"{name}.csv") for name in ("train", "valid", "test", "images_to_avoid")]
    assert all(list(one.columns)[-3:] == ["dicom_id", "path", "ViewPosition"] for one in lists)
    listed = pd.concat(lists)
    assert listed["dicom_id"].is_unique
    assert set(graphs) < set(listed["dicom_id"])
    assert len(lists[3])


def test_attributes_affirm_deny_and_speak_of_regions_without_a_box(graphs: dict[str, dict[str, Any]]) -> None:
    entries = [one for graph in graphs.values() for one in graph["attributes"]]
    said = {statement for one in entries for sentence in one["attributes"] for statement in sentence}
    assert {statement.split("|")[1] for statement in said} == {"yes", "no"}
    assert {one["bbox_name"] for one in entries} - REGIONS
    assert any(len(one["phrases"]) > 1 for one in entries)
    assert all(len(one["phrases"]) == len(one["attributes"]) for one in entries)


def test_some_boxes_are_twice_there_or_stick_out(graphs: dict[str, dict[str, Any]]) -> None:
    names = [[one["bbox_name"] for one in graph["objects"]] for graph in graphs.values()]
    assert any(len(set(one)) < len(one) for one in names)
    assert any(one["original_y2"] > 96 for graph in graphs.values() for one in graph["objects"])

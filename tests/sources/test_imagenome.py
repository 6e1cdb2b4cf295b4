from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources import imagenome
from plainfilm.sources.base import completed
from plainfilm.types import Box, Rejection, Study


def box(name: str, *corners: Any) -> dict[str, Any]:
    return {"bbox_name": name, **dict(zip(imagenome_corners(), corners, strict=True))}


def imagenome_corners() -> tuple[str, ...]:
    return ("original_x1", "original_y1", "original_x2", "original_y2")


GRAPH: dict[str, Any] = {
    "gender": "F",
    "objects": [box("left lung", 10, 10, 60, 90), box("spine", 40, 0, 50, 100)],
    "attributes": [
        {
            "bbox_name": "left lung",
            "attributes": [
                ["anatomicalfinding|no|lung opacity", "nlp|yes|normal"],
                ["anatomicalfinding|yes|lung opacity", "disease|no|pneumonia"],
            ],
            "phrases": ["No\n opacity.", "An opacity after all."],
        },
        {
            "bbox_name": "left chest wall",
            "attributes": [["device|yes|cardiac pacer and wires"]],
            "phrases": ["Pacer."],
        },
    ],
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two patients: one trains, the film of the other is to be avoided."""
    for place in ("p10/p10000001/s50000001/a1", "p11/p11000001/s50000003/c1"):
        film = tmp_path / "mimic-cxr-jpg" / "files" / f"{place}.jpg"
        film.parent.mkdir(parents=True)
        film.write_bytes(b"not opened by a source")
    splits = tmp_path / "silver_dataset" / "splits"
    splits.mkdir(parents=True)
    header = "subject_id,study_id,dicom_id,path,ViewPosition"
    row = "10000001,50000001,a1,files/p10/p10000001/s50000001/a1.dcm,PA"
    (splits / "train.csv").write_text(f",{header}\n0,{row}\n")
    (splits / "images_to_avoid.csv").write_text(f"{header}\n11000001,50000003,c1,files/c1.dcm,AP\n")
    pack(tmp_path, a1=GRAPH, c1=GRAPH)
    return tmp_path


def pack(raw: Path, **graphs: Any) -> None:
    with zipfile.ZipFile(raw / "silver_dataset" / "scene_graph.zip", "w") as archive:
        for name, graph in graphs.items():
            text = graph if isinstance(graph, str) else json.dumps(graph)
            archive.writestr(f"scene_graph/{name}_SceneGraph.json", text)


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[Rejection]]:
    config = imagenome.Config(**options)
    items = [
        done
        for item in imagenome.read(raw, config)
        for done in (completed("imagenome", [item], config) if isinstance(item, Study) else [item])
    ]
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def boxes(study: Study, kind: str) -> list[Box]:
    return [one for image in study.images for one in image.boxes if one.kind == kind]


def test_regions_with_what_is_said_of_them(raw: Path) -> None:
    lung, spine = boxes(read(raw)[0]["s50000001"], "region")
    assert (lung.name, lung.x0, lung.y0, lung.x1, lung.y1) == ("left lung", 10, 10, 60, 90)
    assert {(one.observation, int(one.state), one.origin) for one in lung.labels} == {
        ("lung opacity", 1, "imagenome/anatomicalfinding"),
        ("pneumonia", 0, "imagenome/disease"),
        ("normal", 1, "imagenome/nlp"),
    }
    assert spine.labels == ()


def test_sentences_are_boxes_of_their_region(raw: Path) -> None:
    found = boxes(read(raw)[0]["s50000001"], "phrase")
    assert [(one.name, one.phrase) for one in found] == [
        ("left lung", "No opacity."),
        ("left lung", "An opacity after all."),
    ]


def test_a_region_without_a_box_speaks_of_the_image(raw: Path) -> None:
    labels = read(raw)[0]["s50000001"].images[0].labels
    assert ("cardiac pacer and wires", 1) in {(one.observation, int(one.state)) for one in labels}


def test_patients_to_be_avoided_are_tested_on(raw: Path) -> None:
    for split in ("imagenome", "mimic"):
        assert read(raw, split=split)[0]["s50000003"].split == "test"
    assert read(raw)[0]["s50000001"].split == "train"


def test_a_region_with_two_boxes_gets_their_union(raw: Path) -> None:
    twice = [box("spine", 40, 0, 50, 60), box("spine", 38, 50, 49, 100)]
    pack(raw, a1={**GRAPH, "objects": twice})
    studies, told = read(raw)
    (spine,) = boxes(studies["s50000001"], "region")
    assert (spine.x0, spine.y0, spine.x1, spine.y1) == (38, 0, 50, 100)
    assert [one.reason for one in told] == ["region 'spine' has two boxes, which are made one"]


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"objects": [box("spine", 5, 5, 5, 9)]}, "is inverted or has no area"),
        ({"objects": [box("spine", "x", 5, 5, 9)]}, "has no name or not four corners"),
        ({"attributes": [{"bbox_name": "spine", "attributes": [["disease|maybe|x"]]}]}, "disease|maybe|x"),
        ("[]", "is no scene graph"),
        ("{", "not valid JSON"),
    ],
)
def test_what_cannot_be_used_of_a_graph_is_told(raw: Path, part: Any, reason: str) -> None:
    pack(raw, a1=part if isinstance(part, str) else {**GRAPH, **part})
    studies, told = read(raw)
    assert len(studies["s50000001"].images) == 1
    assert any(reason in one.reason for one in told)


def test_films_with_few_boxes_may_be_refused(raw: Path) -> None:
    studies, told = read(raw, minimum_boxes=5)
    assert studies["s50000001"].images == ()
    assert "has 2 boxes of regions; minimum_boxes is 5" in {one.reason for one in told}


def test_a_listed_film_without_a_graph_and_a_graph_without_a_film(raw: Path) -> None:
    pack(raw, zz=GRAPH, c1=GRAPH)
    studies, told = read(raw)
    assert set(studies) == {"s50000003"}
    assert {(one.path, one.reason.partition(" but ")[2]) for one in told} == {
        ("a1", "has no scene graph"),
        ("zz", "no film of MIMIC-CXR that is known"),
    }


def test_unzipped_graphs(raw: Path) -> None:
    archive = raw / "silver_dataset" / "scene_graph.zip"
    shutil.unpack_archive(archive, archive.parent)
    assert len(boxes(read(raw)[0]["s50000001"], "region")) == 2


def test_tables_alone_need_no_film(raw: Path) -> None:
    shutil.rmtree(raw / "mimic-cxr-jpg")
    assert len(boxes(read(raw, tables_only=True)[0]["s50000001"], "region")) == 2


def test_films_elsewhere(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIMIC_CXR_JPG_DIR", raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "no data"))
    elsewhere = raw.with_name("films elsewhere")
    (raw / "mimic-cxr-jpg").rename(elsewhere)
    with pytest.raises(SourceError, match="--option images=FOLDER"):
        read(raw)
    assert len(read(raw, images=elsewhere)[0]) == 2
    monkeypatch.setenv("MIMIC_CXR_JPG_DIR", str(elsewhere))
    assert len(read(raw)[0]) == 2


def test_a_folder_without_graphs(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no scene_graph.zip"):
        read(tmp_path)

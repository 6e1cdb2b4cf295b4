from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.sources import coco
from plainfilm.types import Image, Rejection, Study, View

DOCUMENT: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a/1.png", "width": 64, "height": 72},
        {"id": 8, "file_name": "b/1.png", "study_id": "s", "patient_id": "p", "view": "LATERAL"},
        {"id": 9, "file_name": "gone.png"},
    ],
    "categories": [{"id": 1, "name": "Nodule"}, {"id": 2, "name": "left lung", "supercategory": "region"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [5, 6, 20.5, 30]},
        {"id": 2, "image_id": 7, "category_id": 2, "bbox": [0, 0, 10, 10], "annotator": "R1"},
        {"id": 3, "image_id": 7, "category_id": 3, "bbox": [0, 0, 10, 10]},
        {"id": 4, "image_id": 99, "category_id": 1, "bbox": [0, 0, 10, 10]},
        {"id": 5, "image_id": 7, "category_id": 1, "bbox": [0, 0, None, 10]},
        {"id": 6, "image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1], "iscrowd": 1},
        "no annotation",
    ],
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(b"not opened by a source")
    (tmp_path / "instances_val2017.json").write_text(json.dumps(DOCUMENT))
    return tmp_path


def read(raw: Path, **options: Any) -> tuple[list[Study], list[Rejection]]:
    items = list(coco.read(raw, coco.Config(**options)))
    studies = [item for item in items if isinstance(item, Study)]
    return studies, [item for item in items if isinstance(item, Rejection)]


def film(raw: Path) -> Image:
    return read(raw)[0][0].images[0]


def test_boxes_are_turned_into_two_corners(raw: Path) -> None:
    nodule, lung = film(raw).boxes
    assert (nodule.name, nodule.kind) == ("Nodule", "observation")
    assert (nodule.x0, nodule.y0, nodule.x1, nodule.y1) == (5, 6, 25.5, 36)
    assert (lung.name, lung.kind, lung.annotator) == ("left lung", "region", "R1")


def test_files_of_one_name_keep_their_folders(raw: Path) -> None:
    studies, _ = read(raw)
    assert [study.images[0].image_id for study in studies] == ["a/1", "b/1"]


def test_what_convert_adds_is_read(raw: Path) -> None:
    studies, _ = read(raw)
    assert [(study.study_id, study.patient_id) for study in studies] == [("a/1", "a/1"), ("s", "p")]
    assert [study.images[0].view for study in studies] == [View.UNKNOWN, View.LATERAL]


def test_the_name_of_the_file_says_the_split(raw: Path) -> None:
    assert {study.split for study in read(raw)[0]} == {"validation"}


def test_what_cannot_be_used_is_told(raw: Path) -> None:
    _, told = read(raw)
    assert [item.reason for item in told] == [
        "category 3 is not in the file",
        "is of no image in the file",
        "bbox is [0, 0, None, 10]: expected [x, y, width, height]",
        "is a crowd, which is no box of one thing",
        "is of no image in the file",
        "listed but not on disk",
    ]


def test_tables_alone_need_no_films(raw: Path) -> None:
    assert len(read(raw, tables_only=True)[0]) == 3


@pytest.mark.parametrize("text", ["[]", '{"images": []}', '"text"'])
def test_another_kind_of_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.json").write_text(text)
    with pytest.raises(SourceError, match="is not in COCO's format"):
        read(tmp_path)


def test_a_file_that_is_no_json_and_a_folder_without_any(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no JSON file"):
        read(tmp_path)
    (tmp_path / "train.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        read(tmp_path)


def document(tmp_path: Path, *images: dict[str, Any]) -> Path:
    listed = [{"id": number, **image} for number, image in enumerate(images)]
    (tmp_path / "raw").mkdir()
    content = {"images": listed, "categories": [], "annotations": []}
    (tmp_path / "raw" / "train.json").write_text(json.dumps(content))
    return tmp_path / "raw"


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png", "{root}/secret.png"])
def test_a_file_name_may_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").touch()
    raw = document(tmp_path, {"file_name": name.format(root=tmp_path)})
    studies, (rejection,) = read(raw)
    assert studies == []
    assert rejection.reason == "train.json names a file outside of raw"


def test_films_named_by_uid_and_by_chexperts_paths(tmp_path: Path) -> None:
    names = [*(f"1.2.840.{n}" for n in (1, 2)), *(f"patient0000{n}/study1/view1_frontal.jpg" for n in (1, 2))]
    studies, _ = read(document(tmp_path, *({"file_name": name} for name in names)), tables_only=True)
    assert len({study.study_id for study in studies}) == 4
    assert [study.patient_id for study in studies][2:] == ["patient00001", "patient00002"]


def test_numbers_of_patients_in_json(tmp_path: Path) -> None:
    people = ({"file_name": f"{n}.png", "patient_id": patient} for n, patient in enumerate((7, 7.0, "7")))
    studies, _ = read(document(tmp_path, *people), tables_only=True)
    assert [study.patient_id for study in studies] == ["7"] * 3

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.sources import ms_cxr
from plainfilm.types import Rejection, Study

HEADER = "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height"
PLACE = "files/p10/p10000001/s50000001/a1.jpg"
ROW = f"a1,Edema,bilateral edema,{PLACE},10,20,30,40,100,200"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """One film with one phrase that has two boxes, and a lateral film that is not annotated."""
    for name in ("a1", "a2"):
        film = tmp_path / "mimic-cxr-jpg" / PLACE.replace("a1", name)
        film.parent.mkdir(parents=True, exist_ok=True)
        film.write_bytes(b"not opened by a source")
    write(tmp_path, HEADER, ROW, ROW.replace(",10,20,30,40,", ",60,20,90,40,"))
    return tmp_path


def write(raw: Path, *rows: str, version: str = "1.0.0") -> None:
    (raw / f"MS_CXR_Local_Alignment_v{version}.csv").write_text("\n".join([*rows, ""]))


def write_split(raw: Path, split: str) -> None:
    table = raw / "mimic-cxr-jpg" / "mimic-cxr-2.0.0-split.csv"
    rows = [f"{name},50000001,10000001,{split}" for name in ("a1", "a2")]
    table.write_text("\n".join(["dicom_id,study_id,subject_id,split", *rows, ""]))


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(ms_cxr.read(raw, ms_cxr.Config(**options)))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def test_a_phrase_with_two_boxes_one_cut_to_its_film(raw: Path) -> None:
    (image,) = read(raw)[0]["s50000001"].images
    assert (image.image_id, image.width, image.height) == ("a1", 100, 200)
    assert [(one.kind, one.name, one.phrase, one.x0, one.y0, one.x1, one.y1) for one in image.boxes] == [
        ("phrase", "Edema", "bilateral edema", 10, 20, 40, 60),
        ("phrase", "Edema", "bilateral edema", 60, 20, 100, 60),
    ]


@pytest.mark.parametrize(
    ("mimic", "split"), [("train", "validation"), ("validate", "test"), ("test", "test"), (None, "test")]
)
def test_splits_follow_those_of_mimic(raw: Path, mimic: str | None, split: str) -> None:
    if mimic:
        write_split(raw, mimic)
    assert read(raw)[0]["s50000001"].split == split
    assert read(raw, split="test")[0]["s50000001"].split == "test"


def test_the_published_split_of_a_later_version(raw: Path) -> None:
    write(raw, f"{HEADER},split", f"{ROW},train", version="1.1.0")
    write_split(raw, "test")
    assert read(raw)[0]["s50000001"].split == "train"
    assert read(raw, split="mimic")[0]["s50000001"].split == "test"


def test_the_json_says_the_same_as_the_table(raw: Path) -> None:
    from_table = read(raw)
    (raw / "MS_CXR_Local_Alignment_v1.0.0.csv").unlink()
    bboxes = ([10, 20, 30, 40], [60, 20, 90, 40])
    content = {
        "categories": [{"id": 3, "name": "Edema"}],
        "images": [{"id": 7, "file_name": "a1.jpg", "path": PLACE, "width": 100, "height": 200}],
        "annotations": [
            {"id": n, "image_id": 7, "category_id": 3, "bbox": bbox, "label_text": "bilateral edema"}
            for n, bbox in enumerate(bboxes)
        ],
    }
    (raw / "MS_CXR_Local_Alignment_v1.0.0.json").write_text(json.dumps(content))
    assert read(raw) == from_table


def test_a_box_that_is_no_box_is_told(raw: Path) -> None:
    write(raw, HEADER, ROW, ROW.replace(",10,20,", ",left,20,"))
    studies, told = read(raw)
    assert len(studies["s50000001"].images[0].boxes) == 1
    assert [one.path for one in told] == ["MS_CXR_Local_Alignment_v1.0.0.csv row 2"]


def test_an_annotated_film_that_is_not_on_disk_is_told_once(raw: Path) -> None:
    (raw / "mimic-cxr-jpg" / PLACE).unlink()
    studies, told = read(raw)
    assert studies == {}
    assert [one.reason for one in told] == ["listed in the tables but not on disk"]


def test_tables_alone_need_no_film(raw: Path, tmp_path: Path) -> None:
    (raw / "mimic-cxr-jpg").rename(tmp_path.with_name("moved films"))
    (image,) = read(raw, tables_only=True)[0]["s50000001"].images
    assert len(image.boxes) == 2


def test_damaged_json_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no MS_CXR_Local_Alignment"):
        read(tmp_path)
    (tmp_path / "MS_CXR_Local_Alignment_v1.1.0.json").write_text('{"images": []}')
    with pytest.raises(DataError, match=r"v1\.1\.0\.json: not MS-CXR's JSON"):
        read(tmp_path)

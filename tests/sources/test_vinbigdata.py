from __future__ import annotations

import csv
import gzip
import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from plainfilm.collection import prepare
from plainfilm.errors import SourceError
from plainfilm.sources import vinbigdata
from plainfilm.types import Rejection, State, Study

HEADER = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"
ROWS = (
    "aa,Cardiomegaly,3,R10,691.0,1375.0,1653.0,1831.0",
    "bb,No finding,14,R1,,,,",
    "aa,Cardiomegaly,3,R9,700.0,1380.0,1660.0,1840.0",
    "aa,No finding,14,R8,,,,",
)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two films of train/ and one of test/."""
    write(tmp_path, *ROWS)
    for film in ("train/aa", "train/bb", "test/cc"):
        (tmp_path / film).parent.mkdir(exist_ok=True)
        (tmp_path / f"{film}.dicom").write_bytes(b"")
    return tmp_path


def write(root: Path, *rows: str) -> None:
    (root / "train.csv").write_text("\n".join([HEADER, *rows, ""]))


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(vinbigdata.read(raw, vinbigdata.Config(**options)))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def positives(study: Study, origin: str) -> set[str]:
    labels = study.images[0].labels
    return {item.observation for item in labels if item.origin == origin and item.state is State.POSITIVE}


def test_readers_say_no_to_what_they_do_not_name(raw: Path) -> None:
    film = read(raw)[0]["aa"]
    assert positives(film, "vinbigdata/R9") == {"Cardiomegaly"}
    assert positives(film, "vinbigdata/R8") == {"No finding"}
    assert positives(film, "vinbigdata/majority") == {"Cardiomegaly"}
    assert len([item for item in film.images[0].labels if item.origin == "vinbigdata/R8"]) == 15


def test_boxes_of_readers_and_fused(raw: Path) -> None:
    boxes = [(box.annotator, box.x0, box.y0, box.x1, box.y1) for box in read(raw)[0]["aa"].images[0].boxes]
    assert boxes == [
        ("R10", 691, 1375, 1653, 1831),
        ("R9", 700, 1380, 1660, 1840),
        ("fusion", 695.5, 1377.5, 1656.5, 1835.5),
    ]


def test_films_of_the_test_are_told_once_or_read(raw: Path) -> None:
    studies, rejections = read(raw)
    assert set(studies) == {"aa", "bb"}
    assert [(Path(item.path).name, item.reason) for item in rejections] == [
        ("test", "films of the test without labels: 1; unlabelled=true reads them")
    ]
    studies, rejections = read(raw, unlabelled=True)
    assert (studies["cc"].split, studies["cc"].images[0].labels, rejections) == ("test", (), [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("aa,Cardiomegaly,3,R9,700.0,1380.0,1660.0,1840.0", "R9 has drawn this box of Cardiomegaly already"),
        ("aa,Cardiomegaly,3,R9,,,,", "R9 sees Cardiomegaly but the row has no box"),
        ("aa,No finding,14,R9,1,2,3,4", "a box of 'No finding' marks nothing"),
        ("aa,Lung opacity,7,R9,1,2,3,4", "did you mean 'Lung Opacity'?"),
        ("aa,ILD,5,R9,9,2,3,4", "is inverted or has no area"),
        (",ILD,5,R9,1,2,3,4", "names no image"),
    ],
)
def test_rows_that_cannot_be_used(raw: Path, row: str, reason: str) -> None:
    write(raw, *ROWS, row)
    rejection = read(raw)[1][0]
    assert rejection.path == "train.csv row 5"
    assert reason in rejection.reason


def test_published_lists_split_the_films(raw: Path) -> None:
    lists = raw / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("bb.png 0.0 0.0\n")
    (lists / "test.txt").write_text("dd.png 0.0 0.0\n")
    studies, rejections = read(raw, lists=lists)
    assert {key: study.split for key, study in studies.items()} == {"bb": "train"}
    reasons = [rejection.reason for rejection in rejections]
    assert "in a list of lists but not in train.csv" in reasons
    assert "1 films are in no list of lists and are left out" in reasons


def copies(raw: Path, size: tuple[int, int]) -> Path:
    """The films as PNG instead of DICOM."""
    for path in list(raw.rglob("*.dicom")):
        path.unlink()
    shade = np.linspace(0, 255, size[0] * size[1], dtype=np.uint8).reshape(size[1], size[0])
    for film in ("aa", "bb"):
        PillowImage.fromarray(shade).save(raw / "train" / f"{film}.png")
    return raw


def test_boxes_on_copies_want_the_size_of_the_original(raw: Path) -> None:
    studies, rejections = read(copies(raw, (64, 64)))
    assert studies["aa"].images[0].boxes == ()
    assert positives(studies["aa"], "vinbigdata/majority") == {"Cardiomegaly"}
    assert ["no train_meta.csv says how large" in item.reason for item in rejections] == [True]


def test_boxes_on_square_copies_of_an_oblong_film(raw: Path, tmp_path: Path) -> None:
    (raw / "train_meta.csv").write_text("image_id,dim0,dim1\naa,2048,4096\nbb,2048,2048\n")
    collection = prepare("vinbigdata", copies(raw, (64, 64)), tmp_path / "out", workers=1)
    box = collection.frame("boxes").set_index("annotator").loc["R9"]
    assert box[["x0", "x1"]].tolist() == pytest.approx([700 / 64, 1660 / 64])
    assert box[["y0", "y1"]].tolist() == pytest.approx([1380 / 32, 1840 / 32])


def test_copies_of_full_size_want_no_table(raw: Path) -> None:
    assert len(read(copies(raw, (64, 64)), full_size=True)[0]["aa"].images[0].boxes) == 3


def test_a_size_that_is_none(raw: Path) -> None:
    (raw / "train_meta.csv").write_text("image_id,dim0,dim1\naa,0,4096\n")
    assert read(raw)[1][0] == Rejection("train_meta.csv row 1", "size '0' x '4096' is none", "aa")


def test_a_folder_without_its_table(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no train\.csv in it"):
        read(tmp_path)


@pytest.mark.slow
def test_every_row_of_the_real_table(tmp_path: Path) -> None:
    """The table that torchxrayvision carries: 67,914 rows on 15,000 films, each of three readers."""
    table = real_table("vinbigdata-train.csv.gz")
    (tmp_path / "train.csv.gz").write_bytes(table.read_bytes())
    studies, rejections = read(tmp_path, tables_only=True)
    assert rejections == []
    assert len(studies) == 15_000
    drawn = Counter(
        box.name for study in studies.values() for box in study.images[0].boxes if box.annotator != "fusion"
    )
    with gzip.open(table, "rt") as stream:
        rows = Counter(row["class_name"] for row in csv.DictReader(stream))
    assert sum(rows.values()) == 67_914
    assert drawn + Counter({"No finding": rows["No finding"]}) == rows
    readers = {len({item.origin for item in study.images[0].labels}) for study in studies.values()}
    assert readers == {4}  # three and the majority


def real_table(name: str) -> Path:
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("the real tables are not here: torchxrayvision is not installed")
    return Path(found.origin).parent / "data" / name

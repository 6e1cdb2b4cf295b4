from __future__ import annotations

import importlib.util
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources import rsna
from plainfilm.types import Rejection, State, Study

LABELS = (
    "aa,264.0,152.0,213.0,379.0,1",
    "aa,562.0,152.0,256.0,453.0,1",
    "bb,,,,,0",
    "cc,,,,,0",
)
CLASSES = ("aa,Lung Opacity", "aa,Lung Opacity", "bb,No Lung Opacity / Not Normal", "cc,Normal")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Three films for training and one of the test."""
    write(tmp_path / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target", *LABELS)
    write(tmp_path / "stage_2_detailed_class_info.csv", "patientId,class", *CLASSES)
    for film in ("train_images/aa", "train_images/bb", "train_images/cc", "test_images/dd"):
        write(tmp_path / f"stage_2_{film}.dcm")
    return tmp_path


def write(path: Path, *rows: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*rows, ""]))


def add(path: Path, row: str) -> None:
    with path.open("a") as stream:
        stream.write(row + "\n")


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(rsna.read(raw, rsna.Config(**options)))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def states(study: Study) -> dict[str, State]:
    return {label.observation: label.state for label in study.images[0].labels}


def test_boxes_become_corners(raw: Path) -> None:
    image = read(raw)[0]["aa"].images[0]
    corners = [(box.x0, box.y0, box.x1, box.y1) for box in image.boxes]
    assert corners == [(264, 152, 477, 531), (562, 152, 818, 605)]
    assert (image.width, image.height) == (1024, 1024)


def test_a_target_is_pneumonia_and_the_classes_exclude_each_other(raw: Path) -> None:
    studies, _ = read(raw)
    yes, no = State.POSITIVE, State.NEGATIVE
    assert states(studies["aa"]) == {
        "Lung Opacity": yes,
        "No Lung Opacity / Not Normal": no,
        "Normal": no,
        "Pneumonia": yes,
    }
    assert states(studies["cc"])["Normal"] is yes
    assert states(studies["bb"])["Pneumonia"] is no


def test_without_the_class_table_targets_are_kept(raw: Path) -> None:
    (raw / "stage_2_detailed_class_info.csv").unlink()
    assert states(read(raw)[0]["bb"]) == {"Pneumonia": State.NEGATIVE}


def test_with_the_mapping_the_patient_is_that_of_nih14(raw: Path) -> None:
    entries = [
        {"subset_img_id": name, "img_id": f"00000013_00{place}.png"} for place, name in enumerate("ab")
    ]
    entries = [entry | {"subset_img_id": entry["subset_img_id"] * 2} for entry in entries]
    (raw / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(entries))
    studies, _ = read(raw)
    assert [studies[key].patient_id for key in ("aa", "bb", "cc")] == ["13", "13", "cc"]


def test_tables_and_films_in_their_zips(raw: Path, tmp_path: Path) -> None:
    for name in ("stage_2_train_labels.csv", "stage_2_train_images"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for path in [raw / name] if (raw / name).is_file() else sorted((raw / name).iterdir()):
                archive.write(path, path.name)
                path.unlink()
    studies, rejections = read(raw)
    assert set(studies) == {"aa", "bb", "cc"}
    assert len(rejections) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("aa,264.0,152.0,213.0,379.0,1", "its box stands there already"),
        ("aa,1,2,0,4,1", "has no area"),
        ("aa,1,2,x,4,1", "box (1, 2, x, 4) is not four numbers"),
        ("aa,,,,,1", "Target is 1 but the row has no box"),
        ("bb,1,2,3,4,0", "has a box, but its Target is not 1"),
        ("bb,,,,,2", "Target is '2': expected 1 or 0"),
        ("aa,,,,,0", "another row says otherwise; 1 is taken"),
        (",,,,,0", "names no film"),
    ],
)
def test_label_rows_that_cannot_be_used(raw: Path, row: str, reason: str) -> None:
    add(raw / "stage_2_train_labels.csv", row)
    studies, rejections = read(raw)
    assert rejections[0].path == "stage_2_train_labels.csv row 5"
    assert reason in rejections[0].reason
    assert states(studies["aa"])["Pneumonia"] is State.POSITIVE


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("zz,Normal", "zz is not in the label table"),
        ("cc,normal", "did you mean 'Normal'?"),
        ("cc,Lung Opacity", "but another row says 'Normal'"),
    ],
)
def test_class_rows_that_cannot_be_used(raw: Path, row: str, reason: str) -> None:
    add(raw / "stage_2_detailed_class_info.csv", row)
    assert reason in read(raw)[1][0].reason


def test_a_class_that_contradicts_the_target(raw: Path) -> None:
    write(raw / "stage_2_detailed_class_info.csv", "patientId,class", "aa,Normal")
    studies, rejections = read(raw)
    assert rejections[0].reason == "class 'Normal' does not go with Target 1"
    assert states(studies["aa"]) == {"Pneumonia": State.POSITIVE}


def test_films_on_one_side_only(raw: Path) -> None:
    (raw / "stage_2_train_images" / "bb.dcm").rename(raw / "stage_2_train_images" / "ee.dcm")
    studies, rejections = read(raw)
    assert "bb" not in studies
    assert [Path(item.path).name for item in rejections] == ["bb.dcm", "ee.dcm", "stage_2_test_images"]


def test_films_of_the_test_on_demand(raw: Path) -> None:
    assert read(raw, unlabelled=True)[0]["dd"].split == "test"


def test_a_folder_without_its_table(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no stage_2_train_labels\.csv in it"):
        read(tmp_path)


@pytest.mark.slow
def test_every_row_of_the_real_table(tmp_path: Path) -> None:
    """The table that torchxrayvision carries: 30,227 rows, 9,555 boxes on 6,012 of 26,684 films."""
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("the real tables are not here: torchxrayvision is not installed")
    table = Path(found.origin).parent / "data" / "kaggle_stage_2_train_labels.csv.zip"
    (tmp_path / "stage_2_train_labels.csv.zip").write_bytes(table.read_bytes())
    studies, rejections = read(tmp_path, tables_only=True, split="gloria")
    assert rejections == []
    assert Counter(states(study)["Pneumonia"] for study in studies.values()) == {
        State.POSITIVE: 6_012,
        State.NEGATIVE: 20_672,
    }
    assert sum(len(study.images[0].boxes) for study in studies.values()) == 9_555
    assert Counter(study.split for study in studies.values()) == {
        "train": 18_678,
        "validation": 4_003,
        "test": 4_003,
    }

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources import chex
from plainfilm.types import Rejection, State, Study, View


def write(path: Path, **columns: object) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([list(columns), list(columns.values())])


def read(raw: Path, **options: Any) -> tuple[list[Study], list[Rejection]]:
    items = list(chex.read(raw, chex.Config(**options)))
    studies = [item for item in items if isinstance(item, Study)]
    return studies, [item for item in items if isinstance(item, Rejection)]


MIMIC: dict[str, object] = {
    "dicom_id": "d1",
    "subject_id": 10000001,
    "study_id": 50000001,
    "H": 3056,
    "W": 2544,
    "view": "PA",
    "report_sentences": json.dumps(["No effusion.", "Heart is large."]),
    "cls/cxp/Edema": "-1.0",
    "anatbbox/left lung": "[10.0, 20.0, 300.0, 400.5]",
    "anatcls/cig/af/lung opacity/left lung": "1.0",
    "anatcls/cig/abnormal/left lung": "0.0",
    "anatphrases/left lung": json.dumps(["The left lung is clear."]),
    "clsbbox": json.dumps([[1, 2, 3, 4, "mscxr/Pneumonia"], [5, 6, 7, 8, "mscxr/Edema"]]),
    "clsbboxphrases": json.dumps(["a patch", ""]),
}


def test_a_row_of_mimic_cxr(tmp_path: Path) -> None:
    write(tmp_path / "mimic-cxr-frontal-report.val.csv", **MIMIC)
    [study], told = read(tmp_path, tables_only=True)
    [image] = study.images
    assert told == []
    assert (study.study_id, study.patient_id, study.split) == ("s50000001", "p10000001", "validation")
    assert (image.image_id, image.view, image.width, image.height) == ("d1", View.PA, 2544, 3056)
    assert image.path == tmp_path / "files/p10/p10000001/s50000001/d1.jpg"
    assert [(label.observation, label.state, label.origin) for label in image.labels] == [
        ("Edema", State.UNCERTAIN, "chex/cxp")
    ]
    assert study.report is not None
    assert study.report.text == "No effusion.\nHeart is large."


def test_boxes_of_regions_classes_and_phrases(tmp_path: Path) -> None:
    write(tmp_path / "mimic-cxr-x.val.csv", **MIMIC)
    [study], _ = read(tmp_path, tables_only=True)
    boxes = study.images[0].boxes
    assert [(box.name, box.kind, box.phrase, box.x1) for box in boxes] == [
        ("left lung", "region", None, 300),
        ("left lung", "phrase", "The left lung is clear.", 300),
        ("Pneumonia", "phrase", "a patch", 3),
        ("Edema", "observation", None, 7),
    ]
    assert [(label.observation, label.state, label.origin) for label in boxes[0].labels] == [
        ("lung opacity", State.POSITIVE, "imagenome/anatomicalfinding"),
        ("abnormal", State.NEGATIVE, "imagenome/nlp"),
    ]


def test_the_table_of_all_is_read_where_the_others_are_missing(tmp_path: Path) -> None:
    write(tmp_path / "mimic-cxr-x.all.csv", **MIMIC, split="validate")
    [study], _ = read(tmp_path, tables_only=True)
    assert study.split == "validation"
    write(tmp_path / "mimic-cxr-x.test.csv", **MIMIC)
    [study], _ = read(tmp_path, tables_only=True)
    assert study.split == "test"


def test_a_row_of_vindr_cxr(tmp_path: Path) -> None:
    write(
        tmp_path / "vindrcxr.train.csv",
        image_id="v1",
        **{
            "H": 3000,
            "W": 2500,
            "cls/vindrcxr/No finding": "0.0",
            "clsbbox": '[[1, 2, 3, 4, "vindrcxr/ILD"]]',
        },
    )
    [study], _ = read(tmp_path, tables_only=True)
    assert study.images[0].path == tmp_path / "images_png/v1.png"
    assert [(box.name, box.kind) for box in study.images[0].boxes] == [("ILD", "observation")]
    assert [(label.observation, label.origin) for label in study.images[0].labels] == [
        ("No finding", "chex/vindrcxr")
    ]


def test_lists_of_chest_xray14_have_corner_and_size(tmp_path: Path) -> None:
    write(
        tmp_path / "test_list_detection.csv",
        file_name="00000013_005.png",
        bboxes="[[60.5, 100.0, 20.0, 30.0, 'Nodule']]",
    )
    write(tmp_path / "train_list_detection.csv", file_name="00000014_000.png", labels="['Mass', 'Edema']")
    (test, train), _ = read(tmp_path, tables_only=True)
    [box] = test.images[0].boxes
    assert (box.name, box.x0, box.y0, box.x1, box.y1) == ("Nodule", 60.5, 100, 80.5, 130)
    assert (test.patient_id, test.split, test.images[0].width) == ("00000013", "test", 1024)
    assert [label.observation for label in train.images[0].labels] == ["Mass", "Edema"]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("clsbbox", "[[1, 2", "clsbbox: '[[1, 2' is not JSON"),
        ("clsbbox", "{}", "clsbbox: '{}' is no list"),
        ("anatbbox/left lung", "[1, 2]", "anatbbox/left lung: '[1, 2]' is no box"),
        ("cls/cxp/Edema", "3", "cls/cxp/Edema: '3': expected 1, 0, -1 or blank"),
        ("report_sentences", "Clear.", "report_sentences: 'Clear.' is not JSON"),
    ],
)
def test_cells_that_cannot_be_read_are_told(tmp_path: Path, column: str, cell: str, reason: str) -> None:
    write(tmp_path / "mimic-cxr-x.val.csv", **{**MIMIC, column: cell})
    studies, told = read(tmp_path, tables_only=True)
    assert len(studies) == 1
    assert [(item.path, item.reason) for item in told] == [("mimic-cxr-x.val.csv row 1", reason)]


def test_a_film_that_is_not_there_is_told(tmp_path: Path) -> None:
    write(tmp_path / "mimic-cxr-x.val.csv", **MIMIC)
    studies, told = read(tmp_path)
    assert studies == []
    assert "lists it, but it is not on disk" in told[0].reason


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a\n1\n")
    with pytest.raises(SourceError, match="no table NAME.train.csv"):
        read(tmp_path)

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources import shenzhen_tb
from plainfilm.types import Rejection, State, Study

READINGS = {
    "CHNCXR_0001_0": "male 45yrs\nnormal\n",
    "CHNCXR_0002_0": "female24yrs\nnormal",
    "CHNCXR_0003_0": "femal , 64days  \t\nnormale",
    "CHNCXR_0004_0": "male 16month\nnormal",
    "CHNCXR_0327_1": "Male 42\r\n1.secondary PTB  in the right upper field; 2.small tuberculoma\r\n",
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    root = tmp_path / "raw" / "ChinaSet_AllFiles"
    (root / "CXR_png").mkdir(parents=True)
    (root / "ClinicalReadings").mkdir()
    (root / "masks").mkdir()
    for name, text in READINGS.items():
        (root / "CXR_png" / f"{name}.png").write_bytes(b"not opened by a source")
        (root / "ClinicalReadings" / f"{name}.txt").write_text(text, newline="")
    (root / "masks" / "CHNCXR_0001_0_mask.png").write_bytes(b"a mask")
    return root.parent


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], dict[str, str]]:
    config = shenzhen_tb.Config(**options)
    items = list(shenzhen_tb.read(raw, config))
    for study in [item for item in items if isinstance(item, Study)]:
        items += shenzhen_tb.complete(study, config)
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, {Path(item.path).name: item.reason for item in items if isinstance(item, Rejection)}


def test_sex_and_age_however_they_are_typed(raw: Path) -> None:
    studies, _ = read(raw)
    assert [study.sex for study in studies.values()] == ["M", "F", "F", "M", "M"]
    ages = [study.age for study in studies.values()]
    assert ages == [45, 24, pytest.approx(64 / 365.2425), pytest.approx(16 / 12), 42]


def test_the_reading_is_an_impression(raw: Path) -> None:
    studies, _ = read(raw)
    report = studies["CHNCXR_0327_1"].report
    assert report is not None
    assert [(part.name, part.text) for part in report.sections or ()] == [
        ("impression", "1.secondary PTB  in the right upper field; 2.small tuberculoma")
    ]


def test_the_name_says_whether_there_is_tuberculosis(raw: Path) -> None:
    studies, _ = read(raw)
    assert studies["CHNCXR_0001_0"].labels[0].state is State.NEGATIVE
    assert studies["CHNCXR_0327_1"].labels[0].state is State.POSITIVE


def test_nobody_knows_which_films_are_of_one_patient(raw: Path) -> None:
    assert all(study.patient_id == study.study_id for study in read(raw)[0].values())


def test_masks_are_no_films(raw: Path) -> None:
    studies, told = read(raw)
    assert set(studies) == set(READINGS)
    assert told == {}


def test_a_film_or_a_reading_alone(raw: Path) -> None:
    (raw / "ChinaSet_AllFiles/CXR_png/CHNCXR_0001_0.png").unlink()
    (raw / "ChinaSet_AllFiles/ClinicalReadings/CHNCXR_0002_0.txt").unlink()
    studies, told = read(raw)
    assert studies["CHNCXR_0001_0"].images == ()
    assert studies["CHNCXR_0001_0"].report is not None
    assert studies["CHNCXR_0002_0"].report is None
    assert told == {"CHNCXR_0001_0.png": "there is a reading of it, but no film"}


def test_a_first_line_that_says_neither_sex_nor_age_is_told(raw: Path) -> None:
    (raw / "ChinaSet_AllFiles/ClinicalReadings/CHNCXR_0001_0.txt").write_text("??? 12345")
    studies, told = read(raw)
    assert studies["CHNCXR_0001_0"].age is None
    assert told == {"CHNCXR_0001_0.txt": "sex or age is not understood in '??? 12345'"}


def test_the_table_of_the_copy_on_kaggle(tmp_path: Path) -> None:
    (tmp_path / "images" / "images").mkdir(parents=True)
    (tmp_path / "images" / "images" / "CHNCXR_0001_0.png").write_bytes(b"")
    (tmp_path / "shenzhen_metadata.csv").write_text(
        "study_id,sex,age,findings\nCHNCXR_0001_0.png,Male,45,normal\n"
    )
    studies, told = read(tmp_path)
    study = studies["CHNCXR_0001_0"]
    assert (study.sex, study.age, study.report and study.report.text, told) == ("M", 45, "normal", {})


def test_a_row_of_the_table_that_names_no_film_is_told(raw: Path) -> None:
    (raw / "shenzhen_metadata.csv").write_text("study_id,sex,age,findings\nfilm 7,Male,45,normal\n")
    assert "shenzhen_metadata.csv row 1" in read(raw)[1]


def test_lists_choose_the_films_and_their_splits(raw: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("CHNCXR_0001_0.png 1 0\nCHNCXR_0327_1.png 1 0\n")
    (lists / "valid.txt").write_text("CHNCXR_0002_0.png 1 0\nCHNCXR_0999_1.png 0 1\n")
    studies, told = read(raw, splits=lists)
    assert {key: study.split for key, study in studies.items()} == {
        "CHNCXR_0001_0": "train",
        "CHNCXR_0002_0": "validation",
        "CHNCXR_0327_1": "train",
    }
    assert told["CHNCXR_0327_1.png"].startswith("train.txt line 2 and the name disagree")
    assert told["CHNCXR_0999_1.png"] == "valid.txt line 2 lists it, but it is not here"
    assert told["CHNCXR_0003_0.png"] == "in none of the lists of the option splits"


def test_a_zip_is_read_as_it_is(raw: Path) -> None:
    archive = Path(shutil.make_archive(str(raw), "zip", raw))
    inside, _ = read(archive)
    assert {key: replace(study, images=(), files=()) for key, study in inside.items()} == {
        key: replace(study, images=(), files=()) for key, study in read(raw)[0].items()
    }


def test_a_folder_without_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no film named CHNCXR_0001_0.png"):
        read(tmp_path)

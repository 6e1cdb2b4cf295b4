from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources import cxr_clip
from plainfilm.types import Rejection, State, Study, View

HEADER = ("", "image", "view", "AP", "PA", "Lateral", "text", "text_augment")
FOLDER = "files/p10/p10000001/s50000001"


def write(path: Path, header: tuple[str, ...], *rows: tuple[object, ...]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def read(raw: Path, **options: Any) -> tuple[list[Study], list[Rejection]]:
    items = list(cxr_clip.read(raw, cxr_clip.Config(**options)))
    studies = [item for item in items if isinstance(item, Study)]
    return studies, [item for item in items if isinstance(item, Rejection)]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A row as CXR-CLIP writes it for MIMIC-CXR: the lists of views are not in the order of the images."""
    (tmp_path / FOLDER).mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / FOLDER / f"{name}.jpg").write_bytes(b"not opened by a source")
    a, b = (f"{FOLDER}/{name}.jpg" for name in "ab")
    row = (0, [a, b], ["PA", "Lateral"], [], [b], [a], ["Small effusion.", "Effusion."], ["x", "y"])
    write(tmp_path / "train.csv", HEADER, row)
    return tmp_path


def test_views_come_from_the_columns_that_list_a_film(raw: Path) -> None:
    [study], told = read(raw)
    assert {image.image_id: image.view for image in study.images} == {"a": View.LATERAL, "b": View.PA}
    assert told == []


def test_ids_come_from_the_path_of_mimic(raw: Path) -> None:
    [study], _ = read(raw)
    assert (study.study_id, study.patient_id, study.split) == ("s50000001", "p10000001", "train")


def test_two_texts_are_findings_and_impression_and_one_is_unknown(raw: Path) -> None:
    write(raw / "valid.csv", ("image", "text"), ("x.jpg", ["Alone."]), ("y.jpg", "Plain."))
    studies, _ = read(raw, tables_only=True)
    sections = [
        [(part.name, part.text) for part in (study.report.sections or ())]
        for study in studies
        if study.report
    ]
    assert sections == [
        [("findings", "Small effusion."), ("impression", "Effusion.")],
        [("other", "Alone.")],
        [("other", "Plain.")],
    ]


def test_labels_are_a_triple_or_a_list_of_positives(tmp_path: Path) -> None:
    rows = [
        ("a.png", "[['Edema'], ['Mass'], ['Fracture']]"),
        ("b.png", "['Hernia']"),
        ("c.png", "Edema"),
        ("d.png", "[1, 2]"),
    ]
    write(tmp_path / "train.csv", ("image", "text_label"), *rows)
    studies, told = read(tmp_path, tables_only=True)
    assert [[(label.observation, label.state) for label in study.labels] for study in studies] == [
        [("Edema", State.POSITIVE), ("Mass", State.NEGATIVE), ("Fracture", State.UNCERTAIN)],
        [("Hernia", State.POSITIVE)],
        [],
        [],
    ]
    assert [item.reason for item in told] == [
        "text_label 'Edema' is no list of observations",
        "text_label '[1, 2]' is no list of observations",
    ]


def test_films_that_are_not_there_and_rows_without_any_are_told(raw: Path) -> None:
    write(raw / "test.csv", ("image", "text"), ("gone.jpg", "Text."), ("", "Text."))
    studies, told = read(raw)
    assert [item.reason for item in told] == [
        "test.csv row 1 lists it, but it is not on disk",
        "the row names no image",
    ]
    assert studies[0].images == ()


def test_rows_of_one_study_are_one_and_another_text_is_told(raw: Path) -> None:
    rows = [(f"{FOLDER}/a.jpg", "Clear."), (f"{FOLDER}/b.jpg", "Clear."), (f"{FOLDER}/b.jpg", "Effusion.")]
    write(raw / "train.csv", ("image", "text"), *rows)
    [study], told = read(raw)
    assert (len(study.images), study.report and study.report.text) == (3, "Clear.")
    assert [(item.path, item.reason) for item in told] == [
        ("train.csv row 3", "has another text than the first row of its study")
    ]


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none of train\.csv"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("names", "people"),
    [
        (
            [f"train/patient0000{n}/study1/view1_frontal.jpg" for n in (1, 2)],
            ["patient00001", "patient00002"],
        ),
        ([f"films/1.2.840.{n}" for n in (1, 2)], ["1.2.840.1", "1.2.840.2"]),
        ([f"site{n}/film.png" for n in (1, 2)], ["site1/film", "site2/film"]),
    ],
)
def test_films_of_one_name_are_of_their_own_patients(
    tmp_path: Path, names: list[str], people: list[str]
) -> None:
    write(tmp_path / "train.csv", ("image",), *(([name],) for name in names))
    studies, told = read(tmp_path, tables_only=True)
    assert [study.patient_id for study in studies] == people
    assert len({image.image_id for study in studies for image in study.images}) == 2
    assert told == []


def test_a_study_number_of_two_patients_is_not_one_study(tmp_path: Path) -> None:
    rows = ((["a.jpg"], "1", "ann"), (["b.jpg"], "1", "bob"))
    write(tmp_path / "train.csv", ("image", "study_id", "patient_id"), *rows)
    studies, _ = read(tmp_path, tables_only=True)
    assert [(study.patient_id, len(study.images)) for study in studies] == [("ann", 1), ("bob", 1)]

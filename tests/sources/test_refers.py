from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources import refers
from plainfilm.types import Rejection, State, Study


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[tuple[str, str]]]:
    items = list(refers.read(raw, refers.Config(**options)))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [(item.path, item.reason) for item in items if isinstance(item, Rejection)]


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not opened by a source")


def test_pretraining_takes_the_small_films_of_a_folder_and_its_report(tmp_path: Path) -> None:
    for name in ("a-small.jpg", "a.jpg", "b-small.jpg", "index.html"):
        touch(tmp_path / "files/p10/p10000001/s50000001" / name)
    touch(tmp_path / "files/p10/p10000001/s50000002/c.jpg")
    (tmp_path / "train_img_caption_patients.txt").write_text(
        "files/p10/p10000001/s50000001/\tNo effusion.\n\nfiles/p10/p10000001/s50000002\tClear.\n"
    )
    studies, told = read(tmp_path)
    assert {key: [image.image_id for image in study.images] for key, study in studies.items()} == {
        "s50000001": ["a", "b"],
        "s50000002": ["c"],
    }
    assert {(study.patient_id, study.split) for study in studies.values()} == {("p10000001", "train")}
    report = studies["s50000001"].report
    assert report is not None
    assert (report.text, told) == ("No effusion.", [])


def test_pretraining_tells_what_it_cannot_use(tmp_path: Path) -> None:
    touch(tmp_path / "p/s1/a.jpg")
    (tmp_path / "p/s2").mkdir()
    (tmp_path / "val_img_captions_patients.txt").write_text(
        "p/s1/\tOne.\np/s1/\tTwo.\np/s2/\tNo film.\np/s3/\n"
    )
    studies, told = read(tmp_path)
    assert studies["s1"].split == "validation"
    assert told == [
        ("val_img_captions_patients.txt line 2", "a second line of one study; the first is taken"),
        ("p/s2/", "val_img_captions_patients.txt line 3 names it, but it holds no film"),
        ("val_img_captions_patients.txt line 4", "is not a folder, a tab and a report"),
    ]


def test_finetuning_with_the_columns_that_refers_publishes(tmp_path: Path) -> None:
    touch(tmp_path / "images_001" / "00000001_000.png")
    (tmp_path / "test.txt").write_text("images_001/00000001_000.png 0 1 0 0 0 0 0 0 0 0 0 0 0 0\n")
    studies, _ = read(tmp_path, labels="nih14")
    [study] = studies.values()
    positive = [label.observation for label in study.images[0].labels if label.state is State.POSITIVE]
    assert (positive, len(study.images[0].labels), study.split) == (["Cardiomegaly"], 14, "test")
    assert study.patient_id == study.study_id


def test_of_two_columns_the_second_is_what_is_asked(tmp_path: Path) -> None:
    touch(tmp_path / "CHNCXR_0327_1.png")
    (tmp_path / "valid.txt").write_bytes(b"CHNCXR_0327_1.png 0 1\r\n")
    studies, _ = read(tmp_path, labels="shenzhen_tb")
    labels = studies["CHNCXR_0327_1"].images[0].labels
    assert [(label.observation, label.state) for label in labels] == [("Tuberculosis", State.POSITIVE)]


def test_finetuning_tells_what_it_cannot_use(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        touch(tmp_path / name)
    (tmp_path / "train.txt").write_text("a.png 1\nb.png 1 0\nc.png 2\ngone.png 0\na.png 0\n")
    studies, told = read(tmp_path, labels="Edema")
    assert list(studies) == ["a"]
    assert told == [
        ("a.png", "train.txt line 5 lists it again; train.txt line 1 is taken"),
        ("b.png", "train.txt line 2 has 2 numbers; expected 1, each 0 or 1"),
        ("c.png", "train.txt line 3 has 1 numbers; expected 1, each 0 or 1"),
        ("gone.png", "train.txt line 4 lists it, but it is not on disk"),
    ]


def test_columns_must_have_names(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.png 1\n")
    with pytest.raises(SourceError, match=r"what are the columns\? Say labels=NAME"):
        read(tmp_path)


def test_chexperts_folders_are_of_several_patients(tmp_path: Path) -> None:
    folders = [f"train/patient0000{number}/study1" for number in (1, 2)]
    for folder in folders:
        touch(tmp_path / folder / "view1_frontal.jpg")
    lines = "".join(f"{folder}/\tClear.\n" for folder in folders)
    (tmp_path / "train_img_caption_patients.txt").write_text(lines)
    studies, told = read(tmp_path)
    assert [(study.patient_id, study.images[0].image_id) for study in studies.values()] == [
        (f"patient0000{number}", f"patient0000{number}_study1_view1_frontal") for number in (1, 2)
    ]
    assert told == []


def test_ids_by_path_need_folders(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.jpg 1\nb.jpg 0\n")
    with pytest.raises(SourceError, match=r"option ids=path fits 0 of 2 rows, and not 'a\.jpg'"):
        read(tmp_path, labels="Edema", ids="path", tables_only=True)

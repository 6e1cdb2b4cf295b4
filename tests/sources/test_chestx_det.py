from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.sources import chestx_det
from plainfilm.types import Rejection, State, Study

ENTRY: dict[str, Any] = {
    "file_name": "36346.png",
    "syms": ["Effusion", "Pleural Thickening"],
    "boxes": [[90, 668, 217, 788], [133.5, 411, 329, 683]],
    "polygons": [[[90, 668], [217, 788], [90, 788]], [[133, 411], [329, 683], [133, 683]]],
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A training film with two boxes, and a film of the test without any."""
    write(tmp_path, "ChestX_Det_train.json", ENTRY)
    write(tmp_path, "ChestX_Det_test.json", ENTRY | {"file_name": "36199.png", "syms": [], "boxes": []})
    for place in ("train/36346.png", "test/36199.png"):
        film = tmp_path / place
        film.parent.mkdir()
        film.write_bytes(b"not opened by a source")
    return tmp_path


def write(raw: Path, name: str, *entries: object) -> None:
    (raw / name).write_text(json.dumps(entries))


def read(raw: Path, **options: Any) -> tuple[list[Study], list[Rejection]]:
    items = list(chestx_det.read(raw, chestx_det.Config(**options)))
    return [one for one in items if isinstance(one, Study)], [
        one for one in items if isinstance(one, Rejection)
    ]


def test_films_splits_and_boxes(raw: Path) -> None:
    studies, told = read(raw)
    assert told == []
    assert [(one.study_id, one.split) for one in studies] == [("36346", "train"), ("36199", "test")]
    boxes = studies[0].images[0].boxes
    assert [(box.name, box.kind, box.x0, box.y0, box.x1, box.y1) for box in boxes] == [
        ("Effusion", "observation", 90, 668, 217, 788),
        ("Pleural_Thickening", "observation", 133.5, 411, 329, 683),
    ]


def test_each_category_is_positive_or_negative(raw: Path) -> None:
    marked, empty = (study.images[0].labels for study in read(raw)[0])
    assert len(marked) == len(empty) == 13
    assert {label.observation for label in marked if label.state} == {"Effusion", "Pleural_Thickening"}
    assert all(label.state is State.NEGATIVE for label in empty)


def test_the_patient_is_known_by_a_name_of_chestx_ray14_only(raw: Path) -> None:
    write(raw, "ChestX_Det_train.json", ENTRY | {"file_name": "00000042_006.png"})
    (raw / "train" / "00000042_006.png").write_bytes(b"")
    assert [one.patient_id for one in read(raw)[0]] == ["42", "chestx_det_36199"]
    assert chestx_det.CORPUS == "nih14"


def test_chestx_det10_has_ten_categories(raw: Path) -> None:
    for split in ("train", "test"):
        (raw / f"ChestX_Det_{split}.json").rename(raw / f"{split}.json")
    studies, told = read(raw)
    assert len(studies[0].images[0].labels) == 10
    assert ["'Pleural Thickening' is none of its 10" in one.reason for one in told] == [True]


def test_films_of_one_name_in_both_splits_and_in_zips(raw: Path) -> None:
    write(raw, "ChestX_Det_test.json", ENTRY)
    (raw / "train" / "36346.png").unlink()
    for split in ("train", "test"):
        with zipfile.ZipFile(raw / f"{split}_data.zip", "w") as archive:
            archive.writestr(f"{split}/36346.png", b"")
    studies, _ = read(raw)
    assert [one.study_id for one in studies] == ["36346", "test_36346"]
    assert [f"{one.split}_data.zip" in str(one.images[0].path) for one in studies] == [True, True]


def test_lists_in_an_archive(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    packed = tmp_path_factory.mktemp("packed") / "chestx.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(raw.rglob("*.*")):
            archive.write(path, path.relative_to(raw))
    assert [one.study_id for one in read(packed)[0]] == ["36346", "36199"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file_name": None}, "has no file_name"),
        ({"file_name": "1.png"}, "not on disk"),
        ({"syms": ["Effusion"]}, "no lists of one length"),
        ({"syms": ["Effusion", "Pneumonia"]}, "category 'Pneumonia' is none of its 13"),
        ({"boxes": [[1, 2, 3], [1, 2, 3, 4]]}, "is not four numbers"),
        ({"boxes": [[9, 2, 3, 4], [1, 2, 3, 4]]}, "is inverted or has no area"),
        ({"boxes": [[1, 2, True, 4], [1, 2, 3, 4]]}, "is not four numbers"),
    ],
)
def test_what_cannot_be_used_is_told(raw: Path, change: dict[str, Any], words: str) -> None:
    write(raw, "ChestX_Det_train.json", ENTRY | change, "no film")
    assert any(words in one.reason for one in read(raw)[1])


def test_a_film_that_is_listed_twice(raw: Path) -> None:
    write(raw, "ChestX_Det_train.json", ENTRY, ENTRY)
    studies, told = read(raw)
    assert len(studies) == 2
    assert ["lists '36346.png' again" in one.reason for one in told] == [True]


def test_no_list_and_a_list_that_is_none(raw: Path, tmp_path: Path) -> None:
    (raw / "ChestX_Det_train.json").write_text("{}")
    with pytest.raises(DataError, match="expected a list of films"):
        read(raw)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"no ChestX_Det_train\.json"):
        read(tmp_path / "empty")

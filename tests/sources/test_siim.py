from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plainfilm.errors import SourceError
from plainfilm.phantom.dicom_files import write_dicom
from plainfilm.sources import siim
from plainfilm.types import Rejection, State, Study, View

# Rows 3 to 5 of columns 2 and 3: 2 * 1024 + 3 pixels, three marked, 1021 on, three marked.
MASK = "2051 3 1021 3"
ROWS = (f"1.2.1, {MASK}", "1.2.1, 102400 10", "1.2.2, -1")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two films for training in folders of their own, and one of the test."""
    write(tmp_path, *ROWS)
    for part, film in (("train", "1.2.1"), ("train", "1.2.2"), ("test", "1.2.3")):
        folder = tmp_path / "siim" / f"dicom-images-{part}" / f"9.{film}" / f"8.{film}"
        folder.mkdir(parents=True)
        (folder / f"{film}.dcm").write_bytes(b"")
    return tmp_path


def write(root: Path, *rows: str, name: str = "train-rle.csv") -> None:
    (root / name).write_text("\n".join(["ImageId, EncodedPixels", *rows, ""]))


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(siim.read(raw, siim.Config(**options)))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def boxes(study: Study) -> list[tuple[float, ...]]:
    return [(box.x0, box.y0, box.x1, box.y1) for box in study.images[0].boxes]


def state(study: Study) -> State | None:
    return next((label.state for label in study.images[0].labels), None)


def test_a_box_for_each_part_of_all_masks(raw: Path) -> None:
    film = read(raw)[0]["1.2.1"]
    assert boxes(film) == [(2, 3, 4, 6), (100, 0, 101, 10)]
    assert state(film) is State.POSITIVE
    assert (film.images[0].width, film.images[0].height) == (1024, 1024)


def test_minus_one_is_no_pneumothorax(raw: Path) -> None:
    film = read(raw)[0]["1.2.2"]
    assert (boxes(film), state(film)) == ([], State.NEGATIVE)


def test_small_parts_on_demand(raw: Path) -> None:
    assert boxes(read(raw, smallest=2)[0]["1.2.1"]) == [(2, 3, 4, 6)]


def test_the_newer_table_is_read_where_both_are(raw: Path) -> None:
    write(raw, "1.2.1,-1", "1.2.2,-1", name="stage_2_train.csv")
    assert state(read(raw)[0]["1.2.1"]) is State.NEGATIVE


@pytest.mark.parametrize(
    ("row", "reason", "kept"),
    [
        (f"1.2.1, {MASK}", "the mask of train-rle.csv row 1 again", State.POSITIVE),
        ("1.2.1, -1", "-1 after a mask of the same film", State.POSITIVE),
        ("1.2.2, 5 5", "a mask after train-rle.csv row 3 says -1; the mask is taken", State.POSITIVE),
        ("1.2.2, 1 2 3", "the mask has 3 numbers", State.NEGATIVE),
        ("1.2.2, 1048570 9", "beyond the 1048576 of 1024 x 1024", State.NEGATIVE),
        ("1.2.2, 5 0", "the mask marks nothing", State.NEGATIVE),
        ("1.2.2,", "has no mask; -1 stands for none", State.NEGATIVE),
    ],
)
def test_rows_that_cannot_be_used(raw: Path, row: str, reason: str, kept: State) -> None:
    write(raw, *ROWS, row)
    studies, rejections = read(raw)
    assert rejections[0].path == "train-rle.csv row 4"
    assert reason in rejections[0].reason
    assert state(studies[row.partition(",")[0]]) is kept


def test_a_film_with_no_row_that_can_be_read_has_no_label(raw: Path) -> None:
    write(raw, "1.2.1, 7", "1.2.2, -1")
    assert state(read(raw)[0]["1.2.1"]) is None


def test_films_on_one_side_only(raw: Path) -> None:
    write(raw, "1.2.1, -1", "1.2.9, -1")
    _, rejections = read(raw)
    assert [Path(item.path).name for item in rejections] == ["1.2.9.dcm", "1.2.2.dcm", "siim"]


def test_films_of_the_test_on_demand(raw: Path) -> None:
    film = read(raw, unlabelled=True)[0]["1.2.3"]
    assert (film.split, state(film)) == ("test", None)


def test_patient_view_age_and_sex_of_the_header(raw: Path) -> None:
    path = next(raw.rglob("1.2.1.dcm"))
    header = {"PatientID": "p9", "PatientSex": "F", "PatientAge": "044Y", "ViewPosition": "PA"}
    write_dicom(path, np.tile(np.arange(32, dtype=np.uint8), (32, 1)), attributes=header)
    (study,) = siim.complete(read(raw)[0]["1.2.1"], siim.Config())
    assert isinstance(study, Study)
    assert (study.patient_id, study.sex, study.age, study.images[0].view) == ("p9", "F", 44, View.PA)


def test_a_patient_that_the_mapping_knows_is_that_of_nih14(raw: Path) -> None:
    entry = {"SOPInstanceUID": "1.2.1", "img_id": "00000013_005.png"}
    (raw / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps([entry]))
    studies, _ = read(raw)
    assert [studies[key].patient_id for key in ("1.2.1", "1.2.2")] == ["13", "1.2.2"]


def test_the_split_of_gloria_has_each_film_on_one_side(raw: Path) -> None:
    """Its rows are split; here a film with rows in training and elsewhere is for training."""
    model_selection = pytest.importorskip("sklearn.model_selection")
    films = [f"1.{number // 2}" for number in range(40)]
    write(raw, *(f"{film}, {5 * place} 2" for place, film in enumerate(films)))
    rows = list(range(40))
    train, rest = model_selection.train_test_split(rows, test_size=0.3, random_state=0)
    test, validation = model_selection.train_test_split(rest, test_size=0.5, random_state=0)
    expected = {films[row]: "test" for row in test}
    expected |= {films[row]: "validation" for row in validation}
    expected |= {films[row]: "train" for row in train}
    studies, _ = read(raw, split="gloria", tables_only=True)
    assert {key: study.split for key, study in studies.items()} == expected


def test_a_folder_without_its_table(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no stage_2_train\.csv or train-rle\.csv"):
        read(tmp_path)


@pytest.mark.slow
def test_every_row_of_the_real_table(tmp_path: Path) -> None:
    """The table that torchxrayvision carries: 12,954 rows, 2,669 of 12,047 films with 3,576 masks."""
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("the real tables are not here: torchxrayvision is not installed")
    table = Path(found.origin).parent / "data" / "siim-pneumothorax-train-rle.csv.gz"
    (tmp_path / "train-rle.csv.gz").write_bytes(table.read_bytes())
    studies, rejections = read(tmp_path, tables_only=True)
    assert rejections == []
    assert Counter(state(study) for study in studies.values()) == {
        State.POSITIVE: 2_669,
        State.NEGATIVE: 9_378,
    }
    assert all(bool(boxes(study)) == (state(study) is State.POSITIVE) for study in studies.values())

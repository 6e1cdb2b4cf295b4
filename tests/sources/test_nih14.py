from __future__ import annotations

import importlib.util
import shutil
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from sklearn.model_selection import train_test_split

from plainfilm.config import build
from plainfilm.errors import ConfigError, SourceError
from plainfilm.sources import nih14
from plainfilm.types import Box, Image, Rejection, State, Study, View

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
ROWS = (
    "00000001_000.png,Cardiomegaly|Effusion,0,1,57,M,PA,2048,2048,0.168,0.168,",
    "00000001_001.png,No Finding,1,1,058Y,M,AP,2682,2749,0.143,0.143,",
    "00000002_000.png,Infiltration,0,2,80,F,PA,2500,2048,0.171,0.171,",
    "00000003_000.png,No Finding,0,3,63,F,AP,2500,2048,0.168,0.168,",
)
BOXES = ("Image Index,Finding Label,Bbox [x,y,w,h],,,", "00000002_000.png,Infiltrate,100.5,200,300,400,,,")


def table(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*rows, ""]))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Four films of three patients, the third for testing, in two of the folders of the download."""
    table(tmp_path / "Data_Entry_2017_v2020.csv", HEADER, *ROWS)
    table(tmp_path / "BBox_List_2017.csv", *BOXES)
    table(tmp_path / "train_val_list.txt", *(row[:16] for row in ROWS[:3]))
    table(tmp_path / "test_list.txt", ROWS[3][:16])
    for number, row in enumerate(ROWS):
        table(tmp_path / f"images_{number // 2 + 1:03d}/images/{row[:16]}", "not opened by a source")
    return tmp_path


def read(raw: Path, **options: object) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(nih14.read(raw, nih14.Config(**options)))  # type: ignore[arg-type]
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def positive(image: Image) -> list[str]:
    return [label.observation for label in image.labels if label.state is State.POSITIVE]


def test_every_film_is_a_study(raw: Path) -> None:
    studies, rejections = read(raw, validation=0)
    assert rejections == []
    assert list(studies) == ["00000001_000", "00000001_001", "00000002_000", "00000003_000"]
    second = studies["00000001_001"]
    assert (second.patient_id, second.order, second.age, second.sex) == ("1", 1.0, 58.0, "M")
    assert second.images[0].view is View.AP
    assert second.images[0].path == raw / "images_001/images/00000001_001.png"
    assert [study.split for study in studies.values()] == ["train", "train", "train", "test"]


def test_a_finding_that_is_not_named_is_negative(raw: Path) -> None:
    studies, _ = read(raw)
    first = studies["00000001_000"].images[0]
    assert positive(first) == ["Cardiomegaly", "Effusion"]
    assert len(first.labels) == 15
    assert {label.origin for label in first.labels} == {"nih14"}
    assert positive(studies["00000001_001"].images[0]) == ["No Finding"]


def test_boxes_are_in_pixels_of_1024_and_keep_their_names(raw: Path) -> None:
    image = read(raw)[0]["00000002_000"].images[0]
    assert image.boxes == (Box("Infiltrate", "observation", 100.5, 200.0, 400.5, 600.0),)
    assert (image.width, image.height) == (1024, 1024)


def test_spacing_is_that_of_the_published_film_where_its_pixels_are_square(raw: Path) -> None:
    studies, _ = read(raw)
    assert studies["00000001_000"].images[0].spacing_mm == pytest.approx(0.336)
    assert studies["00000002_000"].images[0].spacing_mm is None


def test_validation_is_a_share_of_the_patients_that_are_not_for_testing(tmp_path: Path) -> None:
    names = [f"{number:08d}_{follow:03d}.png" for number in range(400) for follow in (0, 1)]
    rows = [f"{name},No Finding,{int(name[9:12])},{int(name[:8])}" for name in names]
    table(tmp_path / "Data_Entry_2017.csv", "Image Index,Finding Labels,Follow-up #,Patient ID", *rows)
    table(tmp_path / "train_val_list.txt", *names[:600])
    table(tmp_path / "test_list.txt", *names[600:])
    studies, rejections = read(tmp_path, tables_only=True)
    splits = {(study.patient_id, study.split) for study in studies.values()}
    assert rejections == []
    assert len(splits) == 400
    count = Counter(split for _, split in splits)
    assert count["test"] == 100
    assert 15 <= count["validation"] <= 45

    published, _ = read(tmp_path, tables_only=True, splits="cxr_clip")
    held = {study.patient_id for study in published.values() if study.split == "validation"}
    assert held == set(
        train_test_split([str(number) for number in range(300)], test_size=0.2, random_state=0)[1]
    )


def test_chex_halves_the_patients_that_have_boxes(tmp_path: Path) -> None:
    names = [f"{number:08d}_{follow:03d}.png" for number in range(20) for follow in (0, 1)]
    rows = [f"{name},Mass,{int(name[9:12])},{int(name[:8])}" for name in names]
    table(tmp_path / "Data_Entry_2017.csv", "Image Index,Finding Labels,Follow-up #,Patient ID", *rows)
    boxes = [f"{name},Mass,1,1,5,5,,," for name in names[:20] if name.endswith("_000.png")]
    table(tmp_path / "BBox_List_2017.csv", BOXES[0], *boxes)
    studies, rejections = read(tmp_path, tables_only=True, splits="chex")
    assert Counter(study.split for study in studies.values()) == {"train": 20, "validation": 5, "test": 5}
    assert len(rejections) == 10
    assert all("has no boxes" in item.reason for item in rejections)


def test_lists_of_files_give_the_split(raw: Path) -> None:
    table(raw / "refers/train.txt", "images_001/00000001_000.png 0 1 0", "images_001/00000001_001.png 0 0 0")
    table(raw / "refers/test.txt", "images_002/00000003_000.png 0 0 0", "images_002/00000009_000.png 1 0 0")
    studies, rejections = read(
        raw, lists={"train": raw / "refers/train.txt", "test": raw / "refers/test.txt"}
    )
    assert {key: study.split for key, study in studies.items()} == {
        "00000001_000": "train",
        "00000001_001": "train",
        "00000003_000": "test",
    }
    assert {item.reason for item in rejections} == {
        "1 of the names in it are not in the table of films",
        "is on none of the lists train.txt, test.txt",
    }


def test_a_list_of_which_no_name_is_a_film_is_an_error(raw: Path) -> None:
    table(raw / "refers/train.txt", "images_001/00000001_000.png", "images_001/00000001_001.png")
    table(raw / "refers/test.txt", "other/1.png", "other/2.png")
    lists = {"train": raw / "refers/train.txt", "test": raw / "refers/test.txt"}
    with pytest.raises(SourceError, match=r"option lists.test fits 0 of 2 rows, and not '1.png'"):
        read(raw, lists=lists)


def test_a_list_of_an_unknown_split_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown split 'fold1'"):
        build(nih14.Config, {"lists": {"fold1": "a.txt"}}, "options")


def test_without_lists_the_split_is_left_open(raw: Path) -> None:
    for name in ("train_val_list.txt", "test_list.txt"):
        (raw / name).unlink()
    assert {study.split for study in read(raw)[0].values()} == {None}
    with pytest.raises(SourceError, match=r"train_val_list.txt is not there"):
        read(raw, splits="cxr_clip")


def test_one_list_of_two_is_refused(raw: Path) -> None:
    (raw / "test_list.txt").unlink()
    with pytest.raises(SourceError, match=r"test_list.txt is not there"):
        read(raw)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("00000004_000.png,Mass,0,4,411,F,PA,,,,,", "Patient Age '411'"),
        ("00000004_000.png,Mass,0,4,40,Q,PA,,,,,", "Patient Gender 'Q'"),
        ("00000004_000.png,Mass,first,4,40,F,PA,,,,,", "Follow-up # 'first'"),
        ("00000004_000.png,Mass|Infiltrate,0,4,40,F,PA,,,,,", "did you mean 'Infiltration'"),
        ("00000004_000.png,Mass|No Finding,0,4,40,F,PA,,,,,", "the findings are kept"),
        ("00000004_000.png,,0,4,40,F,PA,,,,,", "Finding Labels is blank"),
        ("00000001_000.png,Mass,0,4,40,F,PA,,,,,", "listed for the second time"),
        ("00000004_000.png,Mass,0,,40,F,PA,,,,,", "has no name or patient"),
        ("00000004_000.png,Mass", "has 2 cells, the header 12"),
    ],
)
def test_a_bad_row_is_told_with_its_place(raw: Path, row: str, reason: str) -> None:
    table(raw / "Data_Entry_2017_v2020.csv", HEADER, *ROWS, row)
    table(raw / "train_val_list.txt", *(line[:16] for line in (*ROWS[:3], "00000004_000.png")))
    rejections = [item for item in read(raw, tables_only=True)[1] if not item.path.endswith(".txt")]
    assert [item.path for item in rejections] == ["Data_Entry_2017_v2020.csv row 5"]
    assert reason in rejections[0].reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("00000009_000.png,Mass,1,2,3,4,,,", "does not list"),
        ("00000001_000.png,Masses,1,2,3,4,,,", "none of the findings"),
        ("00000001_000.png,Mass,1,two,3,4,,,", "box (1, two, 3, 4) is not four numbers"),
    ],
)
def test_a_bad_box_is_told_with_its_place(raw: Path, row: str, reason: str) -> None:
    table(raw / "BBox_List_2017.csv", *BOXES, row)
    _, rejections = read(raw)
    assert [item.path for item in rejections] == ["BBox_List_2017.csv row 2"]
    assert reason in rejections[0].reason


def test_a_film_on_one_side_only_or_twice_is_rejected(raw: Path) -> None:
    (raw / "images_001/images/00000001_000.png").unlink()
    table(raw / "images/00000002_000.png", "a copy")
    table(raw / "images/00000008_000.png", "a stray")
    _, rejections = read(raw)
    assert sorted((Path(item.path).name, item.reason.split()[0]) for item in rejections) == [
        ("00000001_000.png", "listed"),
        ("00000002_000.png", "a"),
        ("00000008_000.png", "on"),
    ]


def test_films_may_be_in_archives(raw: Path) -> None:
    with zipfile.ZipFile(raw / "images_001.zip", "w") as writer:
        for path in sorted((raw / "images_001").rglob("*.png")):
            writer.write(path, path.relative_to(raw))
    with tarfile.open(raw / "images_002.tar", "w") as writer:
        writer.add(raw / "images_002/images", "images")
    for folder in ("images_001", "images_002"):
        shutil.rmtree(raw / folder)
    studies, rejections = read(raw)
    assert (len(studies), rejections) == (4, [])


def test_compressed_archives_are_to_be_unpacked(raw: Path) -> None:
    for folder in ("images_001", "images_002"):
        shutil.rmtree(raw / folder)
        (raw / f"{folder}.tar.gz").write_bytes(b"packed")
    with pytest.raises(SourceError, match=r"images_001.tar.gz: .* unpack it"):
        read(raw)
    assert len(read(raw, tables_only=True)[0]) == 4


def test_a_folder_without_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no Data_Entry_2017_v2020.csv"):
        read(tmp_path)


@pytest.mark.slow
def test_the_published_tables_are_accounted_for(tmp_path: Path) -> None:
    """Counts of the data set's own page: 112,120 films of 30,805 patients, 984 boxes on 880 films."""
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("torchxrayvision, which ships the tables, is not installed")
    for name in ("Data_Entry_2017_v2020.csv.gz", "BBox_List_2017.csv.gz"):
        shutil.copy(Path(found.origin).parent / "data" / name, tmp_path / name)
    studies, rejections = read(tmp_path, tables_only=True)
    images = [image for study in studies.values() for image in study.images]
    assert rejections == []
    assert (len(images), len({study.patient_id for study in studies.values()})) == (112_120, 30_805)
    assert Counter(name for image in images for name in positive(image))["Hernia"] == 227
    boxed = [image for image in images if image.boxes]
    assert (len(boxed), sum(len(image.boxes) for image in boxed)) == (880, 984)
    assert all(
        box.name.replace("Infiltrate", "Infiltration") in positive(image)
        for image in boxed
        for box in image.boxes
    )

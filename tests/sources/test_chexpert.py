from __future__ import annotations

import importlib.util
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.sources import chexpert
from plainfilm.types import Label, Rejection, State, Study, View

HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,"
    "Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,"
    "Fracture,Support Devices"
)
LABELS = ",,,-1.0,,1.0,,,,,0.0,,,,"
TRAIN = "CheXpert-v1.0-small/train"


def film(root: Path, place: str) -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_bytes(b"not opened by a source")


def table(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return path


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two patients for training, one for validation, in the small copy as it unpacks."""
    one, two = f"{TRAIN}/patient00001/study1", f"{TRAIN}/patient00001/study2"
    three = f"{TRAIN}/patient00002/study1"
    valid = "CheXpert-v1.0-small/valid/patient64541/study1"
    table(
        tmp_path / "CheXpert-v1.0-small/train.csv",
        HEADER,
        f"{one}/view1_frontal.jpg,Female,68,Frontal,AP{LABELS}",
        f"{one}/view2_lateral.jpg,Female,68,Lateral,{LABELS}",
        f"{two}/view1_frontal.jpg,Female,69,Frontal,PA,1.0{',' * 13}",
        f"{three}/view1_frontal.jpg,Unknown,41,Frontal,LL{',' * 14}",
    )
    table(
        tmp_path / "CheXpert-v1.0-small/valid.csv",
        HEADER,
        f"{valid}/view1_frontal.jpg,Male,90,Frontal,AP{',0.0' * 13},1.0",
    )
    for place in ("view1_frontal", "view2_lateral"):
        film(tmp_path, f"{one}/{place}.jpg")
    for study in (two, three, valid):
        film(tmp_path, f"{study}/view1_frontal.jpg")
    return tmp_path


def read(raw: Path, **options: object) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(chexpert.read(raw, chexpert.Config(**options)))  # type: ignore[arg-type]
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def add_row(raw: Path, row: str, name: str = "train") -> None:
    path = raw / f"CheXpert-v1.0-small/{name}.csv"
    path.write_text(path.read_text() + row + "\n")


def test_studies_have_films_views_people_order_and_splits(raw: Path) -> None:
    studies, rejections = read(raw)
    assert rejections == []
    assert list(studies) == [
        "patient00001_study1",
        "patient00001_study2",
        "patient00002_study1",
        "patient64541_study1",
    ]
    first = studies["patient00001_study1"]
    assert [(image.image_id, image.view) for image in first.images] == [
        ("patient00001_study1_view1_frontal", View.AP),
        ("patient00001_study1_view2_lateral", View.LATERAL),
    ]
    assert (first.patient_id, first.split, first.order) == ("patient00001", "train", 1.0)
    assert (first.age, first.sex, first.report) == (68.0, "F", None)
    assert studies["patient64541_study1"].split == "validation"


def test_labels_belong_to_the_study_and_name_their_table(raw: Path) -> None:
    studies, _ = read(raw)
    assert studies["patient00001_study1"].labels == (
        Label("Cardiomegaly", State.UNCERTAIN, "chexpert/train"),
        Label("Lung Lesion", State.POSITIVE, "chexpert/train"),
        Label("Pneumothorax", State.NEGATIVE, "chexpert/train"),
    )
    assert len(studies["patient64541_study1"].labels) == 14
    assert studies["patient00002_study1"].labels == ()


def test_a_frontal_film_called_lateral_has_an_unknown_view_and_an_unknown_sex_is_none(raw: Path) -> None:
    study = read(raw)[0]["patient00002_study1"]
    assert (study.images[0].view, study.sex) == (View.UNKNOWN, None)


@pytest.mark.parametrize("level", [".", "CheXpert-v1.0-small"])
def test_the_folder_may_be_given_at_any_level(raw: Path, level: str) -> None:
    studies, rejections = read(raw / level)
    assert (len(studies), rejections) == (4, [])


def test_films_may_be_in_an_archive(raw: Path) -> None:
    archive = raw / "archive.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for path in sorted((raw / "CheXpert-v1.0-small").rglob("*.*")):
            writer.write(path, path.relative_to(raw))
    shutil.rmtree(raw / "CheXpert-v1.0-small")
    studies, rejections = read(archive)
    assert (len(studies), rejections) == (4, [])
    assert studies["patient64541_study1"].images[0].path.is_relative_to(archive)


def test_the_batches_of_the_large_release_are_found(raw: Path) -> None:
    small = raw / "CheXpert-v1.0-small"
    batch = raw / "CheXpert-v1.0 batch 1 (validate & csv)"
    small.rename(batch)
    (batch / "train").rename(raw / "CheXpert-v1.0 batch 2 (train 1)")
    studies, rejections = read(raw)
    assert (len(studies), rejections) == (4, [])


def test_a_film_on_one_side_only_is_rejected(raw: Path) -> None:
    (raw / TRAIN / "patient00001/study2/view1_frontal.jpg").unlink()
    film(raw, f"{TRAIN}/patient00009/study1/view1_frontal.jpg")
    film(raw, f"{TRAIN}/cover.jpg")
    studies, rejections = read(raw)
    assert {Path(item.path).name: item.reason.partition(",")[0] for item in rejections} == {
        "cover.jpg": "is not named patientN/studyN/viewN_frontal or _lateral",
        "view1_frontal.jpg": "on disk but not in the tables",
    }
    assert any("not on disk" in item.reason for item in rejections)
    assert studies["patient00001_study2"].images == ()


def test_a_second_copy_of_a_film_is_rejected(raw: Path) -> None:
    film(raw, "PNG/train/patient00002/study1/view1_frontal.png")
    studies, rejections = read(raw)
    assert len(rejections) == 1
    assert "second copy" in rejections[0].reason
    assert len(studies["patient00002_study1"].images) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"somewhere/film.jpg,Male,50,Frontal,AP{',' * 14}", "names no film"),
        (f"{TRAIN}/patient00001/study1/view1_frontal.jpg,Male,50,Frontal,AP{LABELS}", "second time"),
        (f"{TRAIN}/patient00003/study1/view1_frontal.jpg,Male,0,Frontal,AP{',' * 14}", "Age '0'"),
        (f"{TRAIN}/patient00003/study1/view1_frontal.jpg,Male,411,Frontal,AP{',' * 14}", "Age '411'"),
        (f"{TRAIN}/patient00003/study1/view1_frontal.jpg,X,50,Frontal,AP{',' * 14}", "Sex 'X'"),
        (
            f"{TRAIN}/patient00003/study1/view1_frontal.jpg,Male,50,Frontal,AP,2{',' * 13}",
            "label No Finding is '2'",
        ),
        (f"{TRAIN}/patient00003/study1/view1_frontal.jpg,Male", "has 2 cells, the header 19"),
        (f"{TRAIN}/patient00001/study1/view3_frontal.jpg,Male,50,Frontal,AP{',' * 14}", "labels are other"),
    ],
)
def test_a_bad_row_is_told_with_its_place(raw: Path, row: str, reason: str) -> None:
    add_row(raw, row)
    _, rejections = read(raw, tables_only=True)
    assert [item.path for item in rejections] == ["train.csv row 5"]
    assert reason in rejections[0].reason


def test_patients_of_a_test_set_are_left_out(raw: Path) -> None:
    listed = table(
        raw.parent / f"{raw.name}-5x200.csv", "Path", f"{TRAIN}/patient00001/study1/view1_frontal.jpg"
    )
    studies, rejections = read(raw, without=listed)
    assert list(studies) == ["patient00002_study1", "patient64541_study1"]
    assert [item.path for item in rejections] == ["patient00001_study1", "patient00001_study2"]
    assert all("left out" in item.reason for item in rejections)


def test_a_test_set_of_other_patients_is_refused(raw: Path) -> None:
    listed = table(
        raw.parent / f"{raw.name}-5x200.csv", "Path", "train/patient77777/study1/view1_frontal.jpg"
    )
    with pytest.raises(SourceError, match="none of the patients"):
        read(raw, without=listed)


def test_a_row_that_leaves_out_nobody_is_refused(raw: Path) -> None:
    listed = table(raw.parent / f"{raw.name}-5x200.csv", "Path", "train/patient00001/view1_frontal.jpg")
    with pytest.raises(DataError, match="row 1 names no study of CheXpert"):
        read(raw, without=listed)


def test_the_test_set_has_its_own_table(raw: Path) -> None:
    place = "test/patient64741/study1/view1_frontal.jpg"
    table(raw / "CheXpert/test_labels.csv", "Path,Edema,No Finding", f"{place},1,0")
    film(raw, f"CheXpert/{place}")
    study = read(raw)[0]["patient64741_study1"]
    assert (study.split, study.age, study.images[0].view) == ("test", None, View.UNKNOWN)
    assert {label.observation: label.state for label in study.labels} == {
        "Edema": State.POSITIVE,
        "No Finding": State.NEGATIVE,
    }


def test_reports_and_labels_of_chexpert_plus(raw: Path) -> None:
    text = "NARRATIVE:\nClear.\n\nIMPRESSION:\n1. No effusion.\n"
    plus = raw / "df_chexpert_plus_240401.csv"
    header = "path_to_image,frontal_lateral,ap_pa,age,sex,split,report"
    rows = [
        f'train/patient00001/study1/view1_frontal.jpg,Frontal,AP,68,Female,train,"{text}"',
        f'train/patient00001/study1/view2_lateral.jpg,Lateral,,68,Female,train,"{text}"',
        'train/patient00004/study1/view1_frontal.jpg,Frontal,PA,30.0,Male,train,"IMPRESSION: Normal."',
    ]
    table(plus, header, *rows)
    film(raw, "PNG/train/patient00004/study1/view1_frontal.png")
    record = {"path_to_image": "train/patient00004/study1/view1_frontal.jpg", "Edema": -1.0, "Mass": 1.0}
    table(raw / "chexbert_labels/impression_fixed.json", json.dumps(record))
    studies, rejections = read(raw)
    assert rejections == []
    report = studies["patient00001_study1"].report
    assert report is not None
    assert (report.text, report.header_rules) == (text.strip(), "chexpert")
    added = studies["patient00004_study1"]
    assert (added.age, added.sex, added.images[0].path.suffix) == (30.0, "M", ".png")
    assert added.labels == (Label("Edema", State.UNCERTAIN, "chexpert-plus/impression"),)


def test_labels_of_another_labeller_keep_their_origin(raw: Path) -> None:
    place = f"{TRAIN}/patient00001/study1/view1_frontal.jpg"
    rows = [f"{place},1.0", f"{TRAIN}/patient00099/study1/view1_frontal.jpg,1.0"]
    table(raw / "train_visualCheXbert.csv", "Path,Edema", *rows)
    studies, rejections = read(raw)
    assert (
        Label("Edema", State.POSITIVE, "chexpert/train_visualCheXbert")
        in studies["patient00001_study1"].labels
    )
    assert [item.path for item in rejections] == ["train_visualCheXbert.csv row 2"]


def test_two_reports_of_one_study_are_told(raw: Path) -> None:
    table(
        raw / "df_chexpert_plus_240401.csv",
        "path_to_image,split,report",
        "train/patient00001/study1/view1_frontal.jpg,train,One.",
        "train/patient00001/study1/view2_lateral.jpg,train,Another.",
    )
    studies, rejections = read(raw)
    report = studies["patient00001_study1"].report
    assert report is not None
    assert report.text == "One."
    assert [item.path for item in rejections] == ["df_chexpert_plus_240401.csv row 2"]


def test_labels_that_are_no_json_are_refused(raw: Path) -> None:
    table(raw / "report_fixed.json", "{", "")
    with pytest.raises(DataError, match=r"report_fixed.json: line 1: not valid JSON"):
        read(raw)


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no train\.csv or valid\.csv"):
        read(tmp_path)


def test_two_tables_of_one_name_are_refused(raw: Path) -> None:
    shutil.copy(raw / "CheXpert-v1.0-small/train.csv", raw / "train.csv")
    with pytest.raises(SourceError, match="two tables of one name"):
        read(raw)


def test_tables_alone_need_no_films(raw: Path) -> None:
    shutil.rmtree(raw / TRAIN)
    studies, rejections = read(raw, tables_only=True)
    assert (len(studies), rejections) == (4, [])


@pytest.mark.slow
def test_the_published_training_table_is_accounted_for(tmp_path: Path) -> None:
    """Counts of CheXpert's paper and of CXR-CLIP's data preparation: 223,414 films of 64,540 patients."""
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or found.origin is None:
        pytest.skip("torchxrayvision, which ships the table, is not installed")
    shutil.copy(Path(found.origin).parent / "data" / "chexpert_train.csv.gz", tmp_path / "train.csv.gz")
    studies, rejections = read(tmp_path, tables_only=True)
    images = [image for study in studies.values() for image in study.images]
    assert (len(images), len(studies)) == (223_414, 187_641)
    assert len({study.patient_id for study in studies.values()}) == 64_540
    assert sum(image.view is View.UNKNOWN for image in images) == 17
    reason = "Age '0' is not understood; the study is kept without it"
    assert [item.reason for item in rejections] == [reason] * 3

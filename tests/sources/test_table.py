from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from plainfilm.config import build
from plainfilm.errors import ConfigError, SourceError
from plainfilm.sources import table
from plainfilm.types import Rejection, State, Study, View

Read = tuple[list[Study], list[Rejection]]


def film(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path


def read(raw: Path, **options: object) -> Read:
    items = list(table.read(raw, build(table.Config, options, "test")))
    return [item for item in items if isinstance(item, Study)], [
        item for item in items if isinstance(item, Rejection)
    ]


def read_rows(folder: Path, *rows: str, **columns: str) -> Read:
    for name in ("a", "b", "c"):
        film(folder / f"{name}.png")
    (folder / "t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return read(folder / "t.csv", columns=columns)


def test_every_role(tmp_path: Path) -> None:
    (study,), rejections = read_rows(
        tmp_path,
        "f,i,x,l,p,s,v,sp,a,g,lic,o",
        "a.png,img,Clear.,Mass,pat,stu,PA,val,061Y,female,CC0,20200102",
        image="f",
        image_id="i",
        text="x",
        labels="l",
        patient="p",
        study="s",
        view="v",
        split="sp",
        age="a",
        sex="g",
        licence="lic",
        order="o",
    )
    assert (study.study_id, study.patient_id, study.split, study.order) == (
        "stu",
        "pat",
        "validation",
        20200102.0,
    )
    assert (study.age, study.sex, study.report and study.report.text) == (61.0, "F", "Clear.")
    (image,) = study.images
    assert (image.image_id, image.view, image.licence) == ("img", View.PA, "CC0")
    assert [(label.observation, label.state, label.origin) for label in study.labels] == [
        ("Mass", State.POSITIVE, "t.csv")
    ]
    assert rejections == []


def test_rows_of_a_study_become_one_in_order(tmp_path: Path) -> None:
    studies, _ = read_rows(
        tmp_path, "path,study_id", "b.png,two", "a.png,one", "c.png,two", image="path", study="study_id"
    )
    assert [(study.study_id, [image.image_id for image in study.images]) for study in studies] == [
        ("two", ["b", "c"]),
        ("one", ["a"]),
    ]


def test_several_text_columns_are_sections(tmp_path: Path) -> None:
    (study,), _ = read_rows(tmp_path, "path,rf,ri", "a.png,Clear lungs.,Normal.", image="path", text="rf,ri")
    assert study.report is not None
    assert study.report.text == "Clear lungs.\n\nNormal."


def test_section_columns_by_name(tmp_path: Path) -> None:
    rows = ("path,report_findings,report_impression", "a.png,,Normal.")
    (study,), _ = read_rows(tmp_path, *rows, image="path", text="report_findings,report_impression")
    assert study.report is not None
    assert study.report.sections is not None
    assert [(part.name, part.text) for part in study.report.sections] == [("impression", "Normal.")]


def test_state_columns(tmp_path: Path) -> None:
    rows = ("path,Edema,Mass,Fracture", "a.png,1.0,-1,", "b.png,0,,1")
    studies, _ = read_rows(tmp_path, *rows, image="path", labels="Edema,Mass,Fracture")
    assert [{label.observation: int(label.state) for label in study.labels} for study in studies] == [
        {"Edema": 1, "Mass": -1},
        {"Edema": 0, "Fracture": 1},
    ]


def test_labels_that_differ_between_films_belong_to_the_films(tmp_path: Path) -> None:
    rows = ("path,study,l", "a.png,s,Mass", "b.png,s,")
    (study,), _ = read_rows(tmp_path, *rows, image="path", study="study", labels="l")
    assert study.labels == ()
    assert [len(image.labels) for image in study.images] == [1, 0]


def test_list_literals_name_several_images_and_sentences(tmp_path: Path) -> None:
    rows = ("image,view,text", "\"['a.png', 'b.png']\",\"['PA', 'LATERAL']\",\"['One.', 'Two.']\"")
    (study,), _ = read_rows(tmp_path, *rows)
    assert [image.view for image in study.images] == [View.PA, View.LATERAL]
    assert study.report is not None
    assert study.report.text == "One.\nTwo."


def test_missing_column_names_file_header_and_nearest(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"t\.csv: no column 'pth' \(role image\): did you mean 'path'"):
        read_rows(tmp_path, "path", "a.png", image="pth")


def test_unknown_role_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown role 'pateint': did you mean 'patient'"):
        read_rows(tmp_path, "path", "a.png", pateint="path")


def test_table_without_image_or_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no column plays the role image or text"):
        read_rows(tmp_path, "x,y", "1,2")


def test_missing_file_and_row_without_image_are_rejected(tmp_path: Path) -> None:
    rows = ("path,report", "gone.png,Text.", ",Only text.")
    studies, rejections = read_rows(tmp_path, *rows)
    assert [item.reason for item in rejections] == [
        "no such file (named by t.csv row 1)",
        "the row names no image",
    ]
    assert [len(study.images) for study in studies] == [0, 0]


def test_text_only_table_has_no_rejections(tmp_path: Path) -> None:
    studies, rejections = read_rows(tmp_path, "report", "One.", "Two.")
    assert [study.study_id for study in studies] == ["t-1", "t-2"]
    assert rejections == []


def test_unknown_split_value_is_rejected(tmp_path: Path) -> None:
    studies, rejections = read_rows(tmp_path, "path,split", "a.png,train", "b.png,fold3")
    assert len(studies) == 1
    assert rejections[0].reason == "split 'fold3' is none of train, validation, test"


def test_blank_split_follows_the_patient(tmp_path: Path) -> None:
    rows = ("path,split,patient_id", "a.png,,ann", "b.png,test,ann", "c.png,,bob")
    studies, _ = read_rows(tmp_path, *rows)
    assert [study.split for study in studies] == ["test", "test", None]


def test_blank_patient_is_the_study(tmp_path: Path) -> None:
    studies, _ = read_rows(tmp_path, "path,patient_id", "a.png,ann", "b.png,")
    assert [study.patient_id for study in studies] == ["ann", "b"]


def test_an_age_that_is_none_is_told(tmp_path: Path) -> None:
    (study,), (rejection,) = read_rows(tmp_path, "path,age", "a.png,old")
    assert study.age is None
    assert rejection.reason == "age 'old' is not understood; the study is kept without it"


def test_equal_file_names_get_their_folders_as_ids(tmp_path: Path) -> None:
    for name in ("p1/view1.png", "p2/view1.png"):
        film(tmp_path / name)
    (tmp_path / "t.csv").write_text("path\np1/view1.png\np2/view1.png\n")
    studies, _ = read(tmp_path / "t.csv")
    assert [study.images[0].image_id for study in studies] == ["p1/view1", "p2/view1"]


def write_txtrayalign(root: Path) -> Path:
    """Split CSVs as TxtRayAlign's get_subset writes them: unnamed index, absolute paths, one row an image."""
    for split, study in (("train", 1), ("val", 2), ("test", 3)):
        path = film(root / f"files/p10/p1000000{study}/s5000000{study}/{split}.jpg")
        row = f'0,s5000000{study},{path},"Heart size, normal."'
        (root / "splits").mkdir(exist_ok=True)
        (root / "splits" / f"{split}.csv").write_text(f",study_id,path,report\n{row}\n")
    return root / "splits"


def test_split_csvs_of_txtrayalign_as_they_are(tmp_path: Path) -> None:
    studies, rejections = read(write_txtrayalign(tmp_path))
    assert [(study.study_id, study.split, study.patient_id) for study in studies] == [
        ("s50000001", "train", "p10000001"),
        ("s50000002", "validation", "p10000002"),
        ("s50000003", "test", "p10000003"),
    ]
    assert rejections == []


def test_csvs_of_unlike_columns_are_refused(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    (tmp_path / "train.csv").write_text("path,report\na.png,x\n")
    (tmp_path / "test.csv").write_text("path\na.png\n")
    with pytest.raises(SourceError, match="column of some of the CSVs only"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_nothing_to_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="no such file|holds no CSV"):
        read(tmp_path / name)


def test_patient_prefix(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("path,patient_id\na.png,7\n")
    (study,), _ = read(tmp_path / "t.csv", patient_prefix="siteB-")
    assert study.patient_id == "siteB-7"


def test_films_named_by_uid_are_a_study_each(tmp_path: Path) -> None:
    for number in range(3):
        film(tmp_path / f"films/1.2.840.{number}.png").rename(tmp_path / f"films/1.2.840.{number}")
    rows = [f"films/1.2.840.{number},p{number},Report {number}." for number in range(3)]
    (tmp_path / "t.csv").write_text("\n".join(["path,patient_id,report", *rows]) + "\n")
    studies, rejections = read(tmp_path / "t.csv")
    assert [(study.study_id, study.patient_id) for study in studies] == [
        (f"1.2.840.{number}", f"p{number}") for number in range(3)
    ]
    assert [study.report and study.report.text for study in studies] == [f"Report {n}." for n in range(3)]
    assert rejections == []


def test_chexperts_paths_name_patients(tmp_path: Path) -> None:
    paths = [f"train/patient0000{number}/study1/view1_frontal.png" for number in (1, 2)]
    for path in paths:
        film(tmp_path / path)
    (tmp_path / "t.csv").write_text("\n".join(["path", *paths]) + "\n")
    assert [study.patient_id for study in read(tmp_path / "t.csv")[0]] == ["patient00001", "patient00002"]


def test_studies_numbered_by_patient_are_not_merged(tmp_path: Path) -> None:
    rows = ("path,patient_id,study_id,report", "a.png,ann,1,One.", "b.png,bob,1,Two.", "c.png,bob,2,Three.")
    studies, _ = read_rows(tmp_path, *rows)
    assert [(study.study_id, study.patient_id, len(study.images)) for study in studies] == [
        ("ann_1", "ann", 1),
        ("bob_1", "bob", 1),
        ("2", "bob", 1),
    ]


@pytest.mark.parametrize("other", ["10000.0", " 10000", "0010000", "1.0000e+04"])
def test_spellings_of_one_patient(tmp_path: Path, other: str) -> None:
    studies, _ = read_rows(tmp_path, "path,patient_id", "a.png,10000", f'b.png,"{other}"')
    assert [study.patient_id for study in studies] == ["10000", "10000"]


def test_a_patient_that_a_spreadsheet_rounded_is_unknown_and_told(tmp_path: Path) -> None:
    studies, rejections = read_rows(tmp_path, "path,patient_id", "a.png,1.23E+08", "b.png,1.23E+08")
    assert [study.patient_id for study in studies] == ["a", "b"]
    assert all("was rounded by a spreadsheet" in item.reason for item in rejections)


def test_a_row_of_another_length_is_a_rejection(tmp_path: Path) -> None:
    rows = ("path,patient_id,report", "a.png,ann,Clear.", "b.png", "c.png,bob,Clear, normal.")
    studies, rejections = read_rows(tmp_path, *rows)
    assert [study.study_id for study in studies] == ["a"]
    assert [item.path for item in rejections] == ["t.csv row 2", "t.csv row 3"]


def test_rows_behind_a_quote_that_is_closed_by_chance_are_a_rejection(tmp_path: Path) -> None:
    rows = ("path,patient_id,report", 'a.png,ann,"Clear.', 'b.png,bob,Tube of 5"', "c.png,cyd,Clear.")
    studies, rejections = read_rows(tmp_path, *rows)
    assert [study.study_id for study in studies] == ["c"]
    assert "a quote is left open (line 2)" in rejections[0].reason


def test_other_labels_of_a_study_without_films_are_told(tmp_path: Path) -> None:
    rows = ("report,study_id,labels", "One.,s,Mass", "Two.,s,Edema")
    (study,), (rejection,) = read_rows(tmp_path, *rows)
    assert [label.observation for label in study.labels] == ["Mass"]
    assert rejection.reason == "has other labels than the first row of its study"


def test_a_cell_of_very_many_films_is_a_rejection(tmp_path: Path) -> None:
    many = str([f"{number}.png" for number in range(300_000)])
    rows = ("path,patient_id", f'"{many}",ann', "b.png,bob", f"{';'.join(['x.png'] * 100_000)},cyd")
    studies, rejections = read_rows(tmp_path, *rows)
    assert [len(study.images) for study in studies] == [1, 0]
    assert "has a cell of" in rejections[0].reason
    assert all(len(item.path) + len(item.reason) < 300 for item in rejections)


def test_a_broken_list_of_films_is_a_rejection(tmp_path: Path) -> None:
    studies, rejections = read_rows(tmp_path, "path", "\"['a.png', 'b.png'\"", "c.png")
    assert [study.study_id for study in studies] == ["c"]
    assert "is no Python list: is it cut short?" in rejections[0].reason

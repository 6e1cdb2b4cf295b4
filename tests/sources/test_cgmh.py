from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError, SourceError
from plainfilm.sources import cgmh
from plainfilm.types import Label, Rejection, State, Study

ALL = ",".join(cgmh.LABELS)


def table(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    table(
        tmp_path / "train.csv",
        ",image,text_label",
        "0,\"['p1/a.jpg', 'p1/b.jpg']\",\"['Pneumothorax', 'Pigtail malpositon']\"",
        "1,\"['p2/c.jpg']\",[]",
    )
    table(tmp_path / "valid.csv", ",image,text_label", "0,\"['p3/d.jpg']\",['Foreign body']")
    table(
        tmp_path / "test.csv",
        f",image,{ALL},text",
        f'0,"[\'p4/e.jpg\']",1{",0" * 8},1{",0" * 3},"Tube above the carina, pneumothorax."',
        f"1,\"['p5/f.jpg']\"{',0' * 13},",
    )
    for place in ("p1/a", "p1/b", "p2/c", "p3/d", "p4/e", "p5/f"):
        table(tmp_path / f"{place}.jpg", "not opened by a source")
    return tmp_path


def read(raw: Path, **options: object) -> tuple[dict[str, Study], list[Rejection]]:
    items = list(cgmh.read(raw, cgmh.Config(**options)))  # type: ignore[arg-type]
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def test_a_row_is_a_study_and_its_table_is_its_split(raw: Path) -> None:
    studies, rejections = read(raw)
    assert rejections == []
    assert {key: study.split for key, study in studies.items()} == {
        "p4/e": "test",
        "p5/f": "test",
        "p3/d": "validation",
        "p1/a": "train",
        "p2/c": "train",
    }
    assert [image.image_id for image in studies["p1/a"].images] == ["p1/a", "p1/b"]


def test_negatives_are_known_in_the_test_table_only(raw: Path) -> None:
    studies, _ = read(raw)
    assert studies["p1/a"].labels == (
        Label("Pneumothorax", State.POSITIVE, "cgmh"),
        Label("Pigtail malpositon", State.POSITIVE, "cgmh"),
    )
    assert studies["p2/c"].labels == ()
    tested = {label.observation: label.state for label in studies["p4/e"].labels}
    assert [name for name, state in tested.items() if state is State.POSITIVE] == [
        "Endotracheal tube in place",
        "Pneumothorax",
    ]
    assert len(tested) == 13
    assert {label.state for label in studies["p5/f"].labels} == {State.NEGATIVE}


def test_lists_may_be_complete(raw: Path) -> None:
    table(raw / "valid.csv", "image,text_label", "['p3/d.jpg'],['Foreign body']", "['p2/c.jpg'],")
    studies, _ = read(raw / "valid.csv", not_mentioned="absent")
    states = {label.observation: label.state for label in studies["p3/d"].labels}
    assert [name for name, state in states.items() if state is State.POSITIVE] == ["Foreign body"]
    assert set(states) == set(cgmh.LABELS)
    assert studies["p2/c"].labels == ()


def test_an_empty_list_is_a_film_without_any(raw: Path) -> None:
    empty = read(raw, not_mentioned="absent")[0]["p2/c"]
    assert {label.state for label in empty.labels} == {State.NEGATIVE}


def test_labels_of_all_tables_are_of_one_origin(raw: Path) -> None:
    studies, _ = read(raw)
    assert {label.origin for study in studies.values() for label in study.labels} == {"cgmh"}


def test_the_order_of_columns_a_byte_order_mark_and_other_columns_do_not_matter(raw: Path) -> None:
    rows = ["ward,text_label,no,image", "\"5A\",['Foreign body'],7,['p3/d.jpg']"]
    (raw / "valid.csv").write_text("\r\n".join([*rows, ""]), encoding="utf-8-sig")
    studies, rejections = read(raw)
    assert [label.observation for label in studies["p3/d"].labels] == ["Foreign body"]
    assert [item.reason.split(" is")[0] for item in rejections] == ["column 'ward'", "column 'no'"]


def test_the_text_of_a_test_row_is_its_report(raw: Path) -> None:
    studies, _ = read(raw)
    report = studies["p4/e"].report
    assert report is not None
    assert (report.text, report.header_rules) == ("Tube above the carina, pneumothorax.", "cgmh")
    assert studies["p5/f"].report is None


def test_films_may_be_elsewhere_than_their_paths_say(raw: Path) -> None:
    (raw / "films").mkdir()
    (raw / "p3").rename(raw / "films/p3")
    table(raw / "valid.csv", "image,text_label", "\"['/home/user/p3/d.jpg']\",['Foreign body']")
    studies, rejections = read(raw / "valid.csv", images=raw / "films", prefix="/home/user")
    assert rejections == []
    assert studies["p3/d"].images[0].path == raw / "films/p3/d.jpg"


def test_patients_are_studies_unless_a_column_or_a_pattern_says_more(raw: Path) -> None:
    assert read(raw)[0]["p1/a"].patient_id == "p1/a"
    assert read(raw, patient=r"^(p\d+)/")[0]["p1/a"].patient_id == "p1"
    table(raw / "valid.csv", "image,text_label,patient_id,study_id", "['p3/d.jpg'],['Foreign body'],77,s1")
    assert read(raw)[0]["s1"].patient_id == "77"


def test_other_labels_can_be_named(raw: Path) -> None:
    table(raw / "test.csv", "image,Port-A in place,text", "['p4/e.jpg'],1,Port.")
    with pytest.raises(SourceError, match="no column for labels"):
        read(raw)
    labels = read(raw, labels=["Port-A in place", "Foreign body"])[0]["p4/e"].labels
    assert labels == (Label("Port-A in place", State.POSITIVE, "cgmh"),)


def test_a_column_that_is_not_read_is_told_with_the_nearest_label(raw: Path) -> None:
    table(raw / "test.csv", "image,Pigtail malposition,Pneumothorax,text", "['p4/e.jpg'],1,1,Air.")
    _, rejections = read(raw)
    assert [item.reason.partition(": ")[0] for item in rejections] == [
        "column 'Pigtail malposition' is not read"
    ]
    assert "did you mean 'Pigtail malpositon'" in rejections[0].reason


@pytest.mark.parametrize(
    ("row", "place", "reason"),
    [
        ("['p9/x.jpg'],[]", "p9/x.jpg", "no such file"),
        ("[],['Pneumothorax']", "train.csv row 1", "names no image"),
        ("['p2/c.jpg'],['Pneumothoraks']", "train.csv row 1", "did you mean 'Pneumothorax'"),
        ("['p2/c.jpg']", "train.csv row 1", "has 1 cells, the header 2"),
    ],
)
def test_a_bad_row_is_told(raw: Path, row: str, place: str, reason: str) -> None:
    table(raw / "train.csv", "image,text_label", row)
    _, rejections = read(raw)
    assert [item.path for item in rejections] == [place]
    assert reason in rejections[0].reason


def test_a_state_that_is_none_is_told(raw: Path) -> None:
    table(raw / "test.csv", "image,Pneumothorax,text,age", "['p4/e.jpg'],2,Air.,old")
    _, rejections = read(raw)
    assert [item.reason for item in rejections] == [
        "label Pneumothorax is '2': expected 1, 0, -1 or blank",
        "age 'old' is not understood; the study is kept without it",
    ]


def test_tables_alone_need_no_films(raw: Path) -> None:
    (raw / "p4/e.jpg").unlink()
    assert read(raw, tables_only=True)[1] == []


def test_a_folder_without_tables_or_a_table_without_images_is_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no train.csv, valid.csv or test.csv"):
        read(raw / "p1")
    table(raw / "train.csv", "picture,text_label", "a,b")
    with pytest.raises(DataError, match="no column 'image'"):
        read(raw)


@pytest.mark.parametrize("pattern", ["(", "p.*"])
def test_a_pattern_without_a_group_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="patient"):
        build(cgmh.Config, {"patient": pattern}, "options")


@pytest.mark.parametrize(
    ("option", "value"), [("patient", r"^q(\d)/"), ("patient", r"/([a-c])\.jpg"), ("prefix", "/mnt/films/")]
)
def test_an_option_that_fits_few_paths_is_an_error(raw: Path, option: str, value: str) -> None:
    with pytest.raises(SourceError, match=rf"option {option}=.* fits \d of 2 rows, and not 'p"):
        read(raw, **{option: value})


def test_a_header_in_another_case_is_read(raw: Path) -> None:
    table(raw / "train.csv", "Image,Text_Label,Patient_ID", "['p1/a.jpg'],['Pneumothorax'],7.0")
    studies, rejections = read(raw / "train.csv")
    assert rejections == []
    assert (studies["p1/a"].patient_id, len(studies["p1/a"].labels)) == ("7", 1)


def test_films_named_by_uid_keep_their_names(raw: Path) -> None:
    table(raw / "train.csv", "image,text_label", *(f"['1.2.840.{n}'],[]" for n in (1, 2)))
    assert list(read(raw / "train.csv", tables_only=True)[0]) == ["1.2.840.1", "1.2.840.2"]

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.sources import chexpert5x200
from plainfilm.types import Label, Rejection, State, Study, View

HEADER = ",Path,Report Impression,Atelectasis,Cardiomegaly,Consolidation,Edema,Pleural Effusion"
ONE = "CheXpert-v1.0/train/patient00001/study2/view1_frontal.jpg"
TWO = "CheXpert-v1.0/train/patient00002/study1/view1_frontal.jpg"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    rows = [HEADER, f'0,{ONE},"1. Oedema,\n   mild.",0.0,0.0,0.0,1.0,0.0', f"1,{TWO},Effusion.,0,0,0,0,1"]
    (tmp_path / "chexpert_5x200.csv").write_text("\n".join([*rows, ""]))
    for place in (ONE, TWO, TWO.replace("study1", "study7")):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(b"not opened by a source")
    return tmp_path


def read(raw: Path, **options: object) -> tuple[list[Study], list[Rejection]]:
    items = list(chexpert5x200.read(raw, chexpert5x200.Config(**options)))  # type: ignore[arg-type]
    found = [item for item in items if isinstance(item, Study)]
    return found, [item for item in items if isinstance(item, Rejection)]


def test_the_table_chooses_test_studies_of_chexpert(raw: Path) -> None:
    studies, rejections = read(raw)
    assert rejections == []
    assert [study.study_id for study in studies] == ["patient00001_study2", "patient00002_study1"]
    assert {study.split for study in studies} == {"test"}
    assert chexpert5x200.CORPUS == "chexpert"
    report = studies[0].report
    assert report is not None
    assert report.sections is not None
    assert [(part.name, part.text) for part in report.sections] == [("impression", "1. Oedema,\n   mild.")]


def test_labels_are_the_five_findings(raw: Path) -> None:
    labels = read(raw)[0][0].labels
    assert [label.observation for label in labels if label.state is State.POSITIVE] == ["Edema"]
    assert len(labels) == 5
    assert labels[0] == Label("Atelectasis", State.NEGATIVE, "chexpert5x200")


def test_the_table_may_be_elsewhere_than_the_films(raw: Path) -> None:
    (raw / "lists").mkdir()
    moved = (raw / "chexpert_5x200.csv").rename(raw / "lists/chexpert_5x200.csv")
    studies, rejections = read(moved, images=raw / "CheXpert-v1.0")
    assert (len(studies), rejections) == (2, [])
    assert len(read(raw)[0]) == 2


def test_view_age_and_sex_are_taken_where_the_table_has_them(raw: Path) -> None:
    path = raw / "chexpert_5x200.csv"
    path.write_text(f"{HEADER},Sex,Age,Frontal/Lateral,AP/PA\n0,{ONE},Oedema.,0,0,0,1,0,Male,70,Frontal,PA\n")
    study = read(raw)[0][0]
    assert (study.sex, study.age, study.images[0].view) == ("M", 70.0, View.PA)


def test_what_cannot_be_used_is_told(raw: Path) -> None:
    with (raw / "chexpert_5x200.csv").open("a") as stream:
        stream.write(f"2,{ONE},Other.,0,0,0,1,0\n3,no/film.jpg,,1,0,0,0,0\n4,{TWO}x,,1,0,0,0,0\n")
        stream.write(f"5,{ONE.replace('00001', '00003')},Gone.,1,0,0,0,0\n")
        stream.write(f"6,{TWO.replace('study1', 'study7')},Odd.,7,0,0,0,1\n")
    _, rejections = read(raw)
    reasons = " | ".join(item.reason for item in rejections)
    for part in ("second time", "names no film", "not on disk", "label Atelectasis is '7'"):
        assert part in reasons
    assert len(rejections) == 5


def test_a_missing_table_or_column_is_refused(raw: Path) -> None:
    (raw / "chexpert_5x200.csv").write_text("Path,Edema\n")
    with pytest.raises(DataError, match="no column 'Report Impression'"):
        read(raw)
    (raw / "chexpert_5x200.csv").unlink()
    with pytest.raises(SourceError, match=r"no chexpert_5x200.csv"):
        read(raw)


def test_tables_alone_need_no_films(raw: Path) -> None:
    (raw / ONE).unlink()
    studies, rejections = read(raw, tables_only=True)
    assert (len(studies), rejections) == (2, [])

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources import covid19_idc
from plainfilm.types import Rejection, State, Study, View

HEADER = (
    "patientid,offset,sex,age,finding,view,modality,folder,filename,license,clinical_notes,other_notes,\n"
)
ROWS = """\
2,0,M,65,Pneumonia/Viral/COVID-19,PA,X-ray,images,a.jpg,CC BY,"Fever, then cough.",,
2,0,M,65,Pneumonia/Viral/COVID-19,L,X-ray,images,a-L.jpeg,,"Fever, then cough.",,
2,3,M,65,Pneumonia/Viral/COVID-19,AP Supine,X-ray,images,b.PNG,,"Fever, then cough.",,
2,3,M,65,Pneumonia/Viral/COVID-19,Axial,CT,images,ct.png,,,,
3,,,,todo,PA,X-ray,images,c.jpg,,,,
3,,,,No Finding,PA,X-ray,images,c.png,,,,
4,soon,X,old,"COVID-19, ARDS",AP Erect,X-ray,images,d.jpg,,,,
5,,F,,Tuberculosis,PA,X-ray,images,gone.jpg,,,,
6,,F,,Pneumonia,Axial,CT,volumes,6.nii.gz,,,,
"""
FILMS = ("a.jpg", "a-L.jpeg", "b.PNG", "ct.png", "c.jpg", "c.png", "d.jpg", "not listed.jpg")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    root = tmp_path / "covid-chestxray-dataset-master"
    (root / "images").mkdir(parents=True)
    (root / "metadata.csv").write_text(HEADER + ROWS)
    for film in FILMS:
        (root / "images" / film).write_bytes(b"not opened by a source")
    return root


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], dict[str, str]]:
    items = list(covid19_idc.read(raw, covid19_idc.Config(**options)))
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    told = {Path(item.path).name: item.reason for item in items if isinstance(item, Rejection)}
    return studies, told


def test_films_of_one_day_are_a_study_and_films_without_a_day_are_their_own(raw: Path) -> None:
    studies, _ = read(raw)
    assert {key: [image.image_id for image in study.images] for key, study in studies.items()} == {
        "2-day0": ["a", "a-L"],
        "2-day3": ["b"],
        "3-c.jpg": ["c.jpg"],
        "3-c.png": ["c.png"],
        "4-d.jpg": ["d"],
    }
    assert [studies[key].order for key in ("2-day0", "2-day3", "3-c.jpg")] == [0, 3, None]


def test_views_and_licences(raw: Path) -> None:
    studies, _ = read(raw)
    images = {image.image_id: image for study in studies.values() for image in study.images}
    assert [images[key].view for key in ("a", "a-L", "b", "d")] == [
        View.PA,
        View.LATERAL,
        View.AP_SUPINE,
        View.AP,
    ]
    assert (images["a"].licence, images["b"].licence) == ("CC BY", None)


def test_a_finding_is_all_it_is_a_kind_of(raw: Path) -> None:
    studies, _ = read(raw)
    named = {key: observations(study, State.POSITIVE) for key, study in studies.items()}
    assert named == {
        "2-day0": ["Pneumonia", "Viral", "COVID-19"],
        "2-day3": ["Pneumonia", "Viral", "COVID-19"],
        "3-c.jpg": [],
        "3-c.png": ["No Finding"],
        "4-d.jpg": ["COVID-19", "ARDS"],
    }


def test_what_a_finding_excludes_is_negative(tmp_path: Path) -> None:
    findings = ("Pneumonia/Bacterial/Klebsiella", "Pneumonia/Viral/SARS", "COVID-19, Bacterial", "todo")
    findings = (*findings, "Pneumonia", "Pneumonia/Viral/COVID-19")
    rows = [
        f'{number},,,,"{finding}",PA,X-ray,images,{number}.jpg,,,,' for number, finding in enumerate(findings)
    ]
    (tmp_path / "metadata.csv").write_text("\n".join([HEADER.strip(), *rows, ""]))
    studies, _ = read(tmp_path, tables_only=True)
    assert [observations(studies[f"{number}-{number}.jpg"], State.NEGATIVE) for number in range(6)] == [
        ["COVID-19", "Viral"],
        ["COVID-19", "Bacterial"],
        ["Viral"],
        [],
        ["COVID-19"],
        ["Bacterial"],
    ]


def observations(study: Study, state: State) -> list[str]:
    return [label.observation for label in study.images[0].labels if label.state is state]


def test_notes_are_text_under_no_header_once_for_a_study(raw: Path) -> None:
    studies, _ = read(raw)
    report = studies["2-day0"].report
    assert report is not None
    assert report.text == "Fever, then cough."
    assert [part.name for part in report.sections or ()] == ["other"]
    assert studies["3-c.jpg"].report is None
    assert all(study.report is None for study in read(raw, notes=False)[0].values())


def test_what_cannot_be_used_is_told(raw: Path) -> None:
    _, told = read(raw)
    assert told == {
        "ct.png": "not a radiograph (modality 'CT', view 'Axial')",
        "6.nii.gz": "not a radiograph (modality 'CT', view 'Axial')",
        "gone.jpg": "metadata.csv row 8 lists it, but it is not on disk",
        "not listed.jpg": "on disk but not in metadata.csv",
        "metadata.csv row 7": "sex 'X' is not understood; the study is kept without it",
    }


def test_laterals_can_be_left_out(raw: Path) -> None:
    studies, told = read(raw, views="frontal")
    assert [image.image_id for image in studies["2-day0"].images] == ["a"]
    assert told["a-L.jpeg"] == "a lateral, which views=frontal leaves out"


def test_lists_choose_the_films_and_have_labels_of_their_own(raw: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_bytes(b"a.jpg 0 1\r\nct.png 0 1\r\nelsewhere.jpg 1 0\r\n")
    (lists / "test.txt").write_bytes(b"c.png 0 1\r\na-L.jpeg 0 1\r\n")
    studies, told = read(raw, splits=lists)
    assert {key: study.split for key, study in studies.items()} == {"2-day0": "train", "3-c.png": "test"}
    labels = {label.origin: label for label in studies["3-c.png"].images[0].labels}
    assert observations(studies["3-c.png"], State.NEGATIVE) == ["COVID-19"]
    assert labels["covid19_idc/refers"].state is State.POSITIVE
    assert told["ct.png"].endswith("(modality 'CT', view 'Axial'); train.txt line 2 lists it")
    assert told["elsewhere.jpg"] == "train.txt line 3 lists it, but it is not in metadata.csv"
    assert told["a-L.jpeg"] == "test.txt line 2 lists it, but films of the same day are in train"
    assert told["b.PNG"] == "in none of the lists of the option splits"


def test_the_zip_of_the_clone_and_the_folder_around_it_are_read_alike(raw: Path) -> None:
    archive = shutil.make_archive(str(raw), "zip", raw.parent, raw.name)
    expected = list(read(raw)[0])
    assert list(read(raw.parent)[0]) == expected
    assert list(read(Path(archive))[0]) == expected


def test_headers_of_the_first_release(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(
        "Patientid,offset,finding,view,filename,notes\n1,,SARS,CT,a.jpg,Ill.\n"
    )
    _, told = read(tmp_path, tables_only=True)
    assert told == {"a.jpg": "not a radiograph (modality '', view 'CT')"}


def test_another_table_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("id,label\n1,2\n")
    with pytest.raises(SourceError, match="no column 'patientid'"):
        read(tmp_path)

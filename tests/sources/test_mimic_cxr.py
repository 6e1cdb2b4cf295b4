from __future__ import annotations

import gzip
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.sources import mimic_cxr
from plainfilm.types import Rejection, State, Study, View

REPORT = " FINAL REPORT\n FINDINGS:  Clear.\n\n IMPRESSION:  Normal.\n"


def write_gz(path: Path, *rows: str) -> None:
    path.write_bytes(gzip.compress("\n".join([*rows, ""]).encode()))


def add(root: Path, place: str, *images: str, report: str | None = REPORT) -> None:
    folder = root / "files" / place
    folder.mkdir(parents=True)
    for image in images:
        (folder / f"{image}.jpg").write_bytes(b"not opened by a source")
    if report is not None:
        folder.with_suffix(".txt").write_text(report)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two patients: one with two studies in the tables, one whose study has no report."""
    add(tmp_path, "p10/p10000001/s50000001", "a1", "a2")
    add(tmp_path, "p10/p10000001/s50000002", "b1")
    add(tmp_path, "p11/p11000001/s50000003", "c1", report=None)
    write_gz(
        tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz",
        "dicom_id,subject_id,study_id,ViewPosition,StudyDate,StudyTime,PatientOrientationCodeSequence_CodeMeaning",
        "a1,10000001,50000001,PA,21800506,213014.531,Erect",
        "a2,10000001,50000001,LL,21800506,213014.531,Erect",
        "b1,10000001,50000002,AP,21810506,80556.875,Recumbent",
        "c1,11000001,50000003,,21800506,,",
    )
    write_gz(
        tmp_path / "mimic-cxr-2.0.0-split.csv.gz",
        "dicom_id,study_id,subject_id,split",
        "a1,50000001,10000001,train",
        "a2,50000001,10000001,train",
        "b1,50000002,10000001,train",
        "c1,50000003,11000001,validate",
    )
    write_gz(
        tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz",
        "subject_id,study_id,Atelectasis,Edema",
        "10000001,50000001,1.0,-1.0",
        "10000001,50000002,,3.0",
    )
    write_gz(tmp_path / "mimic-cxr-2.0.0-negbio.csv.gz", "subject_id,study_id,Edema", "10000001,50000001,0.0")
    write_gz(tmp_path / "patients.csv.gz", "subject_id,gender,anchor_age,anchor_year", "10000001,F,60,2179")
    return tmp_path


def read(raw: Path, **options: Any) -> tuple[dict[str, Study], list[Rejection]]:
    config = mimic_cxr.Config(**options)
    items = [
        done
        for item in mimic_cxr.read(raw, config)
        for done in (mimic_cxr.complete(item, config) if isinstance(item, Study) else [item])
    ]
    studies = {item.study_id: item for item in items if isinstance(item, Study)}
    return studies, [item for item in items if isinstance(item, Rejection)]


def test_views(raw: Path) -> None:
    studies, _ = read(raw)
    views = {image.image_id: image.view for study in studies.values() for image in study.images}
    assert views == {"a1": View.PA, "a2": View.LATERAL, "b1": View.AP_SUPINE, "c1": View.UNKNOWN}


def test_split_and_patient(raw: Path) -> None:
    studies, _ = read(raw)
    assert [(study.patient_id, study.split) for study in studies.values()] == [
        ("p10000001", "train"),
        ("p10000001", "train"),
        ("p11000001", "validation"),
    ]


def test_age_moves_with_the_calendar(raw: Path) -> None:
    studies, _ = read(raw)
    assert [(study.age, study.sex) for study in studies.values()] == [(61.0, "F"), (62.0, "F"), (None, None)]


def test_order_is_time(raw: Path) -> None:
    studies, _ = read(raw)
    first, second = studies["s50000001"].order, studies["s50000002"].order
    assert first is not None
    assert second is not None
    assert second - first == pytest.approx(365 + (8 - 21.5) / 24, abs=0.01)


def test_labels_with_their_origins(raw: Path) -> None:
    studies, _ = read(raw)
    labels = [(label.observation, label.state, label.origin) for label in studies["s50000001"].labels]
    assert labels == [
        ("Atelectasis", State.POSITIVE, "mimic-cxr/chexpert"),
        ("Edema", State.UNCERTAIN, "mimic-cxr/chexpert"),
        ("Edema", State.NEGATIVE, "mimic-cxr/negbio"),
    ]


@pytest.mark.parametrize("second", ["0.0,1.0", "1.0,-1.0"])
def test_a_second_row_of_a_study_is_rejected(raw: Path, second: str) -> None:
    write_gz(
        raw / "mimic-cxr-2.0.0-chexpert.csv.gz",
        "subject_id,study_id,Atelectasis,Edema",
        "10000001,50000001,1.0,-1.0",
        f"10000001,50000001,{second}",
    )
    studies, rejections = read(raw)
    labels = [(label.observation, int(label.state)) for label in studies["s50000001"].labels]
    assert labels == [("Atelectasis", 1), ("Edema", -1), ("Edema", 0)]
    assert [(item.path, item.study_id) for item in rejections] == [
        ("mimic-cxr-2.0.0-chexpert.csv.gz row 2", "s50000001")
    ]


def test_a_label_outside_the_states_is_rejected(raw: Path) -> None:
    studies, rejections = read(raw)
    assert studies["s50000002"].labels == ()
    assert [(item.study_id, item.reason) for item in rejections] == [
        ("s50000002", "label Edema is '3.0': expected 1, 0, -1 or blank")
    ]


def test_a_study_without_a_report_is_kept(raw: Path) -> None:
    studies, _ = read(raw)
    assert studies["s50000003"].report is None
    assert len(studies["s50000003"].images) == 1


def test_a_report_without_images_is_kept(raw: Path) -> None:
    (raw / "files/p10/p10000001/s59999999.txt").write_text(REPORT)
    study = read(raw)[0]["s59999999"]
    assert (study.images, study.split) == ((), "train")
    assert study.report is not None


def test_a_listed_image_that_is_not_on_disk_is_rejected(raw: Path) -> None:
    (raw / "files/p10/p10000001/s50000001/a2.jpg").unlink()
    studies, rejections = read(raw)
    assert len(studies["s50000001"].images) == 1
    assert [(item.path, item.reason) for item in rejections if item.study_id == "s50000001"] == [
        (f"{raw}/files/p10/p10000001/s50000001/a2.jpg", "listed in the tables but not on disk")
    ]


def test_an_image_on_disk_that_is_not_listed_is_rejected(raw: Path) -> None:
    (raw / "files/p10/p10000001/s50000001/x9.jpg").write_bytes(b"")
    studies, rejections = read(raw)
    assert [image.image_id for image in studies["s50000001"].images] == ["a1", "a2"]
    assert any("on disk but not in the tables" in item.reason for item in rejections)


def test_an_image_listed_twice_is_kept_once(raw: Path) -> None:
    rows = ("dicom_id,subject_id,study_id,ViewPosition", "a1,10000001,50000001,PA", "a1,10000001,50000001,AP")
    write_gz(raw / "mimic-cxr-2.0.0-metadata.csv.gz", *rows)
    (raw / "mimic-cxr-2.0.0-split.csv.gz").unlink()
    studies, rejections = read(raw)
    assert [image.view for image in studies["s50000001"].images] == [View.PA]
    assert any("lists the image twice" in item.reason for item in rejections)


def test_an_empty_report_is_told(raw: Path) -> None:
    (raw / "files/p10/p10000001/s50000001.txt").write_text(" \n")
    studies, rejections = read(raw)
    assert studies["s50000001"].report is None
    assert any(item.reason == "the report is empty" for item in rejections)


def test_reports_in_their_own_download_beside(raw: Path) -> None:
    for text in (raw / "files").rglob("*.txt"):
        target = raw / "mimic-cxr-reports" / text.relative_to(raw)
        target.parent.mkdir(parents=True, exist_ok=True)
        text.rename(target)
    assert sum(study.report is not None for study in read(raw)[0].values()) == 2


def test_a_file_may_state_the_sections_of_a_study(raw: Path, tmp_path: Path) -> None:
    overrides = tmp_path / "sections.csv"
    overrides.write_text("study_id,section,start,end\ns50000001,findings,,\n")
    studies = read(raw, sections=overrides)[0]
    assert [one.name for one in studies["s50000001"].report.sections] == ["findings"]
    assert studies["s50000002"].report.sections is None


def test_reports_where_the_option_says(raw: Path, tmp_path: Path) -> None:
    (raw / "files/p10/p10000001/s50000001.txt").unlink()
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "files/p10/p10000001").mkdir(parents=True)
    (elsewhere / "files/p10/p10000001/s50000001.txt").write_text("Text.")
    study = read(raw, reports=elsewhere)[0]["s50000001"]
    assert study.report is not None
    assert study.report.text == "Text."


def test_without_tables_the_folders_are_read(raw: Path) -> None:
    for table in raw.glob("*.csv.gz"):
        table.unlink()
    studies, rejections = read(raw)
    assert [len(study.images) for study in studies.values()] == [2, 1, 1]
    assert {study.split for study in studies.values()} == {None}
    assert rejections == []


def test_unzipped_tables_of_a_later_version(raw: Path) -> None:
    old = raw / "mimic-cxr-2.0.0-split.csv.gz"
    text = gzip.decompress(old.read_bytes()).decode().replace("train", "test")
    (raw / "mimic-cxr-2.1.0-split.csv").write_text(text)
    old.unlink()
    assert read(raw)[0]["s50000001"].split == "test"


def test_licence_is_what_the_download_states(raw: Path) -> None:
    (raw / "LICENSE.txt").write_text("The Licence\nVersion 1.5.0\n\nTerms\n")
    assert read(raw)[0]["s50000001"].images[0].licence == "The Licence Version 1.5.0"


def test_report_bytes_that_are_no_utf8(raw: Path) -> None:
    (raw / "files/p10/p10000001/s50000001.txt").write_bytes("Größe".encode("cp1252"))
    report = read(raw)[0]["s50000001"].report
    assert report is not None
    assert report.text == "Größe"


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no folder 'files'"):
        read(tmp_path)


def test_the_folder_may_be_given_at_any_level(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    top = tmp_path_factory.mktemp("wget")
    release = top / "physionet.org/files/mimic-cxr-jpg/2.1.0"
    release.parent.mkdir(parents=True)
    raw.rename(release)
    for level in (top, top / "physionet.org", release.parent, release, release / "files"):
        assert len(read(level)[0]) == 3


def test_the_newest_of_two_releases_is_read(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    top = tmp_path_factory.mktemp("two")
    (top / "2.0.0" / "files/p10/p10000001").mkdir(parents=True)
    write_gz(top / "2.0.0" / "mimic-cxr-2.0.0-split.csv.gz", "dicom_id,study_id,subject_id,split")
    raw.rename(top / "2.1.0")
    assert len(read(top)[0]) == 3


def test_a_folder_that_is_named_may_hold_the_archive_of_reports(raw: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mimic-cxr_2-0-0"
    elsewhere.mkdir()
    report = raw / "files/p10/p10000001/s50000001.txt"
    with zipfile.ZipFile(elsewhere / "mimic-cxr-reports.zip", "w") as archive:
        archive.writestr("files/p10/p10000001/s50000001.txt", report.read_bytes())
    report.unlink()
    assert list(read(raw, reports=elsewhere)[0]["s50000001"].files)


def test_reports_in_the_archive_that_physionet_publishes(raw: Path) -> None:
    with zipfile.ZipFile(raw / "mimic-cxr-reports.zip", "w") as archive:
        for text in sorted((raw / "files").rglob("*.txt")):
            archive.write(text, text.relative_to(raw).as_posix())
            text.unlink()
    studies, rejections = read(raw)
    assert [study.report is not None for study in studies.values()] == [True, True, False]
    assert len(rejections) == 1


def test_tables_alone_are_read_without_films(raw: Path) -> None:
    shutil.rmtree(raw / "files")
    studies, rejections = read(raw, tables_only=True)
    assert [len(study.images) for study in studies.values()] == [2, 1, 1]
    assert [item.study_id for item in rejections] == ["s50000002"]


def test_tables_in_a_folder_of_their_own(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("tables")
    for table in raw.glob("*.csv.gz"):
        table.rename(elsewhere / table.name)
    assert read(raw, tables=elsewhere)[0]["s50000003"].split == "validation"


def test_sizes_are_those_of_the_metadata(raw: Path) -> None:
    rows = ("dicom_id,subject_id,study_id,ViewPosition,Rows,Columns", "a1,10000001,50000001,PA,3056,2544")
    write_gz(raw / "mimic-cxr-2.0.0-metadata.csv.gz", *rows)
    image = read(raw)[0]["s50000001"].images[0]
    assert (image.width, image.height) == (2544, 3056)


def test_labels_of_the_radiologist_keep_their_published_names(raw: Path) -> None:
    table = raw / "mimic-cxr-2.1.0-test-set-labeled.csv"
    table.write_text("study_id,Airspace Opacity,Edema\n50000003,1.0,-1.0\n")
    labels = read(raw)[0]["s50000003"].labels
    assert [(label.observation, int(label.state), label.origin) for label in labels] == [
        ("Airspace Opacity", 1, "mimic-cxr/radiologist"),
        ("Edema", -1, "mimic-cxr/radiologist"),
    ]


@pytest.mark.parametrize(
    ("table", "rows", "reason"),
    [
        (
            "split",
            ("dicom_id,study_id,subject_id,split", "a1,50000001,10000001,dev2"),
            "split 'dev2' is none",
        ),
        ("metadata", ("dicom_id,subject_id,study_id,StudyDate", "a1,10000001,50000001,soon"), "'soon' is no"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told(
    raw: Path, table: str, rows: tuple[str, ...], reason: str
) -> None:
    write_gz(raw / f"mimic-cxr-2.0.0-{table}.csv.gz", *rows)
    assert any(reason in item.reason for item in read(raw)[1])


def test_people_of_whom_sex_or_age_cannot_be_read(raw: Path) -> None:
    write_gz(raw / "patients.csv.gz", "subject_id,gender,anchor_age", "10000001,X,old", "99,Y,2")
    reasons = [item.reason for item in read(raw)[1] if item.path == "patients.csv.gz"]
    assert reasons == [
        "gender 'X' of p10000001 is none of F, M",
        "anchor_age 'old' of p10000001 is no number",
    ]


def test_a_damaged_table_names_its_file(raw: Path) -> None:
    table = raw / "mimic-cxr-2.0.0-split.csv.gz"
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(DataError, match="split.csv.gz"):
        read(raw)


def test_an_option_that_names_no_folder(raw: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        read(raw, reports=raw / "nowhere")
    with pytest.raises(SourceError, match="nowhere"):
        read(raw, tables=raw / "nowhere")

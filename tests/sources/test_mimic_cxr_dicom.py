from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from plainfilm.config import Settings
from plainfilm.sources import mimic_cxr_dicom
from plainfilm.sources.base import completed
from plainfilm.types import Rejection, Study, View


def write_gz(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join([*rows, ""]).encode()))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Both releases as wget leaves them: one film, and two studies that are listed."""
    release = tmp_path / "mimic-cxr" / "2.1.0"
    place = "files/p10/p10000001/s50000001"
    (release / place).mkdir(parents=True)
    (release / place / "a1.dcm").write_bytes(b"not opened by a source")
    write_gz(
        release / "cxr-record-list.csv.gz",
        "subject_id,study_id,dicom_id,path",
        f"10000001,50000001,a1,{place}/a1.dcm",
        f"10000001,50000001,a2,{place}/a2.dcm",
    )
    write_gz(
        release / "cxr-study-list.csv.gz",
        "subject_id,study_id,path",
        f"10000001,50000001,{place}.txt",
        "10000001,50000002,files/p10/p10000001/s50000002.txt",
    )
    with zipfile.ZipFile(release / "mimic-cxr-reports.zip", "w") as archive:
        archive.writestr(f"{place}.txt", "FINDINGS: Clear.")
    write_gz(
        tmp_path / "mimic-cxr-jpg/2.1.0/mimic-cxr-2.0.0-metadata.csv.gz",
        "dicom_id,subject_id,study_id,ViewPosition",
        "a1,10000001,50000001,PA",
    )
    return tmp_path


def read(raw: Path, config: Settings | None = None) -> tuple[dict[str, Study], list[tuple[str, str]]]:
    config = config or mimic_cxr_dicom.Config()
    items = [
        done
        for item in mimic_cxr_dicom.read(raw, config)
        for done in (completed("mimic_cxr_dicom", [item], config) if isinstance(item, Study) else [item])
    ]
    told = [(Path(item.path).name, item.reason) for item in items if isinstance(item, Rejection)]
    return {item.study_id: item for item in items if isinstance(item, Study)}, told


def test_films_reports_and_the_views_of_the_other_release(raw: Path) -> None:
    study = read(raw)[0]["s50000001"]
    assert [(image.image_id, image.path.suffix, image.view) for image in study.images] == [
        ("a1", ".dcm", View.PA)
    ]
    assert study.report is not None
    assert study.report.text == "FINDINGS: Clear."


def test_what_is_listed_but_missing_is_told(raw: Path) -> None:
    assert read(raw)[1] == [
        ("a2.dcm", "listed in the tables but not on disk"),
        ("s50000002.txt", "the report is listed but not on disk"),
    ]


def test_a_missing_report_is_not_told_where_no_report_was_downloaded(raw: Path) -> None:
    (raw / "mimic-cxr/2.1.0/mimic-cxr-reports.zip").unlink()
    assert [name for name, _ in read(raw)[1]] == ["a2.dcm"]


def test_tables_alone_name_every_film(raw: Path) -> None:
    studies, _ = read(raw, mimic_cxr_dicom.Config(tables_only=True))
    assert [image.image_id for image in studies["s50000001"].images] == ["a1", "a2"]

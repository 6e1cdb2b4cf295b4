from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pydicom
import pytest

from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dicom") / "raw"
    write("mimic_cxr_dicom", folder, studies=30, seed=5, size=64, workers=1)
    return folder


def table(corpus: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(corpus / "mimic-cxr" / "2.1.0" / f"cxr-{name}-list.csv.gz", dtype=str)


def test_every_film_of_the_record_list_is_a_dicom_file(corpus: Path) -> None:
    records = table(corpus, "record")
    assert list(records.columns) == ["subject_id", "study_id", "dicom_id", "path"]
    for row in records.itertuples():
        header = pydicom.dcmread(corpus / "mimic-cxr" / "2.1.0" / row.path, stop_before_pixels=True)
        assert (header.PatientID, header.StudyID) == (row.subject_id, row.study_id)
    assert len(list(corpus.rglob("*.dcm"))) == len(records)


def test_reports_are_in_an_archive_as_the_study_list_says(corpus: Path) -> None:
    listed = set(table(corpus, "study")["path"])
    with zipfile.ZipFile(corpus / "mimic-cxr" / "2.1.0" / "mimic-cxr-reports.zip") as archive:
        packed = set(archive.namelist())
        blank = [name for name in packed if not archive.read(name).strip()]
    assert packed < listed
    assert blank


def test_some_studies_have_no_film(corpus: Path) -> None:
    assert set(table(corpus, "record")["study_id"]) < set(table(corpus, "study")["study_id"])

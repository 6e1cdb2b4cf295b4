from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from plainfilm import phantom

pydicom = pytest.importorskip("pydicom")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dicom_folder") / "raw"
    phantom.write("dicom_folder", root, studies=12, size=96, workers=1)
    return root


def headers(root: Path, name: str) -> list[Any]:
    paths = sorted(root.glob(f"Phantom_*/*/{name}*"))
    return [pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in paths]


def test_films_have_endings_or_none_and_a_preamble_or_none(root: Path) -> None:
    paths = sorted(root.glob("Phantom_*/*/IM*"))
    assert {path.suffix for path in paths} == {"", ".dcm"}
    assert {path.read_bytes()[128:132] == b"DICM" for path in paths} == {True, False}


def test_films_are_of_both_polarities_and_several_depths(root: Path) -> None:
    films = headers(root, "IM")
    assert {film.PhotometricInterpretation for film in films} == {"MONOCHROME1", "MONOCHROME2"}
    assert len({film.BitsStored for film in films}) > 1


def test_views_are_stated_in_several_ways(root: Path) -> None:
    films = headers(root, "IM")
    for keyword in ("ViewPosition", "ViewCodeSequence", "SeriesDescription", "PatientOrientation"):
        assert 0 < sum(keyword in film for film in films) < len(films), keyword


def test_headers_and_folders_name_the_patient(root: Path) -> None:
    for path in root.glob("Phantom_*/*/IM*"):
        film = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        assert film.PatientID in path.parts[-3]
        assert film.AccessionNumber in path.parts[-2]
        assert film.PatientID in str(film.PatientName)


def test_a_report_is_in_the_table_or_in_a_structured_report(root: Path) -> None:
    with (root / "reports.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    listed = {row["AccessionNumber"] for row in rows}
    structured = {report.AccessionNumber for report in headers(root, "SR")}
    assert structured
    assert not listed & structured
    assert "A0" in listed

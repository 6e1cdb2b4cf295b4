"""`plainfilm predict --sr` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from plainfilm.cli.main import run
from plainfilm.dicom_output.annotations import results_of_document
from plainfilm.dicom_output.read_report import read_report
from tests.dicom_output.films import film_file
from tests.dicom_output.region_model import save_region_model
from tests.io.test_locks import held_by_another


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_region_model(tmp_path_factory.mktemp("models") / "region"))


@pytest.fixture
def films(tmp_path: Path) -> list[str]:
    headers = [{"SOPInstanceUID": f"1.2.3.4.{number}"} for number in (1, 2)]
    return [str(film_file(tmp_path / f"{header['SOPInstanceUID']}.dcm", **header)) for header in headers]


ASK = ["--find", "left pleural effusion", "--find", "mass", "--box", "10,20,60,90"]


def test_the_reports_hold_what_the_document_says(
    model: str, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["predict", model, *films, *ASK, "--sr", str(out), "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert len(list(out.iterdir())) == 6
    for number, entry in enumerate(entries, start=1):
        report = read_report(out / f"sr-1.2.3.4.{number}.dcm")
        read, wanted = report.films[f"1.2.3.4.{number}"], results_of_document(entry)
        assert [(one.box, one.name, one.sentence, one.score) for one in read.annotations] == [
            (one.box, one.name, one.sentence, one.score) for one in wanted.annotations
        ]
        assert read.findings == wanted.findings


def test_a_second_run_makes_the_same_objects(model: str, films: list[str], tmp_path: Path) -> None:
    uids = []
    for out in (tmp_path / "first", tmp_path / "second"):
        assert run(["predict", model, films[0], *ASK, "--sr", str(out)]) == 0
        uids.append({path.name: pydicom.dcmread(path).SOPInstanceUID for path in out.iterdir()})
    assert uids[0] == uids[1]


def test_another_question_makes_another_series(model: str, films: list[str], tmp_path: Path) -> None:
    series = []
    for phrase in ("mass", "nodule"):
        out = tmp_path / phrase
        assert run(["predict", model, films[0], "--find", phrase, "--sr", str(out)]) == 0
        series.append({pydicom.dcmread(path).SeriesInstanceUID for path in out.iterdir()})
    assert len(series[0] | series[1]) == 6


def test_a_png_is_refused_in_one_line_before_any_work(
    model: str, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(tmp_path / "f.png")
    words = ["predict", model, films[0], str(tmp_path / "f.png"), "--sr", str(tmp_path / "out")]
    assert run(words) == 2
    error = capsys.readouterr().err
    assert "f.png: is no DICOM file, so there is no study" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_film_without_pixels_has_no_files(model: str, films: list[str], tmp_path: Path) -> None:
    film_file(Path(films[1]), SOPInstanceUID="1.2.3.4.2", PixelData=b"")
    assert run(["predict", model, *films, "--sr", str(tmp_path / "out")]) == 1
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_studies_are_refused(model: str, films: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", model, *films, "--study", "--sr", "out"]) == 2
    assert "--sr writes the results of single films: leave --study out" in capsys.readouterr().err


def test_a_folder_that_another_process_writes_is_refused(
    model: str, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held_by_another(tmp_path / "out"):
        assert run(["predict", model, films[0], "--sr", str(tmp_path / "out")]) == 2
    assert "is being written by process" in capsys.readouterr().err

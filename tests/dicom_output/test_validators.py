"""`dciodvfy`, `dsrdump` and `dicom-validator` find no error in what is written, nor do pydicom's readers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pydicom
import pytest

from plainfilm.dicom_output.annotations import FilmResults
from plainfilm.dicom_output.write import write_objects
from tests.dicom_output.films import ALGORITHM, RESULTS, source_film

FILMS: dict[str, dict[str, Any]] = {
    "complete header": {},
    "sparse header": dict.fromkeys(
        ("StudyID", "StudyTime", "AccessionNumber", "PatientBirthDate", "BodyPartExamined")
    ),
    "inverted": {"PhotometricInterpretation": "MONOCHROME1"},
    "computed radiography": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "Modality": "CR"},
    "with a side": {"Laterality": "L", "PatientOrientation": ["L", "F"]},
}
NO_BOXES = FilmResults(tuple(one for one in RESULTS.annotations if one.box is None))
READERS = ("", "王小明", "Doe^Jane")
CASES = [
    *((name, RESULTS) for name in FILMS),
    ("complete header", NO_BOXES),
    ("complete header", FilmResults()),
]


def tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return path


@pytest.fixture(scope="module", params=range(len(CASES)), ids=lambda place: f"{CASES[place][0]} {place}")
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    name, results = CASES[request.param]
    folder = tmp_path_factory.mktemp("objects")
    film = source_film(folder, **FILMS[name])
    return write_objects(film, results, ALGORITHM, folder, READERS[request.param % len(READERS)])


def test_dciodvfy_reports_no_error(files: list[Path]) -> None:
    dciodvfy = tool("dciodvfy", "dicom3tools")
    for path in files:
        done = subprocess.run([dciodvfy, str(path)], capture_output=True, text=True)
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], path.name
        assert done.returncode == 0


def test_dciodvfy_finds_an_error_where_there_is_one(files: list[Path], tmp_path: Path) -> None:
    dataset = pydicom.dcmread(files[0])
    del dataset.CompletionFlag
    dataset.save_as(tmp_path / "broken.dcm")
    command = [tool("dciodvfy", "dicom3tools"), str(tmp_path / "broken.dcm")]
    assert "Error" in subprocess.run(command, capture_output=True, text=True).stderr


def test_dsrdump_reads_the_report(files: list[Path]) -> None:
    dsrdump = tool("dsrdump", "dcmtk")
    done = subprocess.run([dsrdump, "+U8", str(files[0])], capture_output=True)
    said = (done.stderr + done.stdout).decode(errors="replace")  # long texts are cut within letters
    assert done.returncode == 0
    assert not re.search(r"^[EF]:", said, re.MULTILINE), said
    assert "Imaging Measurement Report" in said


def test_dicom_validator_reports_no_error(files: list[Path]) -> None:
    from dicom_validator.spec_reader.edition_reader import EditionReader
    from dicom_validator.validator.iod_validator import IODValidator

    stored = EditionReader()
    editions = sorted(path for path in stored.path.glob("20*") if (path / "json" / "iod_info.json").is_file())
    if not editions:
        pytest.skip(
            f"no edition of the standard in {stored.path}, from which dicom-validator reads it: run "
            "`validate_iods FILE` once with access to dicom.nema.org"
        )
    information = stored.load_dicom_info(editions[-1].name)
    for path in files:
        result = IODValidator(pydicom.dcmread(path), information).validate()
        assert (result.errors, result.status.name) == (0, "Passed"), path.name

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from plainfilm.phantom.dicom_files import write_dicom
from plainfilm.sources.common.film_header import with_header
from plainfilm.types import Image, Rejection, Study, View

FILM = np.tile(np.arange(32, dtype=np.uint8) * 8, (24, 1))


def read(path: Path, *, patient: bool = False) -> tuple[Study, list[Rejection]]:
    study = Study("s", "s", (Image("s", path),), files=(path,))
    *rejections, found = with_header(study, patient=patient)
    return found, rejections


def film(folder: Path, **attributes: str) -> Path:
    path = folder / "film.dcm"
    write_dicom(path, FILM, attributes=attributes)
    return path


def test_what_a_header_says(tmp_path: Path) -> None:
    path = film(tmp_path, PatientSex="F", PatientAge="061Y", ViewPosition="AP", PatientID="p7")
    study, rejections = read(path, patient=True)
    assert (study.sex, study.age, study.patient_id, study.images[0].view) == ("F", 61, "p7", View.AP)
    assert rejections == []


def test_the_patient_of_the_header_is_taken_only_where_it_is_wanted(tmp_path: Path) -> None:
    assert read(film(tmp_path, PatientID="p7"))[0].patient_id == "s"


def test_unknown_is_not_a_mistake(tmp_path: Path) -> None:
    study, rejections = read(film(tmp_path, PatientSex="O", PatientAge="000Y"))
    assert (study.sex, study.age, rejections) == (None, None, [])


def test_what_is_not_understood_is_told_and_the_study_kept(tmp_path: Path) -> None:
    study, rejections = read(film(tmp_path, PatientSex="X", PatientAge="155Y"))
    assert (study.sex, study.age) == (None, None)
    assert [rejection.reason.partition(" is")[0] for rejection in rejections] == [
        "the age in its header",
        "the sex in its header",
    ]


def test_a_header_in_an_archive(tmp_path: Path) -> None:
    path = film(tmp_path, PatientSex="M")
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.write(path, "film.dcm")
    assert read(tmp_path / "films.zip" / "film.dcm")[0].sex == "M"


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", b"\0" * 200])
def test_a_damaged_file_is_left_to_its_decoding(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(content)
    study, rejections = read(path)
    assert (study.sex, rejections) == (None, [])


def test_a_film_that_is_not_here(tmp_path: Path) -> None:
    assert read(tmp_path / "gone.dcm")[0].age is None

"""Headers of films: what is quoted, what is left empty, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.dicom_output.source_film import read_source_film
from plainfilm.dicom_output.structured_report import structured_report
from plainfilm.errors import ImageError
from tests.dicom_output.films import ALGORITHM, RESULTS, film_file, source_film


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", [None, "film 7", ""])
def test_a_film_without_an_identifier_is_one_line(keyword: str, value: str | None, tmp_path: Path) -> None:
    path = film_file(tmp_path / "film.dcm", **{keyword: value})
    with pytest.raises(ImageError, match=f"film.dcm: has no valid {keyword}") as caught:
        read_source_film(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SOPClassUID"])
def test_an_identifier_that_is_none_is_one_line(keyword: str, tmp_path: Path) -> None:
    path = film_file(tmp_path / "film.dcm", **{keyword: "film 7"})
    with pytest.raises(ImageError, match=f"film.dcm: has no valid {keyword}"):
        read_source_film(path)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientBirthDate", "31.1.1950"),
        ("PatientSex", "female"),
        ("StudyTime", "noon"),
        ("PatientID", "x" * 70),
        ("AccessionNumber", "x" * 20),
    ],
)
def test_values_that_dicom_does_not_allow_are_left_empty(keyword: str, value: str, tmp_path: Path) -> None:
    film = source_film(tmp_path, **{keyword: value})
    assert film.header[keyword].value in ("", None)
    structured_report(film, RESULTS, ALGORITHM)


@pytest.mark.parametrize("keyword", ["PatientName", "PatientID", "PatientBirthDate", "StudyID", "StudyTime"])
def test_absent_elements_are_no_obstacle(keyword: str, tmp_path: Path) -> None:
    film = source_film(tmp_path, **{keyword: None})
    assert not structured_report(film, RESULTS, ALGORITHM)[keyword].value


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("GB18030", "王^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
    ],
)
def test_names_in_any_character_set_come_out_in_utf_8(
    character_set: str | list[str], name: str, tmp_path: Path
) -> None:
    film = source_film(tmp_path, SpecificCharacterSet=character_set, PatientName=name)
    report = structured_report(film, RESULTS, ALGORITHM)
    assert (str(report.PatientName), report.SpecificCharacterSet) == (name, "ISO_IR 192")


def test_only_listed_elements_are_quoted(tmp_path: Path) -> None:
    private = {"PatientAddress": "Baker Street", "InstitutionName": "St. Bart", "OperatorsName": "Watson^J"}
    report = structured_report(source_film(tmp_path, **private), RESULTS, ALGORITHM)
    assert not any(value in str(report) for value in private.values())


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(400), b"junk" * 100])
def test_what_is_no_dicom_file_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(content)
    with pytest.raises(ImageError, match="film.png: is no DICOM file"):
        read_source_film(tmp_path / "film.png")


@pytest.mark.parametrize("length", [140, 300, 500])
def test_a_truncated_file_is_one_line(length: int, tmp_path: Path) -> None:
    path = film_file(tmp_path / "film.dcm")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ImageError, match="film.dcm: "):
        read_source_film(path)

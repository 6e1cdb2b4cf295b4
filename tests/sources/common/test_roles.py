from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.sources.common.roles import headers_of_roles

FILE = Path("t.csv")


@pytest.mark.parametrize(
    "headers",
    [
        ["Path", "Patient ID", "Report"],
        ["IMAGE_PATH", "PATIENT_ID", "TEXT"],
        ["File Name", "SubjectId", "report "],
        ["file-name", "patient", "Text"],
    ],
)
def test_usual_headers_in_any_spelling(headers: list[str]) -> None:
    roles = headers_of_roles(headers, FILE, {})
    assert {role: names[0] for role, names in roles.items()} == dict(
        zip(("image", "patient", "text"), headers, strict=True)
    )


def test_an_exact_header_comes_first() -> None:
    assert headers_of_roles(["Path", "path"], FILE, {})["image"] == ["path"]


def test_two_that_may_be_meant_are_asked_about() -> None:
    with pytest.raises(DataError, match="may be any of 'Path', 'PATH'"):
        headers_of_roles(["Path", "PATH", "report"], FILE, {})


@pytest.mark.parametrize("header", ["pateint_id", "patientids", "subjct_id", "Patient_IDs"])
def test_a_header_that_is_nearly_the_patients_is_asked_about(header: str) -> None:
    with pytest.raises(SourceError, match=f"is column '{header}' the patient"):
        headers_of_roles(["path", header, "report"], FILE, {})


def test_a_header_that_is_nearly_the_images_is_asked_about() -> None:
    with pytest.raises(SourceError, match="is column 'paths' the image"):
        headers_of_roles(["paths", "report"], FILE, {})


def test_stated_headers_in_any_spelling() -> None:
    roles = headers_of_roles(["Bild", "Edema ", "MASS"], FILE, {"image": "bild", "labels": "edema,Mass"})
    assert roles == {"image": ["Bild"], "labels": ["Edema ", "MASS"]}

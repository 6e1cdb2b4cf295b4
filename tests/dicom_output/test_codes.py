"""Coded concepts agree with DICOM's own tables; names without one are private."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydicom.sr._concepts_dict import concepts as of_dicom

from plainfilm.dicom_output import codes, concepts
from plainfilm.dicom_output.codes import kind_of, private_code, subject_of
from plainfilm.dicom_output.concepts import PRIVATE, CodedName

TABLE: dict[str, Any] = yaml.safe_load(Path(codes.__file__).with_suffix(".yaml").read_text())
ROWS = [*TABLE["observations"], *TABLE["regions"]]


def listed_in_dicom() -> dict[tuple[str, str], set[str]]:
    """Meanings in lower case by scheme and value, as pydicom has them from PS3.16."""
    found: dict[tuple[str, str], set[str]] = {}
    for scheme, names in of_dicom.items():
        for meanings in names.values():
            for value, (meaning, _) in meanings.items():
                found.setdefault((scheme, value), set()).add(meaning.lower())
    return found


LISTED = listed_in_dicom()


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["source"] == "dicom"], ids=lambda row: row["names"][0]
)
def test_codes_of_dicom_have_its_meanings(row: dict[str, Any]) -> None:
    value, scheme, meaning = row["code"]
    assert meaning.lower() in LISTED[scheme, value]


def test_codes_that_dicom_does_not_list_say_so() -> None:
    for row in ROWS:
        value, scheme, _ = row["code"]
        assert ((scheme, value) in LISTED) == (row["source"] == "dicom"), row


def test_no_name_stands_twice() -> None:
    names = [name.casefold() for row in ROWS for name in row["names"]]
    assert len(set(names)) == len(names)


def test_sites_are_codes_of_dicom() -> None:
    for value, scheme, meaning in TABLE["sites"].values():
        assert meaning.lower() in LISTED[scheme, value]
    assert {row.get("site") for row in TABLE["observations"]} <= set(TABLE["sites"])


@pytest.mark.parametrize(
    ("name", "finding", "site", "side"),
    [
        ("Pleural Effusion", "Pleural effusion", "Pleura", None),
        ("left pleural effusion", "Pleural effusion", "Pleura", "Left"),
        ("pleural effusion, right.", "Pleural effusion", "Pleura", "Right"),
        ("right lower lung zone", "Described region", "Lower zone of lung", "Right"),
        ("right atrium", "Described region", "Right atrium", None),
        ("a shadow", "a shadow", None, None),
        ("left", "left", None, None),
        (None, "Described region", None, None),
    ],
)
def test_subjects(name: str | None, finding: str, site: str | None, side: str | None) -> None:
    subject = subject_of(name)
    assert subject.finding.meaning == finding
    assert (subject.site and subject.site.meaning, subject.side and subject.side.meaning) == (site, side)


def test_private_codes_fit_their_elements_and_are_the_same_for_the_same_words() -> None:
    long = private_code("An opacity \\ of " + "very " * 30 + "long name")
    assert (len(long.value), len(long.meaning), long.scheme) == (16, 64, "99PLAINFILM")
    assert "\\" not in long.meaning
    assert private_code("Pleural_Other").value == private_code("pleural other").value


NOT_LISTED = {"Plain chest X-ray", "Qualitative Evaluations", "Source", "pixels"}
"""Codes of templates that pydicom's tables leave out, or have under a longer meaning."""


def test_concepts_are_dicom_s_or_private_and_short() -> None:
    for one in (value for value in vars(concepts).values() if isinstance(value, CodedName)):
        is_listed = one.meaning.lower() in LISTED.get((one.scheme, one.value), ())
        assert is_listed == (one.scheme != PRIVATE and one.meaning not in NOT_LISTED), one
        assert len(one.value) <= 16


@pytest.mark.parametrize(
    ("name", "kind"),
    [("edema", "observation"), ("left hemidiaphragm", "region"), ("odd", "phrase"), (None, "phrase")],
)
def test_kinds(name: str | None, kind: str) -> None:
    assert kind_of(name) == kind

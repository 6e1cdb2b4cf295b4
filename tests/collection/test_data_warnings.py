"""Warnings count all that they concern and show the first, in whatever parts tables are read."""

from __future__ import annotations

import pytest

from plainfilm.collection import data_warnings
from plainfilm.collection.data_warnings import warnings_of
from tests.collection.in_memory import collection_of


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_warnings, "_AT_ONCE", 3)


def told(**rows: list[dict[str, str]]) -> list[tuple[str, int, list[str]]]:
    found = warnings_of(collection_of(**rows))
    return [(entry["message"], entry["n"], entry["ids"]) for entry in found]


def test_studies_without_parts() -> None:
    names = [f"s{number}" for number in range(20)]
    studies = [{"study_id": name, "patient_id": name if name > "s5" else "p"} for name in names]
    images = [{"study_id": name} for name in [*names[:2], "unknown", *names[9:]]]
    sections = [{"study_id": name} for name in ["unknown", *names[7:1:-1]]]
    assert told(studies=studies, images=images, sections=sections) == [
        ("14 studies without report", 14, ["s0", "s1", "s8", "s9", "s10"]),
        ("7 studies without image", 7, names[2:7]),
        ("4 studies of unknown patients: splits by patient cannot be checked for them", 4, names[6:10]),
    ]


def test_images_with_flags_and_licences() -> None:
    flags = ["b; looks odd", None, "a; b; a", "b", None, "b", "b", "b; a"]
    licences = ["CC0-1.0", None, *["CC-BY-ND-4.0"] * 3, *["CC-BY-NC-4.0"] * 3]
    images = [
        {
            "image_id": f"i{row}",
            "view": "unknown" if row in (0, 7) else "PA",
            "flags": flag,
            "licence": licence,
        }
        for row, (flag, licence) in enumerate(zip(flags, licences, strict=True))
    ]
    assert [one for one in told(images=images) if "licence" not in one[0]][:4] == [
        ("2 images of unknown view", 2, ["i0", "i7"]),
        ("3 images: a", 3, ["i2", "i2", "i7"]),
        ("6 images: b", 6, ["i0", "i2", "i3", "i5", "i6"]),
        ("1 images: looks odd", 1, ["i0"]),
    ]
    forbidden = [one for one in told(images=images) if "forbids" in one[0]]
    assert [one[1:] for one in forbidden] == [(3, ["i5", "i6", "i7"]), (3, ["i2", "i3", "i4"])]


def test_rejected_rows_and_boxes_among_them() -> None:
    reasons = ["box is empty", "a box ", "box x", *["is no image"] * 4]
    rejected = [{"path": f"{row}", "reason": reason} for row, reason in enumerate(reasons)]
    assert told(rejected=rejected) == [
        ("7 rows of the table `rejected`", 7, ["0", "1", "2", "3", "4"]),
        ("2 boxes that are inverted, empty, or outside their image: left out", 2, ["0", "2"]),
    ]


def test_likely_identifiers_by_kind() -> None:
    text = "Seen by Dr. Miller on 03/14/2019."
    sections = [{"study_id": f"s{row}", "text": text if row % 2 else "No effusion."} for row in range(14)]
    assert told(sections=sections) == [
        (f"7 report sections with what looks like a {kind}", 7, ["s1", "s3", "s5", "s7", "s9"])
        for kind in ("date", "name")
    ]

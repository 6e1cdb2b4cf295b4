from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from plainfilm.collection.rows import TableRows, add_study
from plainfilm.errors import ImageError
from plainfilm.io import limits
from plainfilm.types import Box, Image, Label, Report, Section, State, Study

MEASURES = {
    "path": "images/aa/i.jpg",
    "width": 50,
    "height": 25,
    "original_width": 200,
    "original_height": 100,
    "pixel_spacing_mm": None,
    "sha256": "0",
}


def store(image: Image) -> dict[str, Any]:
    if image.path.name == "bad.jpg":
        raise ImageError(f"{image.path}: is empty (0 bytes); fetch the file again")
    return MEASURES


def rows_of(study: Study) -> dict[str, list[dict[str, Any]]]:
    rows = TableRows()
    add_study(study, rows, store, lambda path: path.name)
    return rows.tables


def study(*boxes: Box, **fields: Any) -> Study:
    image = Image("i", Path("/raw/i.jpg"), boxes=boxes)
    return Study(**{"study_id": "s", "patient_id": "p", "images": (image,), **fields})


def test_boxes_are_scaled_to_stored_pixels_and_cut() -> None:
    (row,) = rows_of(study(Box("Mass", "observation", 40, 20, 260, 60)))["boxes"]
    assert (row["x0"], row["y0"], row["x1"], row["y1"]) == (10.0, 5.0, 50.0, 15.0)


@pytest.mark.parametrize(
    ("corners", "kind", "reason"),
    [
        ((50, 10, 20, 40), "observation", "inverted"),
        ((10, 10, 10, 40), "observation", "no area"),
        ((300, 10, 400, 40), "observation", "outside the image of 200 x 100"),
        ((math.nan, 10, 20, 40), "observation", "not a number"),
        ((10, 10, 20, 40), "polygon", "kind 'polygon'"),
    ],
)
def test_boxes_that_cannot_be(corners: tuple[float, ...], kind: str, reason: str) -> None:
    tables = rows_of(study(Box("Mass", kind, *corners)))
    assert "boxes" not in tables
    assert reason in tables["rejected"][0]["reason"]


def test_a_label_outside_the_states_is_rejected() -> None:
    labels = (Label("Edema", 2, "x"), Label("Mass", State.NEGATIVE, "x"))  # type: ignore[arg-type]
    tables = rows_of(study(labels=labels))
    assert [row["observation"] for row in tables["labels"]] == ["Mass"]
    assert "'Edema' of study s has state 2" in tables["rejected"][0]["reason"]


def test_a_report_longer_than_any_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LONGEST_TEXT", 20)
    tables = rows_of(study(report=Report("No effusion. " * 2)))
    assert "sections" not in tables
    assert tables["rejected"][0]["reason"] == "its report has more than 20 characters and is left out"
    assert rows_of(study(report=Report("No effusion.")))["sections"]


def test_a_bad_image_costs_the_image_only() -> None:
    images = (Image("i", Path("/raw/i.jpg")), Image("j", Path("/raw/bad.jpg")))
    tables = rows_of(study(images=images))
    assert len(tables["images"]) == 1
    assert tables["rejected"] == [
        {"path": "bad.jpg", "reason": "is empty (0 bytes); fetch the file again", "study_id": "s"}
    ]


def test_a_study_with_nothing_usable_is_rejected_whole() -> None:
    images = (Image("j", Path("/raw/bad.jpg")),)
    tables = rows_of(study(images=images, labels=(Label("Mass", State.POSITIVE, "x"),)))
    assert set(tables) == {"rejected"}
    assert [row["study_id"] for row in tables["rejected"]] == ["s"]


def test_a_study_without_anything_is_rejected() -> None:
    (row,) = rows_of(study(images=()))["rejected"]
    assert row["reason"] == "the study has neither a usable image nor report text"


def test_sections_and_sentences_have_exact_offsets() -> None:
    text = "INDICATION:  Cough.\n\nFINDINGS:  Lungs are\nclear. No effusion.\n"
    tables = rows_of(study(report=Report(text)))
    assert all(text[row["start"] : row["end"]] == row["text"] for row in tables["sections"])
    sentences = tables["sentences"]
    assert [" ".join(text[row["start"] : row["end"]].split()) for row in sentences] == [
        row["text"] for row in sentences
    ]
    assert [row["position"] for row in sentences] == list(range(len(sentences)))
    assert tables["studies"][0]["indication"] == "Cough."


def test_stated_sections_are_taken_as_they_are() -> None:
    report = Report("A. B.", (Section("impression", "B.", 3, 5),))
    tables = rows_of(study(report=report))
    assert [(row["section"], row["text"]) for row in tables["sections"]] == [("impression", "B.")]


def test_report_of_marks_only_is_no_usable_text() -> None:
    tables = rows_of(study(images=(), report=Report(" \n ")))
    assert "studies" not in tables


def test_split_is_drawn_where_none_is_stated() -> None:
    splits = {rows_of(study(patient_id="same", study_id=str(n)))["studies"][0]["split"] for n in range(5)}
    assert len(splits) == 1


@pytest.mark.parametrize(
    ("stated", "fits"),
    [
        ((400, 200), True),  # the stored film is 50 x 25
        ((401, 200), True),
        ((203, 100), True),  # 1.5 % off: a rounded side
        ((200, 103), False),
        ((210, 100), False),
        ((200, 118), False),  # 15 % off: another crop
        ((100, 200), False),
    ],
)
def test_boxes_of_a_film_of_other_proportions_are_refused(stated: tuple[int, int], fits: bool) -> None:
    boxes = (Box("Mass", "observation", 40, 20, 80, 60),)
    image = Image("i", Path("/raw/i.jpg"), boxes=boxes, width=stated[0], height=stated[1])
    tables = rows_of(study(images=(image,)))
    assert ("boxes" in tables) == fits
    if not fits:
        reason = f"belongs to an image of ({stated[0]}, {stated[1]}), which this one of (50, 25)"
        assert reason in tables["rejected"][0]["reason"]

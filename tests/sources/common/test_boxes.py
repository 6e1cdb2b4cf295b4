from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from plainfilm.sources.common.boxes import corners_of, fitted, size_of_picture
from plainfilm.sources.common.rows import Row
from plainfilm.types import Box, Image, Rejection

HEADERS = ("a", "b", "c", "d")


def row(*corners: str) -> Row:
    return Row(Path("boxes.csv"), 4, dict(zip(HEADERS, corners, strict=True)))


def test_corners_of_a_row() -> None:
    assert corners_of(row("1.5", "2", "3", "4"), HEADERS, "film") == (1.5, 2, 3, 4)
    assert corners_of(row("", " ", "nan", ""), HEADERS, "film") is None


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        (("1", "2", "x", "4"), "box (1, 2, x, 4) is not four numbers"),
        (("1", "2", "", "4"), "box (1, 2, , 4) is not four numbers"),
        (("5", "2", "3", "4"), "box (5, 2, 3, 4) is inverted or has no area"),
        (("1", "2", "1", "4"), "box (1, 2, 1, 4) is inverted or has no area"),
    ],
)
def test_a_row_whose_box_cannot_be_used(corners: tuple[str, ...], reason: str) -> None:
    assert corners_of(row(*corners), HEADERS, "film") == Rejection("boxes.csv row 4", reason, "film")


def test_a_box_of_a_corner_and_a_size() -> None:
    assert corners_of(row("1", "2", "3", "4"), HEADERS, "film", sized=True) == (1, 2, 4, 6)
    refused = corners_of(row("1", "2", "0", "4"), HEADERS, "film", sized=True)
    assert refused == Rejection("boxes.csv row 4", "box (1, 2, 0, 4) is inverted or has no area", "film")


def test_boxes_in_another_frame_and_the_size_of_a_picture(tmp_path: Path) -> None:
    PillowImage.new("I;16", (30, 20)).save(tmp_path / "film.png")
    assert size_of_picture(tmp_path / "film.png") == (30, 20)
    assert size_of_picture(tmp_path / "none.png") is None
    image = Image("film", tmp_path / "film.png", boxes=(Box("Mass", "observation", 0.5, 0.1, 1.0, 0.2),))
    found = fitted(image, (1, 1), (30, 20))
    assert (found.width, found.height) == (30, 20)
    assert [(box.x0, box.y0, box.x1, box.y1) for box in found.boxes] == [(15, 2, 30, 4)]
    assert fitted(replace(image, boxes=()), (1, 1), (30, 20)).boxes == ()

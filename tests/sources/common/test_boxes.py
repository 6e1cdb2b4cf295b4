from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.sources.common.boxes import corners_of
from plainfilm.sources.common.rows import Row
from plainfilm.types import Rejection

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

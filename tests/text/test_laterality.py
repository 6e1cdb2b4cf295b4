"""Left and right change places in words, and nothing else changes."""

from __future__ import annotations

import pytest

from plainfilm.text.laterality import mirrored


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Small left pleural effusion.", "Small right pleural effusion."),
        ("Left lung clear; RIGHT lung: opacity", "Right lung clear; LEFT lung: opacity"),
        ("right-sided line, left/right bases", "left-sided line, right/left bases"),
        ("Left X", "Right X"),
        ("left_lung", "right_lung"),
        ("RIGHT_LUNG", "LEFT_LUNG"),
        (
            "\u5de6\u5074\u80cb\u819c\u7a4d\u6db2\uff0c\u53f3\u80ba\u6e05\u6670",
            "\u53f3\u5074\u80cb\u819c\u7a4d\u6db2\uff0c\u5de6\u80ba\u6e05\u6670",
        ),
    ],
)
def test_sides_change_places(text: str, expected: str) -> None:
    assert mirrored(text) == expected
    assert mirrored(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "A bright upright film.",
        "leftover",
        "copyright",
        "Frightened, cleft, aright",
        "Heart size is normal.",
        "",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert mirrored(text) == text

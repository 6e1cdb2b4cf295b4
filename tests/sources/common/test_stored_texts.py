"""Texts on disk are those that were added, in any order of reading."""

from __future__ import annotations

import pytest

from plainfilm.sources.common.stored_texts import StoredTexts

TEXTS = ["", "No effusion.", "Épanchement à gauche — 左侧", "lone \ud800 surrogate", "a\nb\r\nc\0"]


def test_texts_come_back_in_any_order_and_between_additions() -> None:
    stored = StoredTexts()
    for number, text in enumerate(TEXTS):
        stored.append(text)
        assert stored[number // 2] == TEXTS[number // 2]
    assert [stored[row] for row in (4, 0, 3, 2, 1)] == [TEXTS[row] for row in (4, 0, 3, 2, 1)]
    assert list(stored) == TEXTS
    assert stored[1:3] == TEXTS[1:3]


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_that_is_not_there(row: int) -> None:
    stored = StoredTexts()
    for text in TEXTS:
        stored.append(text)
    with pytest.raises(IndexError, match=f"text {row} of 5"):
        stored[row]

"""Other languages are not read, English in telegram style is."""

from __future__ import annotations

import pytest

from plainfilm.labelling import Labeller
from plainfilm.labelling.phrase_set import words_of
from plainfilm.labelling.readable import is_english

LABELLER = Labeller.load("nih14")


@pytest.mark.parametrize(
    "text",
    [
        "pas de pneumothorax.",
        "absence de consolidation et pas d'effusion.",
        "kein pneumothorax und keine konsolidation.",
        "geen pneumothorax, geen consolidation.",
        "sin pneumothorax ni edema.",
        "senza pneumothorax.",
    ],
)
def test_other_languages(text: str) -> None:
    assert not is_english(words_of(text))
    assert LABELLER.label_sentence(text) == []


@pytest.mark.parametrize(
    "text", ["no pneumothorax", "effusion", "le edema", "xxxx", "", "de novo mass in the lung"]
)
def test_english(text: str) -> None:
    assert is_english(words_of(text))

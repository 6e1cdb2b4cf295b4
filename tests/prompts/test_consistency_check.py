from __future__ import annotations

import pytest

from plainfilm.prompts.consistency_check import why_unfaithful


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Large left pleural effusion.", "There is a large effusion in the left pleural space."),
        ("No pleural effusion or pneumothorax.", "No pneumothorax or pleural effusion."),
        ("Stable 2.5 cm nodule.", "The 2.5 cm nodule is stable."),
    ],
)
def test_other_words_for_the_same_may_stand(text: str, said: str) -> None:
    assert why_unfaithful(text, said) is None


@pytest.mark.parametrize(
    ("text", "said", "why"),
    [
        ("No pleural effusion.", "No pleural  EFFUSION.", "the same words"),
        ("Comparison is made.", "A comparison was made.", "the labeller reads nothing in it"),
        ("No pneumothorax.", "Pneumothorax.", "Pneumothorax: negative became positive"),
        ("Possible edema.", "Edema.", "Edema: uncertain became positive"),
        ("The heart is enlarged.", "The engine is enlarged.", "Cardiomegaly: positive became not mentioned"),
        ("Left effusion.", "Right effusion.", "Pleural Effusion: another side, place, severity or change"),
        ("A nodule of 2 cm.", "A nodule of 20 cm.", "other figures"),
        ("XXXX pleural effusion.", "A pleural effusion is there.", "other figures"),
        ("No effusion.", "No effusion " + "no no " * 20, "much longer or shorter"),
        ("Large effusion with some atelectasis beside it.", "Effusion.", "much longer or shorter"),
    ],
)
def test_what_says_something_else_may_not(text: str, said: str, why: str) -> None:
    assert (why_unfaithful(text, said) or "").startswith(why)

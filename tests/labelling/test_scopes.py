"""Where a new statement begins within a sentence."""

from __future__ import annotations

from itertools import pairwise

import pytest

from plainfilm.labelling.mentions import Mention
from plainfilm.labelling.scopes import Scopes

SCOPES = Scopes.load()


def pieces(text: str, *findings: str) -> list[str]:
    """The statements that `text` falls into for what is said before them."""
    mentions = [Mention("x", "present", text.index(one), text.index(one) + len(one)) for one in findings]
    cuts = [0, *SCOPES.borders(text, mentions).forward, len(text)]
    return [text[low:high].rstrip() for low, high in pairwise(cuts)]


@pytest.mark.parametrize(
    "text",
    [
        "no edema|, mild effusion",
        "no edema |and mild effusion",
        "no edema| small left effusion",
        "no edema|, left effusion",
        "no edema|, large effusion",
        "no edema|, effusion unchanged",
        "no edema|, a 2 cm effusion",
        "no edema |- stable effusion",
        "no edema, effusion",
        "no edema, focal effusion",
        "no edema, large effusion or mass",
        "no edema, small effusion, or mass",
        "no edema or mild effusion",
        "no edema large effusion",
        "no edema or effusion unchanged",
    ],
)
def test_two_findings(text: str) -> None:
    assert pieces(text.replace("|", ""), "edema", "effusion") == [one.rstrip() for one in text.split("|")]


def test_a_subject_with_its_predicate_is_a_statement() -> None:
    assert pieces("history of edema, lungs are clear", "edema", "lungs are clear") == [
        "history of edema",
        ", lungs are clear",
    ]


def test_what_is_denied_behind_a_stated_finding_stays_behind_it() -> None:
    text = "mild edema, effusion not seen"
    mentions = [Mention("x", "present", 5, 10), Mention("y", "present", 12, 20)]
    assert SCOPES.borders(text, mentions).backward == [10]

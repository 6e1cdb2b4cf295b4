"""What a phrase cannot do without."""

from __future__ import annotations

import re

import pytest

from plainfilm.labelling.fragments import required_fragments
from plainfilm.labelling.phrases import expand
from plainfilm.labelling.vocabularies import load_vocabulary, vocabulary_names


@pytest.mark.parametrize(
    ("phrase", "fragments"),
    [
        ("effusions?", {"effusion"}),
        ("(heart|cardiac) <2> larg(e|er)?", {"heart", "cardiac"}),
        ("opacit(y|ies)", {"opacit"}),
        (r"\w*atelecta\w+", {"atelecta"}),
        ("o?edema", {"edema"}),
        ("(left |right )?pleura", {"pleura"}),
        (r"leads(?! to)", {"leads"}),
        (r"\?", set()),
        ("(a|[bc])d?", set()),
        ("vs\\.?", {"vs"}),
        ("ab{0,2}c", {"a"}),
    ],
)
def test_fragments_of_a_phrase(phrase: str, fragments: set[str]) -> None:
    assert required_fragments(phrase) == fragments


@pytest.mark.parametrize("name", vocabulary_names())
def test_every_match_has_one(name: str) -> None:
    """Words of each phrase itself, with its groups opened, are matches that the fragments must allow."""
    for wording in load_vocabulary(name).observations.values():
        for phrase in (*wording.present, *wording.absent, *wording.possible):
            plain = re.sub(r"\(([^()|]*)\|[^()]*\)", r"\1", phrase)
            if re.fullmatch(expand(phrase), plain):
                fragments = required_fragments(phrase)
                assert not fragments or any(fragment in plain for fragment in fragments), phrase

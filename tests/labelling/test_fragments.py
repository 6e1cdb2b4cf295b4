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
        ("effusions?", [{" effusion"}]),
        ("(heart|cardiac) <2> larg(e|er)?", [{" heart ", " cardiac "}, {" larg"}]),
        ("opacit(y|ies)", [{" opacit"}, {"y ", "ies "}]),
        (r"\w*atelecta\w+", [{"atelecta"}]),
        ("o?edema", [{"edema "}]),
        ("(left |right )?pleura", [{"pleura "}]),
        (r"leads(?! to)", [{" leads"}]),
        ("r/o", [{" r "}, {" o "}]),
        ("(no|without) ?(mass|lump)s", [{"mass", "lump"}, {" no", " without"}, {"s "}]),
        (r"\?", [{"?"}]),
        (",(?= the)", [{" the "}, {","}]),
        ("after(?= (removal|exchange))", [{" removal ", " exchange "}, {" after"}]),
        ("either|or", [{" either ", " or "}]),
        ("(ab|cd)+e", [{"ab", "cd"}, {"e "}]),
        ("(a|[bc])d?", []),
        ("vs\\.?", [{" vs"}]),
        ("ab{0,2}c", [{" a"}, {"c "}]),
    ],
)
def test_fragments_of_a_phrase(phrase: str, fragments: list[set[str]]) -> None:
    assert required_fragments(phrase) == fragments


@pytest.mark.parametrize("name", vocabulary_names())
def test_every_match_has_one(name: str) -> None:
    """Words of each phrase itself, with its groups opened, are matches that the fragments must allow."""
    for wording in load_vocabulary(name).observations.values():
        for phrase in (*wording.present, *wording.absent, *wording.possible):
            plain = re.sub(r"\(([^()|]*)\|[^()]*\)", r"\1", phrase)
            if re.fullmatch(expand(phrase), plain):
                words = " ".join(re.findall("[a-z0-9]+", f" {plain} "))
                for fragments in required_fragments(phrase):
                    assert any(fragment in f" {words} " for fragment in fragments), phrase

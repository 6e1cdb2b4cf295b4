"""Many phrases at once find what each of them would find alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plainfilm.labelling.phrase_set import Match, PhraseSet, without_overlaps, words_of
from plainfilm.labelling.phrases import compile_phrases
from plainfilm.labelling.vocabularies import load_vocabulary

PHRASES = [
    (name, phrase)
    for name, wording in load_vocabulary("chexpert").observations.items()
    for phrase in wording.present
]
WORDS = sorted({word for _, phrase in PHRASES for word in words_of(phrase)})
ALL = PhraseSet(PHRASES, "test")
ALONE = [(name, phrase, compile_phrases([phrase], "test")) for name, phrase in PHRASES]


@given(st.lists(st.sampled_from([*WORDS, "no", "is", ",", "the", "of"]), max_size=12).map(" ".join))
def test_nothing_is_missed_by_looking_at_letters_first(text: str) -> None:
    expected = {(name, phrase) for name, phrase, pattern in ALONE if pattern.search(text)}
    assert {(match.key, match.phrase) for match in ALL.find(text, words_of(text))} == expected


def test_of_overlapping_matches_the_first_and_then_the_longest_stays() -> None:
    matches = [Match("a", "x", 3, 9), Match("b", "y", 0, 4), Match("c", "z", 0, 2), Match("d", "w", 9, 11)]
    assert [match.key for match in without_overlaps(matches)] == ["b", "d"]
    assert [match.key for match in without_overlaps(matches, [(0, 1)])] == ["a", "d"]


def test_spaces_at_the_edges_are_no_part_of_a_match() -> None:
    found = PhraseSet([("a", "(very )?large( heart)?( or)? ?")], "test").find("a large  heart", {"large"})
    assert [(match.start, match.end) for match in found] == [(2, 14)]

"""Many phrases at once find what each of them would find alone."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from plainfilm.config import build, read_yaml
from plainfilm.labelling.context import _FILE, ContextRules
from plainfilm.labelling.phrase_set import Match, PhraseSet, without_overlaps
from plainfilm.labelling.phrases import compile_phrases
from plainfilm.labelling.vocabularies import load_vocabulary, vocabulary_names

CONTEXT = build(ContextRules, read_yaml(_FILE), "context.yaml")
PHRASES = sorted(
    {
        *(phrase for cue in CONTEXT.cues for phrase in cue.phrases),
        *(*CONTEXT.stops, *CONTEXT.clauses, *CONTEXT.backward_stops),
        *(
            phrase
            for name in vocabulary_names()
            for wording in load_vocabulary(name).observations.values()
            for phrase in (*wording.present, *wording.possible, *wording.absent, *wording.other)
        ),
    }
)
# What the phrases are made of, put together in ways that nobody thought of.
WORDS = sorted({word for phrase in PHRASES for word in re.findall("[a-z]+", phrase)})
PIECES = [*WORDS, *PHRASES, "no", "is", "the", "of", "and", "heart", "normal", "are", *",;:?(|/-+", " "]
ALL = PhraseSet(((phrase, phrase) for phrase in PHRASES), "test")
ALONE = [(phrase, compile_phrases([phrase], "test")) for phrase in PHRASES]


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(PIECES), max_size=14).flatmap(
        lambda few: st.sampled_from([" ", ""]).map(lambda between: between.join(few).lower())
    )
)
def test_nothing_is_missed_by_looking_at_letters_first(text: str) -> None:
    expected = [(phrase, words.strip()) for phrase, pattern in ALONE for words in pattern.findall(text)]
    found = ALL.find(text)
    assert [(match.key, text[match.start : match.end]) for match in found] == [
        (phrase, words) for phrase, words in expected if words
    ]


def test_of_overlapping_matches_the_first_and_then_the_longest_stays() -> None:
    matches = [Match("a", "x", 3, 9), Match("b", "y", 0, 4), Match("c", "z", 0, 2), Match("d", "w", 9, 11)]
    assert [match.key for match in without_overlaps(matches)] == ["b", "d"]
    assert [match.key for match in without_overlaps(matches, [(0, 1)])] == ["a", "d"]


def test_spaces_at_the_edges_are_no_part_of_a_match() -> None:
    found = PhraseSet([("a", "(very )?large( heart)?( or)? ?")], "test").find("a large  heart")
    assert [(match.start, match.end) for match in found] == [(2, 14)]

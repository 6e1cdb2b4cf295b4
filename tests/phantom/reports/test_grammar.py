from __future__ import annotations

import pytest

from plainfilm.phantom.reports.grammar import choose, expand, phrases, with_article
from plainfilm.phantom.truth import OBSERVATIONS
from plainfilm.seeding import generator


def test_a_bracket_becomes_one_of_its_choices():
    made = {choose("[a|b [c|d]]", {}, generator(n)) for n in range(50)}
    assert made == {"a", "b c", "b d"}


def test_a_slot_is_filled_and_the_sentence_tidied():
    assert expand("[|] {np} , seen .", {"np": "small  effusion"}, generator(0)) == "Small effusion, seen."


def test_a_slot_in_capitals_is_the_same_slot():
    assert expand("{Side} lung.", {"side": "left"}, generator(0)) == "Left lung."


def test_a_slot_that_is_missing_is_an_error():
    with pytest.raises(KeyError):
        expand("{nothing}", {}, generator(0))


def test_vowels_take_an():
    assert with_article("effusion") == "an effusion"
    assert with_article("small effusion") == "a small effusion"


def test_every_kind_of_finding_has_words():
    told = set(phrases()["kinds"]) | set(phrases()["devices"])
    assert told == set(OBSERVATIONS)

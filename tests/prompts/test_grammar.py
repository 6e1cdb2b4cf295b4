from __future__ import annotations

import pytest

from plainfilm.errors import ConfigError
from plainfilm.prompts.grammar import expand


def test_slots_are_filled_in_order() -> None:
    words = {"size": ["small", "large"], "side": ["left", "right"]}
    assert expand("{size} {side} mass.", words) == (
        "Small left mass.",
        "Small right mass.",
        "Large left mass.",
        "Large right mass.",
    )


def test_words_may_have_slots() -> None:
    assert expand("{stated}", {"stated": ["a {finding}."], "finding": ["mass"]}) == ("A mass.",)


def test_a_slot_that_occurs_twice_has_the_same_words() -> None:
    assert expand("{side} and {side}", {"side": ["a", "b"]}) == ("A and a", "B and b")


def test_words_that_contain_themselves_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'a' contain \{a\} again"):
        expand("{a}", {"a": ["{b}"], "b": ["{a}"]})


def test_a_pattern_that_explodes_is_refused() -> None:
    words = {name: [str(number) for number in range(20)] for name in "abc"}
    with pytest.raises(ConfigError, match="more than"):
        expand("{a}{b}{c}", words)

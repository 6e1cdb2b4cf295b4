from __future__ import annotations

import pytest

from plainfilm.errors import ConfigError
from plainfilm.labelling.phrases import compile_phrases, expand, lower


def found(phrase: str, text: str, *, strict: bool = False) -> list[str]:
    return compile_phrases([phrase], "test", strict=strict).findall(lower(text))


def test_a_space_is_any_white_space_or_hyphen() -> None:
    assert found("air space disease", "Air-space\n disease") == ["air-space\n disease"]


@pytest.mark.parametrize("text", ["masses", "biomass", "massive"])
def test_whole_words_only(text: str) -> None:
    assert found("mass", text) == []


def test_gaps_count_words() -> None:
    assert found("heart <2> large", "heart is very large")
    assert found("heart <2> large", "heart large")
    assert not found("heart <2> large", "heart is very very large")


@pytest.mark.parametrize("between", ["but", "without", "no", "however"])
def test_gaps_stay_in_their_clause(between: str) -> None:
    assert not found("heart <3> large", f"heart {between} large")


def test_strict_gaps_do_not_cross_abnormality() -> None:
    assert found("heart <5> normal", "heart is enlarged, mediastinum normal")
    assert not found("heart <5> normal", "heart is enlarged, mediastinum normal", strict=True)


def test_longer_phrases_win() -> None:
    pattern = compile_phrases(["no", "no evidence of"], "test")
    assert pattern.findall("no evidence of edema") == ["no evidence of"]


def test_groups_do_not_capture() -> None:
    assert expand("(a|b) c").count("(?:") == 2


def test_capitals_in_a_phrase_do_not_matter_but_escapes_do() -> None:
    assert found(r"XXXX \S+", "XXXX tube") == ["xxxx tube"]


def test_punctuation_may_follow_a_word() -> None:
    assert compile_phrases([";", r"\?"], "test").findall("a; ?b") == [";", "?"]


def test_lower_keeps_every_character_in_its_place() -> None:
    assert lower("ABC") == "abc"
    assert len(lower("İSTANBUL")) == len("İSTANBUL")


def test_a_phrase_that_is_no_regular_expression() -> None:
    with pytest.raises(ConfigError, match=r"mine.yaml, 'Edema': phrase 'o\(' cannot be read"):
        compile_phrases(["o("], "mine.yaml, 'Edema'")


@pytest.mark.parametrize("phrase", ["", "(oedema)?"])
def test_a_phrase_that_would_match_everywhere(phrase: str) -> None:
    with pytest.raises(ConfigError, match="would match everywhere"):
        compile_phrases([phrase], "mine.yaml")

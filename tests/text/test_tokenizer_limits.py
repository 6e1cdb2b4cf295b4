"""Patterns of tokenizers in use pass; those that can take exponential time do not."""

from __future__ import annotations

import json

import pytest

from plainfilm.errors import ModelError
from plainfilm.text.tokenizer_limits import check_tokenizer_limits

IN_USE = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve"
    r"|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "clip": r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    "deepseek": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
    r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "spaces": r" {2,}",
    "digits": r"\d{3}(?=(\d{3})$)",
}
CATASTROPHIC = [
    *(r"(a+)+$", r"(a*)*b", r"(a|a)*b", r"(a|aa)+$", r"([a-zA-Z]+)*$", r"(.*a){12}", r"(?:x+x+)+y"),
    *(r"a+{2,}b", r"(a?){30}a{30}", r"((ab)*)*c", r"(?:(?:\s|\n)+)*x", r"(\w+)\1+", r"(?<g>a\g<g>?b)"),
    *(r".*.*.*.*.*.*.*=.*", "(" * 3 + "a+" + ")+" * 3, r"[\]a]+(b[(]+)+"),
]


def tokenizer_with(pattern: str) -> str:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return json.dumps({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split]}})


@pytest.mark.parametrize("name", IN_USE)
def test_patterns_in_use_pass(name: str) -> None:
    check_tokenizer_limits(tokenizer_with(IN_USE[name]), "x")


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_a_catastrophic_pattern_is_named(pattern: str) -> None:
    with pytest.raises(ModelError, match="tokenizer.json: pattern .* can take endless time"):
        check_tokenizer_limits(tokenizer_with(pattern), "tokenizer.json")


def test_replacements_that_explode_are_refused() -> None:
    steps = [{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"} for _ in range(40)]
    with pytest.raises(ModelError, match="letters of one"):
        check_tokenizer_limits(json.dumps({"normalizer": {"normalizers": steps}}), "tokenizer.json")

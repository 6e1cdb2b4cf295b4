"""YAML that explodes, is nested without end or means nothing is one line, before it costs anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.config import override, read_yaml
from plainfilm.errors import ConfigError
from plainfilm.limited_yaml import parse_yaml

LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join(8 * [f'*{before}'])}]\n"
    for before, after in zip("abcdefghijk", "bcdefghijkl", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{after}: &{after} {{<<: [{', '.join(8 * [f'*{before}'])}]}}\n"
    for before, after in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *((LAUGHS, "more than 200000 values"), (MERGES, "more than 200000 values")),
        *(("[" * 50_000, "nested more than"), ("- " * 50_000, "nested more than")),
        *(("&a [*a]", "contains itself"), ("x: &a {y: *a}", "contains itself")),
        *(("a: 2001-13-45", "month"), ("a: " + "9" * 5000, "digits"), ("a: !!bool x", "not valid YAML")),
        ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
    ],
)
def test_a_hostile_text_is_one_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)


def test_aliases_within_the_limits_are_unfolded() -> None:
    assert parse_yaml("a: &x {k: 1}\nb: [*x, *x]") == {"a": {"k": 1}, "b": [{"k": 1}, {"k": 1}]}


def test_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(LAUGHS)
    with pytest.raises(ConfigError, match=r"recipe\.yaml: line \d+: not valid YAML"):
        read_yaml(tmp_path / "recipe.yaml")


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(b"#" * (9 << 20))
    with pytest.raises(ConfigError, match="larger than 8 MB"):
        read_yaml(tmp_path / "recipe.yaml")


def test_an_override_has_the_same_limits() -> None:
    with pytest.raises(ConfigError, match="is not a value"):
        override({}, ["a=" + "[" * 1000])

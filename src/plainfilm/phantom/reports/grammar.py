"""Phrases with random choices: `[a|b]` picks one, `{name}` is replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.config import read_yaml

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([^{}]+)\}")


@cache
def phrases() -> dict[str, Any]:
    """The grammar's words, from `phrases.yaml`."""
    return read_yaml(Path(__file__).with_name("phrases.yaml"))


def pick(options: Sequence[Any], rng: np.random.Generator) -> Any:
    """One of `options`."""
    return options[int(rng.integers(len(options)))]


def choose(template: str, slots: Mapping[str, str], rng: np.random.Generator) -> str:
    """`template` with slots filled and a choice made in every bracket, innermost first.

    A slot's value may contain choices too. A missing slot is an error of the grammar.
    """
    text = template
    while match := _SLOT.search(text):
        text = text[: match.start()] + _fill(match.group(1), slots) + text[match.end() :]
    while match := _CHOICE.search(text):
        text = text[: match.start()] + str(pick(match.group(1).split("|"), rng)) + text[match.end() :]
    return text


def expand(template: str, slots: Mapping[str, str], rng: np.random.Generator) -> str:
    """A sentence from `template`, as by `choose`, with clean spaces and an initial capital."""
    return tidy(choose(template, slots, rng))


def _fill(name: str, slots: Mapping[str, str]) -> str:
    if name in slots:
        return slots[name]
    return slots[name.lower()]


def tidy(text: str) -> str:
    """`text` with single spaces, none before a comma or full stop, and an initial capital."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.])", r"\1", text)
    return text[:1].upper() + text[1:]


def with_article(noun_phrase: str) -> str:
    """`noun_phrase` with "a" or "an"."""
    return f"{'an' if noun_phrase[:1].lower() in 'aeiou' else 'a'} {noun_phrase}"

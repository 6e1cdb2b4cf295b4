"""Whether a text says what another says, as far as the labeller and a look at its figures can tell.

For words that come from a translation model, which can lose a "no", turn left into right, make 2 cm 20, or
go on and on. What the labeller reads nothing in cannot be checked, and so is not trusted either.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, cast

from plainfilm.prompts.paraphrase import labels_of
from plainfilm.text.rules import normalise
from plainfilm.types import State

_FIGURES = re.compile(r"\d+(?:[.,]\d+)*|X{2,}|_{2,}")
_FEWEST, _MOST = 0.5, 2.0
_FREE_WORDS = 3
"""A text in other words has half to twice as many words; a short one may have a few more."""

UNREAD = "the labeller reads nothing in it"


def can_be_checked(text: str) -> bool:
    """Whether the labeller reads anything in `text`."""
    return bool(labels_of(text))


def why_unfaithful(text: str, said: str) -> str | None:
    """Why `said` may not stand for `text`; `None` where it may. Never quotes either.

    >>> why_unfaithful("No pleural effusion.", "Pleural effusion.")
    'Pleural Effusion: negative became positive'
    >>> why_unfaithful("Small left effusion.", "There is a small effusion on the left.") is None
    True
    """
    if normalise(said) == normalise(text):
        return "the same words"
    if not can_be_checked(text):
        return UNREAD
    count, least = len(said.split()), len(text.split())
    if not _FEWEST * least <= count <= _MOST * least + _FREE_WORDS:
        return "much longer or shorter"
    if Counter(_FIGURES.findall(said)) != Counter(_FIGURES.findall(text)):
        return "other figures"
    return _other_labels(text, said)


def _other_labels(text: str, said: str) -> str | None:
    """The first difference between what the labeller reads in the two, by observation."""
    before, after = _read(text), _read(said)
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        first, last = _named(old), _named(new)
        change = f"{first} became {last}" if first != last else "another side, place, severity or change"
        return f"{key[1]}: {change}"
    return None


def _read(text: str) -> dict[tuple[str, str], tuple[State, Any]]:
    found: dict[tuple[str, str], tuple[State, Any]] = {}
    for origin, observation, state, attributes in labels_of(text):
        found[str(origin), str(observation)] = (State(cast(int, state)), attributes)
    return found


def _named(read: tuple[State, Any] | None) -> str:
    return read[0].name.lower() if read else "not mentioned"

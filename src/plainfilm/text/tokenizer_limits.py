"""What a tokenizer's file may ask for: no pattern that takes exponential time, no replacement that explodes.

The tokenizers library matches regular expressions by backtracking. A group that repeats and holds a
repetition or a choice, such as `(a+)+` or `(a|a)*`, can take time that doubles with every letter; no
tokenizer in use has one. Neither loading nor a trial would show it: it depends on the text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from plainfilm.errors import ModelError

_MOST_REPEATS = 6
"""Unbounded repetitions in one alternative of a pattern: each multiplies the time by the length of a text."""

_LONGEST_PATTERN = 20_000
_MOST_GROWTH = 1_000
"""Letters that one letter may become in all replacements together."""

_QUANTIFIER = re.compile(r"[*+?][?+]?|\{(\d*)(,?)(\d*)\}[?+]?")
_CLASS_NAME = re.compile(r"\[:\^?\w+:\]")


def check_tokenizer_limits(text: str, where: str) -> None:
    """Check the content of a tokenizer.json.

    Raises:
        ModelError: a pattern that can take exponential time, or replacements that make texts endless.
    """
    if '"Regex"' not in text and '"Replace"' not in text:
        return
    growth = 1
    for entry in _entries(json.loads(text)):
        if isinstance(entry.get("Regex"), str):
            _check_pattern(entry["Regex"], where)
        if entry.get("type") == "Replace":
            growth *= max(1, len(str(entry.get("content", ""))))
    if growth > _MOST_GROWTH:
        raise ModelError(
            f"{where}: its replacements make {growth:.3g} letters of one: not a usable tokenizer"
        )


def _entries(values: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in nested `values`, but for vocabularies, which hold numbers."""
    if isinstance(values, dict):
        yield values
        for key, value in values.items():
            if key != "vocab":
                yield from _entries(value)
    elif isinstance(values, list):
        for value in values:
            if isinstance(value, dict | list):
                yield from _entries(value)


def _check_pattern(pattern: str, where: str) -> None:
    shown = pattern if len(pattern) <= 60 else f"{pattern[:57]}..."
    if len(pattern) > _LONGEST_PATTERN or not _is_tame(pattern):
        raise ModelError(
            f"{where}: pattern '{shown}' can take endless time on some text: not a usable tokenizer"
        )


class _Group:
    """An open group of a pattern: whether it holds a repetition or a choice, and how many unbounded ones its
    present alternative has."""

    def __init__(self) -> None:
        self.branches = False
        self.repeats = 0


def _is_tame(pattern: str) -> bool:
    """Whether no group with a repetition or a choice is itself repeated, and nothing refers back."""
    groups, place, after = [_Group()], 0, _Group()
    while place < len(pattern):
        letter = pattern[place]
        after_item, after = after, _Group()
        if letter == "\\":
            if re.match(r"\\([1-9]|[kg][<{'])", pattern[place:]):
                return False
            place += 2
        elif letter == "[":
            place = _end_of_class(pattern, place)
        elif letter == "(":
            groups.append(_Group())
            place += 1 if pattern[place + 1 : place + 2] != "?" else 2
        elif letter == ")":
            if len(groups) == 1:
                return False
            after = groups.pop()
            groups[-1].branches |= after.branches
            groups[-1].repeats += after.repeats
            place += 1
        elif letter == "|":
            groups[-1].branches, groups[-1].repeats = True, 0
            place += 1
        elif (found := _QUANTIFIER.match(pattern, place)) is not None:
            most = _most(found)
            if most > 1 and after_item.branches:
                return False
            groups[-1].branches = True
            after.branches = most > 1  # `a+{2,}` repeats what repeats
            groups[-1].repeats += most == math.inf
            if groups[-1].repeats > _MOST_REPEATS:
                return False
            place = found.end()
        else:
            place += 1
    return True


def _most(quantifier: re.Match[str]) -> float:
    """How often a quantifier repeats at most."""
    if quantifier[0][0] in "*+":
        return math.inf
    if quantifier[0][0] == "?":
        return 1
    least, comma, most = quantifier.groups()
    return float(most or (math.inf if comma else least or 1))


def _end_of_class(pattern: str, place: int) -> int:
    """The place after a class such as `[a-z&&[^x]]`, or the end of the pattern."""
    depth = 0
    while place < len(pattern):
        named = _CLASS_NAME.match(pattern, place) if depth else None
        if named is not None:
            place = named.end()
            continue
        depth += {"[": 1, "]": -1}.get(pattern[place], 0)
        place += 2 if pattern[place] == "\\" else 1
        if depth == 0:
            return place
    return place

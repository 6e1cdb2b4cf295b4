"""Which letters a phrase cannot do without: a sentence that has none of them need not be searched for it.

Reading a phrase once saves searching for it in most sentences; what is not understood (a look-around, a
class of characters) demands nothing, which is slower and never wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MARKS = "?;:,(|"
"""Punctuation that counts as a word of its own."""

_LONG_ENOUGH = 6
_MAY_BE_MISSING = re.compile(r"[?*]|\{0")
_QUANTIFIER = re.compile(r"[?*+]\??|\{[\d,]*\}\??")
_GAP = re.compile(r"<\d+>")
_SEPARATOR = re.compile(r"<\d+>|[ /,;:'&%\"-]|\\[^A-Za-z0-9]|\\[WsbAZ]")
# What a look ahead needs must be there as well; a look behind, and what must not be there, demand nothing.
_GROUP = re.compile(r"\(\?(?:(?P<must>[:=])|<?[!=])")
_OPEN_END = "\0"

Fragments = frozenset[str]
NOTHING: Fragments = frozenset()


def required_fragments(phrase: str) -> list[Fragments]:
    """Runs of letters and digits: every match of `phrase` holds at least one of each set; none if unknown.

    The set that fewest sentences meet comes first. A space at either end of a run says that a word begins or
    ends there. One of `MARKS` is a run as well.

    >>> [sorted(demanded) for demanded in required_fragments("(heart|cardiac) <2> larg(e|er)?")]
    [[' cardiac ', ' heart '], [' larg']]
    """
    demanded = [_ended(fragments, " ") for fragments in _Reader(phrase).demands()]
    return sorted(demanded, key=_rarity, reverse=True)


class _Reader:
    """Reads a phrase once from left to right."""

    def __init__(self, phrase: str) -> None:
        self._phrase = phrase
        self._place = 0

    def demands(self) -> list[Fragments]:
        """What the whole phrase demands: all of it, or one of its alternatives."""
        parts = self._sequence(starts=True)
        if self._peek() != "|":
            return parts
        first = _best(parts)
        self._place += 1
        others = self._alternatives(starts=True)
        return [first | others] if first and others else []

    def _alternatives(self, *, starts: bool) -> Fragments:
        """Up to the end of the phrase or of the group: one alternative's fragments or another's.

        `starts` says that a word begins here; a run up to the very end closes with `_OPEN_END`.
        """
        options = [_best(self._sequence(starts))]
        while self._peek() == "|":
            self._place += 1
            options.append(_best(self._sequence(starts)))
        return frozenset().union(*options) if all(options) else NOTHING

    def _sequence(self, starts: bool) -> list[Fragments]:
        """What each of the parts in a row demands."""
        demanded, run = [], ""
        while self._peek() not in ("", "|", ")"):
            letter = self._peek()
            if letter.isascii() and letter.isalnum() and not self._may_be_missing_after(1):
                run = run + letter if run else " " * starts + letter
                self._place += 1
                continue
            separates = self._separates()
            demanded += [frozenset({run + " " * separates} if run else ()), self._part(starts and not run)]
            run, starts = "", separates
        demanded.append(frozenset({run + _OPEN_END} if run else ()))
        return [fragments for fragments in demanded if fragments]

    def _separates(self) -> bool:
        """True where what comes next is no letter and must be there."""
        found = _SEPARATOR.match(self._phrase, self._place)
        return found is not None and not _MAY_BE_MISSING.match(self._phrase, found.end())

    def _part(self, starts: bool) -> Fragments:
        """What stands here and is no plain letter; with the quantifier behind it."""
        gap = _GAP.match(self._phrase, self._place)
        demanded = NOTHING
        if gap:
            self._place = gap.end()
        elif self._peek() == "(":
            demanded = self._group(starts)
        elif self._peek() == "[":
            self._place = self._phrase.find("]", self._place + 2) + 1 or len(self._phrase)
        else:
            self._place += 1 if self._peek() == "\\" else 0
            mark, plain = self._peek(), self._phrase[self._place - 1 : self._place] == "\\"
            demanded = frozenset({mark} if mark in MARKS and (plain or mark in ";:,") else ())
            self._place += 1
        if self._may_be_missing_after(0):
            demanded = NOTHING
        quantifier = _QUANTIFIER.match(self._phrase, self._place)
        self._place = quantifier.end() if quantifier else self._place
        if quantifier:  # what is repeated may touch itself
            return _ended(frozenset(one.strip(" " + _OPEN_END) for one in demanded), "")
        if self._peek() in ("", "|", ")"):
            return demanded
        return _ended(demanded, " " * self._separates())

    def _group(self, starts: bool) -> Fragments:
        kind = _GROUP.match(self._phrase, self._place)
        self._place = kind.end() if kind else self._place + 1
        demanded = self._alternatives(starts=starts)
        self._place += 1
        if kind is None or kind["must"] is not None:
            return demanded
        return NOTHING

    def _peek(self) -> str:
        return self._phrase[self._place : self._place + 1]

    def _may_be_missing_after(self, letters: int) -> bool:
        return _MAY_BE_MISSING.match(self._phrase, self._place + letters) is not None


def _ended(fragments: Fragments, end: str) -> Fragments:
    return frozenset(one.replace(_OPEN_END, end) for one in fragments)


def _best(demanded: Sequence[Fragments]) -> Fragments:
    return max(demanded, key=_rarity, default=NOTHING)


def _rarity(fragments: Fragments) -> tuple[int, int]:
    """Rarer are longer fragments, then fewer."""
    return min((min(len(one.strip()), _LONG_ENOUGH) for one in fragments), default=0), -len(fragments)

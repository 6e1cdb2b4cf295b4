"""Which letters a phrase cannot do without: a sentence that has none of them need not be searched for it.

Reading a phrase once saves searching for it in most sentences; what is not understood (a look-around, a
class of characters) demands nothing, which is slower and never wrong.
"""

from __future__ import annotations

import re

_LONG_ENOUGH = 6
_MAY_BE_MISSING = re.compile(r"[?*]|\{0")
_QUANTIFIER = re.compile(r"[?*+]\??|\{[\d,]*\}\??")
_GAP = re.compile(r"<\d+>")

Fragments = frozenset[str]
NOTHING: Fragments = frozenset()


def required_fragments(phrase: str) -> Fragments:
    """Runs of letters and digits of which every match of `phrase` holds at least one; empty if unknown.

    >>> sorted(required_fragments("(heart|cardiac) <2> larg(e|er)?"))
    ['cardiac', 'heart']
    """
    return _Reader(phrase).alternatives()


class _Reader:
    """Reads a phrase once from left to right."""

    def __init__(self, phrase: str) -> None:
        self._phrase = phrase
        self._place = 0

    def alternatives(self) -> Fragments:
        """Up to the end of the phrase or of the group: one alternative's fragments or another's."""
        options = [self._sequence()]
        while self._peek() == "|":
            self._place += 1
            options.append(self._sequence())
        return frozenset().union(*options) if all(options) else NOTHING

    def _sequence(self) -> Fragments:
        """The best that one of the parts in a row demands."""
        best, run = NOTHING, ""
        while self._peek() not in ("", "|", ")"):
            letter = self._peek()
            if letter.isascii() and letter.isalnum() and not self._may_be_missing_after(1):
                run += letter
                self._place += 1
                continue
            best, run = _better(best, frozenset({run} if run else ())), ""
            best = _better(best, self._part())
        return _better(best, frozenset({run} if run else ()))

    def _part(self) -> Fragments:
        """What stands here and is no plain letter; with the quantifier behind it."""
        gap = _GAP.match(self._phrase, self._place)
        demanded = NOTHING
        if gap:
            self._place = gap.end()
        elif self._peek() == "(":
            demanded = self._group()
        elif self._peek() == "[":
            self._place = self._phrase.find("]", self._place + 2) + 1 or len(self._phrase)
        else:
            self._place += 2 if self._peek() == "\\" else 1
        if self._may_be_missing_after(0):
            demanded = NOTHING
        quantifier = _QUANTIFIER.match(self._phrase, self._place)
        self._place = quantifier.end() if quantifier else self._place
        return demanded

    def _group(self) -> Fragments:
        looks_around = self._phrase[self._place + 1 : self._place + 2] == "?"
        plain = self._phrase.startswith("(?:", self._place)
        self._place += 3 if plain else 1
        if looks_around and not plain:
            self._place += 1
        inner = self.alternatives()
        self._place += 1
        return NOTHING if looks_around and not plain else inner

    def _peek(self) -> str:
        return self._phrase[self._place : self._place + 1]

    def _may_be_missing_after(self, letters: int) -> bool:
        return _MAY_BE_MISSING.match(self._phrase, self._place + letters) is not None


def _better(one: Fragments, other: Fragments) -> Fragments:
    """The rarer of two demands: longer fragments, then fewer."""
    return max(one, other, key=_rarity)


def _rarity(fragments: Fragments) -> tuple[int, int]:
    return min((min(len(one), _LONG_ENOUGH) for one in fragments), default=0), -len(fragments)

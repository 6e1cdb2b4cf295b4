"""Many phrases searched at once: only those whose letters a sentence has are tried on it."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Generic, NamedTuple, TypeVar

from plainfilm.labelling.fragments import MARKS, Fragments, required_fragments
from plainfilm.labelling.phrases import compile_phrases

Key = TypeVar("Key")

_WORD = re.compile(rf"[a-z0-9]+|[{re.escape(MARKS)}]")
_WORDS_KEPT = 50_000
_DEMANDS = 3
_LETTERS = frozenset(string.ascii_lowercase + string.digits)
_BEGINS_WITH_LETTERS = re.compile(r"\(?[a-z]")


class Match(NamedTuple, Generic[Key]):
    """`text[start:end]` is what `phrase` of `key` describes."""

    key: Key
    phrase: str
    start: int
    end: int


def words_of(text: str) -> frozenset[str]:
    """The different words and `MARKS` of a sentence in small letters, which `PhraseSet.find` goes by."""
    return frozenset(_WORD.findall(text))


class PhraseSet(Generic[Key]):
    """Phrases with a key each."""

    def __init__(
        self, phrases: Iterable[tuple[Key, str]], where: str, *, strict: frozenset[Key] | None = None
    ):
        """Compiles `phrases`; those whose key is in `strict` are strict (see `phrases.expand`).

        Raises:
            ConfigError: a phrase is not a regular expression; `where` names the file.
        """
        self._phrases = [
            (key, phrase, _compiled(phrase, where, strict is not None and key in strict).search)
            for key, phrase in phrases
        ]
        self._words = _Words([required_fragments(phrase.lower()) for _, phrase, _ in self._phrases])

    def find(self, text: str, words: Iterable[str]) -> list[Match[Key]]:
        """All matches in `text`, in small letters, whose `words_of` are `words`; they may overlap."""
        return self.matches(self._words.select(words), text)

    def select(self, words: Iterable[str]) -> int:
        """Which phrases `words` allow: bit n of a number for phrase n, in the order in which they were given."""
        return self._words.select(words)

    def matches(self, selected: int, text: str) -> list[Match[Key]]:
        """The matches in `text` of the phrases whose bits are set in `selected`."""
        found: list[Match[Key]] = []
        while selected:
            lowest = selected & -selected
            selected ^= lowest
            key, phrase, search = self._phrases[lowest.bit_length() - 1]
            place = 0
            while hit := search(text, place):
                start, end = hit.span()
                if start and text[start - 1] in _LETTERS and text[start] in _LETTERS:
                    place = start + 1
                    continue
                place = max(end, start + 1)
                while start < end and text[start].isspace():  # optional words at an edge may leave a space
                    start += 1
                while start < end and text[end - 1].isspace():
                    end -= 1
                if start < end:
                    found.append(Match(key, phrase, start, end))
        return found


class _Words(dict[str, int]):
    """Word → which demands of which phrases it meets, as the bits of a number.

    Bit n is for the first demand of phrase n; bits of its second and third follow at a distance of the number
    of phrases. A demand that a phrase does not make is met from the beginning.
    """

    def __init__(self, demands: Sequence[Sequence[Fragments]]) -> None:
        super().__init__()
        self._count = len(demands)
        self._met = 0
        self._bits: dict[str, int] = {}
        for number, demanded in enumerate(demands):
            for rank in range(_DEMANDS):
                bit = 1 << (rank * self._count + number)
                self._met |= bit if rank >= len(demanded) else 0
                for fragment in demanded[rank] if rank < len(demanded) else ():
                    self._bits[fragment] = self._bits.get(fragment, 0) | bit
        self._of_numbers = [pair for pair in self._bits.items() if pair[0].strip().isdigit()]
        self._all = (1 << self._count) - 1

    def select(self, words: Iterable[str]) -> int:
        """The phrases whose demands are all met by `words`, as the bits of a number."""
        met = reduce(or_, map(self.__getitem__, words), self._met)
        left = met & self._all
        for rank in range(1, _DEMANDS):
            left &= met >> rank * self._count
        return left

    def __missing__(self, word: str) -> int:
        whole = f" {word} "
        if word.isdigit():  # reports are full of numbers, each of them rare
            return reduce(or_, (bits for fragment, bits in self._of_numbers if fragment in whole), 0)
        bits = reduce(or_, (bits for fragment, bits in self._bits.items() if fragment in whole), 0)
        if len(self) < _WORDS_KEPT:
            self[word] = bits
        return bits


def _compiled(phrase: str, where: str, strict: bool) -> re.Pattern[str]:
    anywhere = _BEGINS_WITH_LETTERS.match(phrase.lower()) is not None
    return compile_phrases([phrase], where, strict=strict, anywhere=anywhere)


def without_overlaps(
    matches: Iterable[Match[Key]], claimed: Sequence[tuple[int, int]] = ()
) -> list[Match[Key]]:
    """From left to right, and of those that begin together the longest; nothing that overlaps `claimed`."""
    kept: list[Match[Key]] = []
    end = -1
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        free = all(match.end <= low or high <= match.start for low, high in claimed)
        if match.start >= end and free:
            kept.append(match)
            end = match.end
    return kept

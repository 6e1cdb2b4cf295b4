"""Many phrases searched at once: only those whose letters a sentence has are tried on it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, reduce
from operator import or_
from typing import Generic, NamedTuple, TypeVar

from plainfilm.labelling.fragments import MARKS, Fragments, required_fragments
from plainfilm.labelling.phrases import compile_phrases

Key = TypeVar("Key")

_WORD = re.compile(rf"[a-z0-9]+|[{re.escape(MARKS)}]")
_WORDS_KEPT = 50_000
_CHOICES_KEPT = 20_000
_DEMANDS = 3
_TRIGRAM = 3
_LETTERS = frozenset(string.ascii_lowercase + string.digits)
_BEGINS_WITH_LETTERS = re.compile(r"\(?[a-z]")


class Match(NamedTuple, Generic[Key]):
    """`text[start:end]` is what `phrase` of `key` describes."""

    key: Key
    phrase: str
    start: int
    end: int


def words_of(text: str) -> list[str]:
    """The words and `MARKS` of a text in small letters."""
    return _WORD.findall(text)


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
        self._chosen = lru_cache(_CHOICES_KEPT)(self._choose)
        self._words = _Words([required_fragments(phrase.lower()) for _, phrase, _ in self._phrases])

    def find(self, text: str, tokens: Sequence[str] | None = None) -> list[Match[Key]]:
        """All matches in `text`, in small letters; they may overlap. `tokens` is `text.split()`."""
        return self.matches(self.select(text.split() if tokens is None else tokens), text)

    def select(self, tokens: Iterable[str]) -> int:
        """Which phrases the `tokens` of a text allow: bit n of a number for phrase n, in the order given."""
        return self._words.select(tokens)

    def matches(self, selected: int, text: str) -> list[Match[Key]]:
        """The matches in `text` of the phrases whose bits are set in `selected`."""
        found: list[Match[Key]] = []
        for key, phrase, search in self._chosen(selected) if selected else ():
            place = 0
            while hit := search(text, place):
                start, end = hit.span()
                if start and text[start - 1] in _LETTERS and text[start] in _LETTERS:
                    place = start + 1
                    continue
                place = end if end > start else start + 1
                while start < end and text[start].isspace():  # optional words at an edge may leave a space
                    start += 1
                while start < end and text[end - 1].isspace():
                    end -= 1
                if start < end:
                    found.append(Match(key, phrase, start, end))
        return found

    def _choose(self, selected: int) -> list[tuple[Key, str, Callable[..., re.Match[str] | None]]]:
        """The phrases whose bits are set, in the order given."""
        chosen = []
        while selected:
            lowest = selected & -selected
            selected ^= lowest
            chosen.append(self._phrases[lowest.bit_length() - 1])
        return chosen


class _Words(dict[str, int]):
    """Token → which demands of which phrases its words meet, as the bits of a number.

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
        self._short = [pair for pair in self._bits.items() if len(pair[0]) < _TRIGRAM]
        self._by_trigram: dict[str, list[tuple[str, int]]] = {}
        for fragment, bits in self._bits.items():
            self._by_trigram.setdefault(fragment[:_TRIGRAM], []).append((fragment, bits))
        self._met_by = lru_cache(_WORDS_KEPT)(self._looked_up)
        self._all = (1 << self._count) - 1

    def select(self, tokens: Iterable[str]) -> int:
        """The phrases whose demands are all met by `tokens`, as the bits of a number."""
        met = reduce(or_, map(self.__getitem__, tokens), self._met)
        left = met & self._all
        for rank in range(1, _DEMANDS):
            left &= met >> rank * self._count
        return left

    def __missing__(self, token: str) -> int:
        bits = reduce(or_, map(self._met_by, words_of(token)), 0)
        if len(self) < _WORDS_KEPT and not any(map(str.isdigit, token)):  # numbers are many, and each is rare
            self[token] = bits
        return bits

    def _looked_up(self, word: str) -> int:
        """The demands that a word meets."""
        whole = f" {word} "
        found = [bits for fragment, bits in self._short if fragment in whole]
        for place in range(len(whole) - _TRIGRAM + 1):
            near = self._by_trigram.get(whole[place : place + _TRIGRAM], ())
            found += [bits for fragment, bits in near if whole.startswith(fragment, place)]
        return reduce(or_, found, 0)


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

"""Many phrases searched at once: only those whose letters a sentence has are tried on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from plainfilm.labelling.fragments import required_fragments
from plainfilm.labelling.phrases import compile_phrases

Key = TypeVar("Key")

_WORD = re.compile(r"[a-z0-9]+")
_WORDS_KEPT = 50_000


class Match(NamedTuple, Generic[Key]):
    """`text[start:end]` is what `phrase` of `key` describes."""

    key: Key
    phrase: str
    start: int
    end: int


def words_of(text: str) -> frozenset[str]:
    """The different words of a sentence in small letters, which `PhraseSet.find` goes by."""
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
            (key, phrase, compile_phrases([phrase], where, strict=key in (strict or ())))
            for key, phrase in phrases
        ]
        self._by_fragment: dict[str, list[int]] = {}
        self._always: list[int] = []
        for number, (_, phrase, _) in enumerate(self._phrases):
            fragments = required_fragments(phrase.lower())
            for fragment in fragments:
                self._by_fragment.setdefault(fragment, []).append(number)
            if not fragments:
                self._always.append(number)
        self._has_numbers = any(fragment.isdigit() for fragment in self._by_fragment)
        self._by_word: dict[str, tuple[int, ...]] = {}

    def find(self, text: str, words: Iterable[str]) -> list[Match[Key]]:
        """All matches in `text`, in small letters, whose `words_of` are `words`; they may overlap."""
        numbers = set(self._always)
        for word in words:
            known = self._by_word.get(word)
            numbers.update(self._learned(word) if known is None else known)
        return [match for number in sorted(numbers) for match in self._matches(number, text)]

    def _matches(self, number: int, text: str) -> Iterator[Match[Key]]:
        key, phrase, pattern = self._phrases[number]
        for found in pattern.finditer(text):
            start, end = found.span()
            words = found.group()
            if words[-1].isspace() or words[0].isspace():  # optional words at an edge may leave a space
                start += len(words) - len(words.lstrip())
                end -= len(words) - len(words.rstrip())
            yield Match(key, phrase, start, end)

    def _learned(self, word: str) -> tuple[int, ...]:
        if word.isdigit() and not self._has_numbers:  # reports are full of numbers
            return ()
        numbers = tuple(
            number for fragment, having in self._by_fragment.items() if fragment in word for number in having
        )
        if len(self._by_word) < _WORDS_KEPT:
            self._by_word[word] = numbers
        return numbers


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

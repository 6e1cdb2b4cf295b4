"""Reads slips of the keyboard in long words, and short forms, as they were meant (`spelling.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from itertools import chain
from pathlib import Path

from plainfilm.config import read_yaml
from plainfilm.labelling.rewriting import Rewritten, replace_spans
from plainfilm.text.slips import is_one_slip

_FILE = Path(__file__).with_name("spelling.yaml")
_LANGUAGES = _FILE.with_name("languages.yaml")
_WORD = re.compile(r"[a-z]+")
_SHORTEST = 7
_REMEMBERED = 50_000


class Spelling:
    """The words that are known, and what was learned about others; `foreign` ones are never slips."""

    def __init__(
        self, words: frozenset[str], short_forms: Mapping[str, str], foreign: frozenset[str] = frozenset()
    ) -> None:
        self._by_first: dict[str, list[str]] = {}
        for word in sorted(words):
            self._by_first.setdefault(word[0], []).append(word)
        self._right = set(words | foreign)
        self._learned = dict(short_forms)

    def correct(self, text: str) -> Rewritten | None:
        """The sentence `text`, in small letters, without its slips; nothing where there are none."""
        slips = {
            word: meant for word in set(_WORD.findall(text)) - self._right if (meant := self._meant(word))
        }
        return _replaced(text, slips) if slips else None

    def is_right(self, word: str) -> bool:
        """Whether `word` is read as it stands."""
        return self._meant(word) is None

    def _meant(self, word: str) -> str | None:
        if word in self._right or word in self._learned:
            return self._learned.get(word)
        near = self._by_first.get(word[0], ()) if len(word) >= _SHORTEST - 1 else ()
        meant = next((one for one in near if len(one) >= _SHORTEST and is_one_slip(word, one)), None)
        if len(self._learned) + len(self._right) < _REMEMBERED:
            if meant is None:
                self._right.add(word)
            else:
                self._learned[word] = meant
        return meant


@cache
def load_spelling() -> Spelling:
    """The words of the package."""
    loaded = read_yaml(_FILE)
    foreign = frozenset(read_yaml(_LANGUAGES)["other"].split())
    return Spelling(frozenset(chain.from_iterable(loaded["words"])), loaded["short_forms"], foreign)


def _replaced(text: str, slips: dict[str, str]) -> Rewritten:
    words = ((found.span(), slips.get(found.group())) for found in _WORD.finditer(text))
    return replace_spans(text, ((start, end, meant) for (start, end), meant in words if meant is not None))

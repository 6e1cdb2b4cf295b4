"""A sentence as the rules read it: small letters, English words for Chinese ones, whole words, no slips."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from plainfilm.labelling.chinese import translate
from plainfilm.labelling.phrase_set import words_of
from plainfilm.labelling.phrases import lower
from plainfilm.labelling.readable import APOSTROPHE, Language
from plainfilm.labelling.rewriting import Rewritten, compose, replace_spans, unchanged
from plainfilm.labelling.spelling import load_spelling
from plainfilm.types import Label

_REMEMBERED = 100_000
_SIGN = re.compile(r"(?<=[a-z)] )[+-](?=\s*(?:[,;./]|\Z))")
_CONTRACTION = re.compile(r"(?P<can>(?<=\bca))?n't\b")


class Wording(NamedTuple):
    """`text` is what the rules read, and `tokens` are its pieces between white space.

    `rewritten` has the place of every character in the sentence as written; None where all lie as written.
    `plain` is True where every word is one that is known as it stands.
    """

    text: str
    tokens: list[str]
    rewritten: Rewritten | None
    plain: bool

    def placed(self, label: Label) -> Label:
        """`label` with its offsets moved from `text` to the sentence as written."""
        if self.rewritten is None or label.start is None or label.end is None:
            return label
        starts, ends = self.rewritten.starts, self.rewritten.ends
        return replace(label, start=starts[label.start], end=ends[label.end - 1])


class Reader:
    """Finds the wording of sentences; `phrases` are those of a vocabulary, whose words are known."""

    def __init__(self, phrases: Iterable[str] = ()) -> None:
        self._language = Language(phrases)
        self._spelling = load_spelling()
        self._plain: set[str] = set()

    def wording_of(self, text: str) -> Wording | None:
        """How the sentence `text` is read; None where it cannot be read."""
        lowered = lower(text)
        rewritten: Rewritten | None = None
        if not lowered.isascii() or "n't" in lowered or " -" in lowered or " +" in lowered:
            if (rewritten := _rewritten(lowered)) is None:
                return None
            lowered = rewritten.text
        tokens = lowered.split()
        if self._plain.issuperset(tokens) or (lowered.isascii() and self._are_plain(tokens)):
            return Wording(lowered, tokens, rewritten, plain=True)
        if not self._language.is_english(lowered):
            return None
        mended = self._spelling.correct(lowered)
        if mended is None:
            return Wording(lowered, tokens, rewritten, plain=False)
        read = mended if rewritten is None else compose(rewritten, mended)
        return Wording(read.text, read.text.split(), read, plain=False)

    def is_read(self, wording: Wording, findings: Iterable[tuple[int, int]]) -> bool:
        """Whether each of `findings`, places in a wording, is in a clause that can be read."""
        return wording.plain or self._language.are_in_english(wording.text, findings)

    def _are_plain(self, tokens: Iterable[str]) -> bool:
        """Whether every word of `tokens` is English wherever it stands, and no slip or short form."""
        for token in set(tokens) - self._plain:
            words = words_of(token)
            if APOSTROPHE.search(token):
                return False
            if not all(self._language.is_plain(word) and self._spelling.is_right(word) for word in words):
                return False
            if len(self._plain) < _REMEMBERED:
                self._plain.add(token)
        return True


def _rewritten(lowered: str) -> Rewritten | None:
    """A sentence without Chinese words, contractions and bare signs; None where too much is not known."""
    rewritten = unchanged(lowered)
    if translated := translate(lowered):
        if not translated.readable:
            return None
        rewritten = translated.rewritten
    for step in (_without_contractions, _with_brackets):
        rewritten = compose(rewritten, step(rewritten.text))
    return rewritten


def _without_contractions(text: str) -> Rewritten:
    """ "isn't" is read as "is not", "can't" as "can not"."""
    found = _CONTRACTION.finditer(text)
    return replace_spans(
        text, ((one.start(), one.end(), "n not" if one["can"] is not None else " not") for one in found)
    )


def _with_brackets(text: str) -> Rewritten:
    """ "Effusion -" is read as "effusion (-)"."""
    return replace_spans(text, ((one.start(), one.end(), f"({one.group()})") for one in _SIGN.finditer(text)))

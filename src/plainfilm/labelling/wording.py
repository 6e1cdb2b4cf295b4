"""A sentence as the rules read it: small letters, English words for Chinese ones, whole words, no slips."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from plainfilm.labelling.chinese import translate
from plainfilm.labelling.phrase_set import words_of
from plainfilm.labelling.phrases import lower
from plainfilm.labelling.rewriting import Rewritten, compose, replace_spans
from plainfilm.labelling.spelling import load_spelling
from plainfilm.types import Label

_NOT = "n't"
_SIGN = re.compile(r"(?<=[a-z)] )[+-](?=\s*(?:[,;./]|\Z))")
_CONTRACTION = re.compile(r"(?P<can>(?<=\bca))?n't\b")


class Wording(NamedTuple):
    """`text` is what the rules read, `words` its `words_of`; `unspelled` is the text before slips were mended.

    `places[i]` is where character i of `text` lies in the sentence as written; None where all lie as written.
    """

    text: str
    words: frozenset[str]
    unspelled: str
    places: Sequence[int] | None

    def placed(self, label: Label) -> Label:
        """`label` with its offsets moved from `text` to the sentence as written."""
        if self.places is None or label.start is None or label.end is None:
            return label
        return replace(label, start=self.places[label.start], end=self.places[label.end - 1] + 1)


def wording_of(text: str) -> Wording | None:
    """How the sentence `text` is read; None where it is Chinese of which too much is not known."""
    lowered = lower(text)
    rewritten: Rewritten | None = None
    if not lowered.isascii() and (translated := translate(lowered)):
        if not translated.readable:
            return None
        rewritten = translated.rewritten
    if _NOT in lowered:
        rewritten = compose(rewritten, _without_contractions(rewritten.text if rewritten else lowered))
    if " -" in lowered or " +" in lowered:
        rewritten = compose(rewritten, _with_brackets(rewritten.text if rewritten else lowered))
    unspelled = rewritten.text if rewritten else lowered
    words = words_of(unspelled)
    mended = load_spelling().correct(unspelled, words)
    if mended is not None:
        words = words_of(mended.text)
    read = compose(rewritten, mended)
    return Wording(read.text if read else lowered, words, unspelled, read.places if read else None)


def _without_contractions(text: str) -> Rewritten:
    """ "isn't" is read as "is not", "can't" as "can not"."""
    found = _CONTRACTION.finditer(text)
    return replace_spans(
        text, ((one.start(), one.end(), "n not" if one["can"] is not None else " not") for one in found)
    )


def _with_brackets(text: str) -> Rewritten:
    """"Effusion -" is read as "effusion (-)"."""
    return replace_spans(text, ((one.start(), one.end(), f"({one.group()})") for one in _SIGN.finditer(text)))

"""Finds where a sentence speaks of an observation, before anything is said about its state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from plainfilm.labelling.phrases import compile_phrases
from plainfilm.labelling.vocabularies import Vocabulary, Wording

Kind = Literal["present", "possible", "absent", "other"]
KINDS: tuple[Kind, ...] = ("possible", "absent", "present", "other")
"""In the order in which they claim text: "upper limits of normal" is no "normal"."""


@dataclass(frozen=True)
class Mention:
    """`text[start:end]` speaks of `observation`; `kind` is the part of the vocabulary that says so."""

    observation: str
    kind: Kind
    start: int
    end: int


class MentionFinder:
    """All phrases of a vocabulary, compiled."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._observations = [
            _Finder(name, wording, f"vocabulary '{vocabulary.name}', '{name}'")
            for name, wording in vocabulary.observations.items()
        ]

    def find(self, text: str) -> list[Mention]:
        """The mentions in a sentence in small letters, observation by observation."""
        return [mention for finder in self._observations for mention in finder.find(text)]


class _Finder:
    def __init__(self, observation: str, wording: Wording, where: str) -> None:
        self._observation = observation
        self._exclude = compile_phrases(wording.exclude, where) if wording.exclude else None
        self._patterns: list[tuple[Kind, re.Pattern[str]]] = [
            (kind, compile_phrases(getattr(wording, kind), where, strict=kind in ("possible", "absent")))
            for kind in KINDS
            if getattr(wording, kind)
        ]

    def find(self, text: str) -> Iterator[Mention]:
        claimed: list[tuple[int, int]] | None = None
        for kind, pattern in self._patterns:
            for match in pattern.finditer(text):
                if claimed is None:
                    claimed = _spans(self._exclude.finditer(text)) if self._exclude else []
                start, end = match.span()
                if not _overlaps((start, end), claimed):
                    claimed.append((start, end))
                    # Optional words at the edges of a phrase may have left a space.
                    words = match.group().strip()
                    start += match.group().index(words)
                    yield Mention(self._observation, kind, start, start + len(words))


def _spans(matches: Iterable[re.Match[str]]) -> list[tuple[int, int]]:
    return [match.span() for match in matches]


def _overlaps(span: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)

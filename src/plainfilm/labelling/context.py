"""Decides whether a mention is stated, negated, uncertain or says nothing, from the words around it.

The cues and where their reach ends are data (`context.yaml`); the method follows NegEx and ConText
(Chapman et al. 2001; Harkema et al. 2009): a cue reaches in its direction up to the next stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from plainfilm.config import Settings, build, read_yaml
from plainfilm.labelling.mentions import Mention
from plainfilm.labelling.phrases import compile_phrases

Kind = Literal["negated", "uncertain", "void", "neutral"]
Direction = Literal["forward", "backward", "beside", "between"]
Status = Literal["stated", "negated", "uncertain", "void"]

_NEAR_WORDS, _NEAR_CHARACTERS = 3, 60
_BESIDE = ("beside", "between")
_FILE = Path(__file__).with_name("context.yaml")


class CueRule(Settings):
    """Phrases that do the same thing; the fields are explained in `context.yaml`."""

    kind: Kind
    direction: Direction
    phrases: tuple[str, ...]


class ContextRules(Settings):
    """The whole of `context.yaml`."""

    stops: tuple[str, ...]
    backward_stops: tuple[str, ...]
    cues: tuple[CueRule, ...]


@dataclass(frozen=True)
class _Cue:
    """`text[start:end]` is a cue."""

    kind: Kind
    direction: Direction
    start: int
    end: int


class Context:
    """The compiled rules. `Context.load()` reads those of the package once."""

    def __init__(self, rules: ContextRules) -> None:
        self._stops = compile_phrases(rules.stops, _FILE.name)
        self._backward_stops = compile_phrases(rules.backward_stops, _FILE.name)
        self._cues = [(rule, compile_phrases(rule.phrases, _FILE.name)) for rule in rules.cues]

    @staticmethod
    @cache
    def load() -> Context:
        """The rules in `context.yaml`."""
        return Context(build(ContextRules, read_yaml(_FILE), _FILE.name))

    def statuses(self, text: str, mentions: Sequence[Mention]) -> list[Status]:
        """What the words of the sentence `text`, in small letters, make of each of its mentions."""
        cues = self._find_cues(text)
        if not cues:
            return ["stated"] * len(mentions)
        hidden = [(cue.start, cue.end) for cue in cues]
        stops = [match.span() for match in self._stops.finditer(text) if not _overlaps(match.span(), hidden)]
        backward_stops = stops + [match.span() for match in self._backward_stops.finditer(text)]
        statuses = [_status(mention, cues, stops, backward_stops) for mention in mentions]
        for cue in cues:
            if cue.direction in _BESIDE:
                _mark_alternatives(text, cue, mentions, statuses)
        return statuses

    def _find_cues(self, text: str) -> list[_Cue]:
        """The cues of a sentence in order; of overlapping ones the longest, then the first rule's."""
        found = [
            _Cue(rule.kind, rule.direction, match.start(), match.end())
            for rule, pattern in self._cues
            for match in pattern.finditer(text)
        ]
        kept: list[_Cue] = []
        for cue in sorted(found, key=lambda cue: cue.start - cue.end):
            same_place = [other for other in kept if cue.start < other.end and other.start < cue.end]
            if all((other.start, other.end) == (cue.start, cue.end) for other in same_place):
                kept.append(cue)
        return sorted(kept, key=lambda cue: cue.start)


Spans = Sequence[tuple[int, int]]


def _status(mention: Mention, cues: Sequence[_Cue], stops: Spans, backward_stops: Spans) -> Status:
    """The nearest cue wins: one inside the mention, then one before it, then one after it."""
    before: _Cue | None = None
    after: _Cue | None = None
    for cue in cues:
        if cue.kind == "neutral" or cue.direction in _BESIDE:
            continue
        if _within((cue.start, cue.end), mention) or _around((cue.start, cue.end), mention):
            return cue.kind
        if cue.end <= mention.start and cue.direction != "backward":
            before = cue if _open(cue.end, mention.start, stops) else before
        elif cue.start >= mention.end and cue.direction != "forward" and after is None:
            after = cue if _open(mention.end, cue.start, backward_stops) else None
    if after and after.kind == "void":
        return "void"
    nearest = before or after
    return nearest.kind if nearest and nearest.kind != "neutral" else "stated"


def _within(cue: tuple[int, int], mention: Mention) -> bool:
    """True for the "not" in "heart is not enlarged"; that of "no acute disease" is part of what is meant."""
    return mention.kind == "present" and mention.start < cue[0] and cue[1] <= mention.end


def _around(cue: tuple[int, int], mention: Mention) -> bool:
    """True for the mention in "no effusion to suggest", which is a cue with a gap."""
    return cue[0] < mention.start and mention.end <= cue[1]


def _open(start: int, end: int, stops: Spans) -> bool:
    """True where no stop lies between two places."""
    return not any(start <= low and high <= end for low, high in stops)


def _mark_alternatives(text: str, cue: _Cue, mentions: Sequence[Mention], statuses: list[Status]) -> None:
    """Makes the stated mentions next to an "or" or "versus" uncertain; an "or" must have two of them."""
    sides = (
        [place for place, mention in enumerate(mentions) if _near(text, mention.end, cue.start)],
        [place for place, mention in enumerate(mentions) if _near(text, cue.end, mention.start)],
    )
    both = all(any(statuses[place] == "stated" for place in side) for side in sides)
    if both or cue.direction == "beside":
        for place in (*sides[0], *sides[1]):
            if statuses[place] == "stated" and mentions[place].kind == "present":
                statuses[place] = "uncertain"


def _near(text: str, start: int, end: int) -> bool:
    """True where a few words and no punctuation lie between two places."""
    if not 0 <= end - start <= _NEAR_CHARACTERS:
        return False
    between = text[start:end]
    return len(between.split()) <= _NEAR_WORDS and not any(mark in between for mark in ",;:")


def _overlaps(span: tuple[int, int], others: Spans) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)

"""Decides whether a mention is stated, negated, uncertain or says nothing, from the words around it.

The cues and where their reach ends are data (`context.yaml`); the method follows NegEx and ConText
(Chapman et al. 2001; Harkema et al. 2009): a cue reaches in its direction up to the next stop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Literal, NamedTuple

from plainfilm.config import Settings, build, read_yaml
from plainfilm.labelling.mentions import Mention
from plainfilm.labelling.phrase_set import Match, PhraseSet
from plainfilm.labelling.scopes import Scopes

Kind = Literal["negated", "likely", "uncertain", "void", "neutral"]
Direction = Literal["forward", "backward", "beside", "between", "listed", "supposed", "answer", "asked"]
Status = Literal["stated", "negated", "likely", "uncertain", "void"]

_NEAR_WORDS, _NEAR_CHARACTERS = 3, 60
_BESIDE = ("beside", "between")
_BACKWARD = ("backward", "answer")
_FILE = Path(__file__).with_name("context.yaml")
# Keys of what is no cue; cues have the number of their rule.
_STOP, _CLAUSE, _BACKWARD_STOP = -1, -2, -3
_START = attrgetter("start")
_DENIALS = ("no", "not", "without")
_COMMA = re.compile(",")
_LISTED = re.compile(r"\b(?:and|or|nor|versus|vs)\b|/")
_CHANGE = re.compile(r"\w+(ic|ous|al) changes?")

Spans = Sequence[tuple[int, int]]


class CueRule(Settings):
    """Phrases that do the same thing; the fields are explained in `context.yaml`."""

    kind: Kind
    direction: Direction
    phrases: tuple[str, ...]


class ContextRules(Settings):
    """The whole of `context.yaml`."""

    stops: tuple[str, ...]
    clauses: tuple[str, ...]
    backward_stops: tuple[str, ...]
    cues: tuple[CueRule, ...]


class Cue(NamedTuple):
    """`text[start:end]` is a cue of a kind and direction, found by `phrase`."""

    kind: Kind
    direction: Direction
    start: int
    end: int
    phrase: str


class Ends(NamedTuple):
    """Where reach ends: of every cue, of those before a mention, of those after it, and of suppositions."""

    stops: Spans
    forward: Spans
    backward: Spans
    supposed: Spans

    def of(self, direction: Direction) -> Spans:
        """Where the reach of a cue ends that stands before a mention."""
        if direction == "listed":
            return self.stops
        return self.supposed if direction == "supposed" else self.forward


class Decision(NamedTuple):
    """What is said of a mention, and the cue that decided it; none for what is plainly stated."""

    status: Status
    cue: Cue | None = None


STATED = Decision("stated")


class Context:
    """The compiled rules; a cue that matches one of `neutral` does nothing."""

    def __init__(self, rules: ContextRules, neutral: tuple[str, ...] = ()) -> None:
        first = [CueRule(kind="neutral", direction="forward", phrases=neutral)] if neutral else []
        self._rules = (*first, *rules.cues)
        self._neutral = frozenset(n for n, rule in enumerate(self._rules) if rule.kind == "neutral")
        keyed = [(number, phrase) for number, rule in enumerate(self._rules) for phrase in rule.phrases]
        cues = len(keyed)
        self._cue_bits = (1 << cues) - 1
        keyed += [(_STOP, phrase) for phrase in rules.stops]
        keyed += [(_CLAUSE, phrase) for phrase in rules.clauses]
        keyed += [(_BACKWARD_STOP, phrase) for phrase in rules.backward_stops]
        self._stop_bits = ((1 << len(keyed)) - 1) ^ self._cue_bits
        self._phrases = PhraseSet(keyed, _FILE.name)
        self._scopes = Scopes.load()

    @staticmethod
    @cache
    def load(neutral: tuple[str, ...] = ()) -> Context:
        """The rules in `context.yaml`."""
        return Context(build(ContextRules, read_yaml(_FILE), _FILE.name), neutral)

    def decide(self, text: str, tokens: Sequence[str], mentions: Sequence[Mention]) -> list[Decision]:
        """What the words of the sentence `text`, in small letters, make of each of its mentions."""
        selected = self._phrases.select(tokens)
        cues = self._cues(text, self._phrases.matches(selected & self._cue_bits, text), mentions)
        if not cues:
            return [STATED] * len(mentions)
        stops = self._phrases.matches(selected & self._stop_bits, text)
        ends = self._ends(text, mentions, cues, stops)
        decisions = [_decide(one, cues, ends, _doubted_from(text, one, mentions)) for one in mentions]
        for cue in cues:
            if cue.direction in _BESIDE and not _is_denied(text, cue, cues, ends.stops):
                _mark_alternatives(text, cue, mentions, decisions)
        return decisions

    def _ends(
        self, text: str, mentions: Sequence[Mention], cues: Sequence[Cue], found: Sequence[Match[int]]
    ) -> Ends:
        """Where the reach of cues ends in a sentence, in which the stops `found` are."""
        stops: list[tuple[int, int]] = []
        clauses: list[tuple[int, int]] = []
        backward: list[tuple[int, int]] = []
        for key, _, start, end in found:
            if key == _BACKWARD_STOP:
                backward.append((start, end))
            elif key == _CLAUSE:
                clauses.append((start, start))
            elif not any(start < cue.end and cue.start < end for cue in cues):
                stops.append((start, end))
        backward += stops
        stops += clauses
        forward = list(stops)
        commas = [(one.start(), one.start()) for one in _COMMA.finditer(text)] if "," in text else []
        if (len(mentions) > 1 or commas) and any(cue.kind != "neutral" for cue in cues):
            borders = self._scopes.borders(text, mentions)
            forward += [(place, place) for place in borders.forward]
            backward += [(place, place) for place in borders.backward]
        return Ends(stops, forward, backward, forward + commas)

    def _cues(self, text: str, matches: list[Match[int]], mentions: Sequence[Mention]) -> list[Cue]:
        """The cues of a sentence in order; of overlapping ones the longest, neutral ones before others.

        The same words may be a cue in both directions.
        """
        rules, neutral = self._rules, self._neutral
        found = [one for one in matches if one.key not in neutral or not _is_finding(text, one, mentions)]
        found.sort(key=_START)
        if any(first.end > second.start for first, second in pairwise(found)):
            found = _longest(found, self._neutral)
            answers = {(one.start, one.end) for one in found if rules[one.key].direction == "answer"}
            if answers:
                found = [
                    one
                    for one in found
                    if (one.start, one.end) not in answers or rules[one.key].direction == "answer"
                ]
            found.sort(key=_START)
        return [
            Cue(rules[number].kind, rules[number].direction, start, end, phrase)
            for number, phrase, start, end in found
        ]


def _is_finding(text: str, cue: Match[int], mentions: Sequence[Mention]) -> bool:
    """True for the "no ... change" of "no fibrotic change": such a change is the finding that is denied.

    So is the "not increased" of "heart size is not increased", but not the "borderline" of "borderline
    enlarged".
    """
    denies = text.startswith(_DENIALS, cue.start)
    return any(
        (mention.start < cue.end <= mention.end and (denies or cue.start < mention.start))
        or (cue.start < mention.start and _CHANGE.fullmatch(text, mention.start, cue.end) is not None)
        for mention in mentions
    )


def _longest(found: Iterable[Match[int]], neutral: frozenset[int]) -> list[Match[int]]:
    kept: list[Match[int]] = []
    for one in sorted(found, key=lambda one: (one.start - one.end, one.key not in neutral)):
        same_place = [other for other in kept if one.start < other.end and other.start < one.end]
        span = (one.start, one.end)
        if all(other.key not in neutral and (other.start, other.end) == span for other in same_place):
            kept.append(one)
    return kept


def _doubted_from(text: str, mention: Mention, mentions: Sequence[Mention]) -> int:
    """Up to where a "cannot be excluded" may stand that doubts `mention`: the end of the next finding behind
    a comma, as in "basal opacity, pneumonia not excluded"; the findings of a list are doubted together."""
    if "," not in text[mention.end :]:
        return len(text)
    for other in sorted(mentions, key=_START):
        between = text[mention.end : other.start] if other.start >= mention.end else ""
        if "," in between:
            return len(text) if _LISTED.search(text, mention.end) else other.end
    return len(text)


def _decide(mention: Mention, cues: Sequence[Cue], ends: Ends, doubted_from: int) -> Decision:
    """The nearest cue wins: one inside the mention, then one before it, then one after it.

    No doubt that stands at `doubted_from` or later is of the mention.
    """
    before: Cue | None = None
    after: Cue | None = None
    for cue in cues:
        if cue.kind == "neutral" or cue.direction in _BESIDE:
            continue
        if _within(cue, mention) or _around(cue, mention):
            return _decision(cue)
        if cue.direction == "asked" and cue.end <= mention.start:
            return _decision(cue)
        if cue.end <= mention.start and cue.direction not in _BACKWARD:
            before = cue if _open(cue.end, mention.start, ends.of(cue.direction)) else before
        elif cue.start >= mention.end and cue.direction in _BACKWARD and after is None:
            if cue.kind == "uncertain" and cue.start >= doubted_from:
                continue
            after = cue if _open(mention.end, cue.start, ends.backward) else None
    if after and (after.kind == "void" or _settles(after, before)):
        return _decision(after)
    nearest = before or after
    return _decision(nearest) if nearest else STATED


def _settles(after: Cue, before: Cue | None) -> bool:
    """True for the "is not seen" of "a possible effusion is not seen": what was doubted is denied."""
    return after.kind == "negated" and before is not None and before.kind in ("uncertain", "likely")


def _decision(cue: Cue) -> Decision:
    return STATED if cue.kind == "neutral" else Decision(cue.kind, cue)


def _within(cue: Cue, mention: Mention) -> bool:
    """True for the "not" in "heart is not enlarged"; that of "no acute disease" is part of what is meant."""
    return mention.kind == "present" and mention.start < cue.start and cue.end <= mention.end


def _around(cue: Cue, mention: Mention) -> bool:
    """True for the mention in "no effusion to suggest", which is a cue with a gap."""
    return cue.start < mention.start and mention.end <= cue.end


def _open(start: int, end: int, stops: Spans) -> bool:
    """True where no stop lies between two places."""
    return not stops or not [low for low, high in stops if start <= low and high <= end]


def _is_denied(text: str, alternative: Cue, cues: Sequence[Cue], stops: Spans) -> bool:
    """True for the "or" of "no change in the effusion or opacity", which offers no choice."""
    return any(
        cue.kind == "neutral"
        and cue.end <= alternative.start
        and text.startswith(_DENIALS, cue.start)
        and _open(cue.end, alternative.start, stops)
        for cue in cues
    )


def _mark_alternatives(text: str, cue: Cue, mentions: Sequence[Mention], decisions: list[Decision]) -> None:
    """Makes the stated mentions next to an "or" or "versus" uncertain; an "or" must have two of them."""
    before = [place for place, mention in enumerate(mentions) if _near(text, mention.end, cue.start)]
    after = [place for place, mention in enumerate(mentions) if _near(text, cue.end, mention.start)]
    # Of several in a row only the nearest is an alternative: "opacity with edema or infection".
    last = max((mentions[place].start for place in before), default=0)
    first = min((mentions[place].end for place in after), default=0)
    sides = (
        [place for place in before if mentions[place].end > last],
        [place for place in after if mentions[place].start < first],
    )
    both = all(any(decisions[place].status == "stated" for place in side) for side in sides)
    if both or cue.direction == "beside":
        for place in (*sides[0], *sides[1]):
            if decisions[place].status == "stated" and mentions[place].kind == "present":
                decisions[place] = _decision(cue)


def _near(text: str, start: int, end: int) -> bool:
    """True where a few words and no punctuation lie between two places."""
    if not 0 <= end - start <= _NEAR_CHARACTERS:
        return False
    between = text[start:end]
    return len(between.split()) <= _NEAR_WORDS and not any(mark in between for mark in ",;:")

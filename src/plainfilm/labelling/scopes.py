"""Where a new statement begins within a sentence, so that what was said of findings before does not reach it.

"No pneumothorax, mild bibasilar atelectasis" denies one thing; "no pneumothorax, mild edema, or effusion"
denies three. What tells are the words that lead a finding in (`scopes.yaml`), its own verb, and whether a
list goes on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from plainfilm.config import Settings, build, read_yaml
from plainfilm.labelling.mentions import Mention

_FILE = Path(__file__).with_name("scopes.yaml")
_JOINT = re.compile(r",(?:\s*(?:and|also|plus|now|still)\b)?|\band\b|(?<=\s)-+(?=\s)")
_COMMA_LISTED = re.compile(r",\s*(?:and/)?(?:or|nor)\b")
_LISTED = re.compile(r"\b(?:or|nor)\b")
_SENTENCE_END = re.compile(r"[.;:]")
_ALTERNATIVE = re.compile(r"\s*(?:or|nor|and/or|versus|vs)\b")


class ScopeRules(Settings):
    """The whole of `scopes.yaml`, which explains the fields."""

    asserting: tuple[str, ...]
    leading: tuple[str, ...]
    sizes: tuple[str, ...]
    predicates: tuple[str, ...]
    subjects: tuple[str, ...]


class Borders(NamedTuple):
    """Places where a statement begins: for what is said before it, and for what is said after it."""

    forward: list[int]
    backward: list[int]


class _Lead(NamedTuple):
    """How a finding is led in: where that begins, what joins it to what is before, and where its words begin.

    `follows_finding` is True where what is before is another finding.
    """

    start: int
    joint: str
    words_at: int
    follows_finding: bool


class Scopes:
    """The compiled rules."""

    def __init__(self, rules: ScopeRules) -> None:
        self._asserting = _compiled(rules.asserting)
        self._leading = _compiled(rules.leading)
        self._size = _compiled(rules.sizes)
        self._predicate = _compiled(rules.predicates)
        self._subject = _compiled(rules.subjects)

    @staticmethod
    @cache
    def load() -> Scopes:
        """The rules in `scopes.yaml`."""
        return Scopes(build(ScopeRules, read_yaml(_FILE), _FILE.name))

    def borders(self, text: str, mentions: Sequence[Mention]) -> Borders:
        """Where new statements begin in the sentence `text`, in small letters, with its mentions."""
        forward: list[int] = []
        backward: list[int] = []
        done, asserted = 0, False
        for mention in sorted(mentions, key=lambda one: (one.start, -one.end)):
            if mention.start < done:
                continue
            lead = _lead_of(text, done, mention.start)
            if lead is not None and not _ALTERNATIVE.match(text, lead.words_at, mention.start):
                if self._begins(text, mention, lead):
                    forward.append(lead.start)
                    backward.append(lead.start)
                elif asserted and lead.joint.startswith(","):
                    backward.append(lead.start)
            words_at = lead.words_at if lead else 0
            asserted = self._asserting.match(text, words_at, mention.start) is not None
            done = mention.end
            if self._predicate.match(text, done) and (following := _JOINT.search(text, done)):
                backward.append(following.start())
        return Borders(forward, backward)

    def _begins(self, text: str, mention: Mention, lead: _Lead) -> bool:
        """Whether the finding begins a statement of its own."""
        led_in = self._leading.match(text, lead.words_at, mention.start) is not None
        asserted = self._asserting.match(text, lead.words_at, mention.start) is not None
        if not (lead.joint or led_in or asserted or lead.words_at == mention.start):
            return False  # what stands between says something of the finding before
        if self._subject.match(text, mention.start, mention.end):
            return True
        rest = self._rest_of_list(text, mention.end)
        if asserted:
            return not _COMMA_LISTED.search(rest)
        if _LISTED.search(rest):
            return False
        if led_in and lead.joint != "and":
            return True
        if lead.joint not in ("and", "") and self._size.match(text, lead.words_at, mention.start):
            return True
        return lead.follows_finding and self._predicate.match(text, mention.end) is not None

    def _rest_of_list(self, text: str, start: int) -> str:
        """What follows a finding up to the next statement or the end of the sentence."""
        ends = _SENTENCE_END.search(text, start)
        end = ends.start() if ends else len(text)
        for joint in _JOINT.finditer(text, start, end):
            if self._asserting.match(text, _skip_space(text, joint.end()), end):
                return text[start : joint.start()]
        return text[start:end]


def _lead_of(text: str, low: int, start: int) -> _Lead | None:
    """What leads in the finding at `start`; `low` is where the finding before ends, 0 if there is none."""
    joints = list(_JOINT.finditer(text, low, start))
    if joints:
        joint = joints[-1]
        return _Lead(joint.start(), joint.group(), _skip_space(text, joint.end()), low > 0)
    return _Lead(low, "", _skip_space(text, low), follows_finding=True) if low else None


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _compiled(phrases: Sequence[str]) -> re.Pattern[str]:
    either = "|".join(phrase.replace(" ", r"\s+") for phrase in phrases)
    return re.compile(rf"\s*(?:{either})\b")

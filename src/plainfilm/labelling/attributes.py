"""Side, place, severity and change of a finding, from the words that belong to it.

The phrases are data (`attributes.yaml`). Words belong to the nearest finding of their clause: those before
it up to the finding before, and those after it that a preposition or a verb ties to it. What explains a
finding, or is its alternative, lies where that finding lies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from plainfilm.config import read_yaml
from plainfilm.labelling.mentions import Mention
from plainfilm.labelling.phrase_set import Match, PhraseSet

NAMES = ("laterality", "location", "severity", "change")

_FILE = Path(__file__).with_name("attributes.yaml")
_CLAUSE = re.compile(r"[;:]|,? (?:but|however|although|though|while|whereas|with|without)\b")
_TIED = re.compile(
    r"[\s,]*(?:in|on|at|of|over|overlying|within|along|involving|throughout|is|are|was|were|has|have|appears?|"
    r"remains?|again|which|that|measuring|new|unchanged|stable|(?:in|de)creas\w+|improv\w+|worse\w*|larger|smaller|"
    r"(?:not )?(?:significantly )?changed|[a-z]*ly|left|right|bilateral|upper|lower|mid)\b"
)
_EXPLAINS = re.compile(
    r"[\s,]*(?:\w+\s){0,4}?"
    r"(?:versus|vs|or|and/or|represent\w*|reflect\w*|compatible with|consistent with|indicat\w+|suggest\w*|/"
    r"|concerning for|worrisome for|suspicious for|in keeping with|could be|may be|likely|probably|xxxx)"
    r"(?:\s[\w/-]+){0,3}\s*"
)
_PLACED = ("laterality", "location")
_NEXT_FINDING = re.compile(r",|\band\b|\bor\b")


class Attributes:
    """The compiled phrases. `Attributes.load()` reads those of the package once."""

    def __init__(self, phrases: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        keyed = (
            ((name, value), phrase)
            for name, values in phrases.items()
            for value, written in values.items()
            for phrase in written
        )
        self._phrases = PhraseSet(keyed, _FILE.name)

    @staticmethod
    @cache
    def load() -> Attributes:
        """The phrases in `attributes.yaml`."""
        return Attributes(read_yaml(_FILE))

    def of(self, text: str, tokens: Sequence[str], mentions: Sequence[Mention]) -> list[dict[str, str]]:
        """For each mention of the sentence `text`, in small letters: attribute → values, joined by ","."""
        found = _longest(self._phrases.find(text, tokens))
        if not found:
            return [{} for _ in mentions]
        breaks = [match.span() for match in _CLAUSE.finditer(text)]
        said = [_attributes(found, _reach(text, mention, mentions, breaks), mention) for mention in mentions]
        return _handed_on(text, mentions, said) if len(mentions) > 1 else said


def _handed_on(
    text: str, mentions: Sequence[Mention], said: Sequence[dict[str, str]]
) -> list[dict[str, str]]:
    """`said`, but what explains a finding or is its alternative, and has no place, gets the finding's."""
    found = [dict(one) for one in said]
    order = sorted(range(len(mentions)), key=lambda place: mentions[place].start)
    for first, second in pairwise(order):
        between = mentions[first].end, mentions[second].start
        if between[0] > between[1] or not _EXPLAINS.fullmatch(text, *between):
            continue
        for giver, taker in ((first, second), (second, first)):
            if not any(name in found[taker] for name in _PLACED):
                found[taker] |= {name: found[giver][name] for name in _PLACED if name in found[giver]}
    return [{name: one[name] for name in NAMES if name in one} for one in found]


def _longest(found: Sequence[Match[tuple[str, str]]]) -> list[Match[tuple[str, str]]]:
    """Of overlapping phrases of one attribute the longest."""
    return [
        one
        for one in found
        if not any(
            other.key[0] == one.key[0]
            and other.start <= one.start
            and one.end <= other.end
            and other.end - other.start > one.end - one.start
            for other in found
        )
    ]


def _reach(
    text: str, mention: Mention, mentions: Sequence[Mention], breaks: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """From where to where words belong to `mention`; no clause of `breaks` is crossed."""
    before = max((other.end for other in mentions if other.end <= mention.start), default=None)
    after = min((other.start for other in mentions if other.start >= mention.end), default=None)
    low = 0 if before is None else _border(text, before, mention.start)
    high = len(text) if after is None else _border(text, mention.end, after)
    if after is None and not _TIED.match(text, mention.end):
        high = mention.end
    low = max([low, *(end for _, end in breaks if end <= mention.start)])
    return low, min([high, *(start for start, _ in breaks if start >= mention.end)])


def _border(text: str, first_end: int, second_start: int) -> int:
    """Where the words of one finding end and those of the next begin."""
    if not _TIED.match(text, first_end, second_start):
        return first_end
    joints = [match.start() for match in _NEXT_FINDING.finditer(text, first_end, second_start)]
    return joints[-1] if joints else first_end


def _attributes(
    found: Sequence[Match[tuple[str, str]]], reach: tuple[int, int], mention: Mention
) -> dict[str, str]:
    """What the phrases within `reach` say; the "increased" of "heart size is increased" is no change."""
    said: dict[str, list[str]] = {}
    for match in sorted(found, key=lambda one: one.start):
        name, value = match.key
        if name == "change" and mention.start <= match.start and match.end <= mention.end:
            continue
        if reach[0] <= match.start and match.end <= reach[1] and value not in said.setdefault(name, []):
            said[name].append(value)
    return {name: _joined(name, said[name]) for name in NAMES if said.get(name)}


def merged(said: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What several mentions of one observation say together."""
    if len(said) == 1:
        return dict(said[0])
    values = {
        name: list(dict.fromkeys(value for one in said if name in one for value in one[name].split(",")))
        for name in NAMES
    }
    return {name: _joined(name, found) for name, found in values.items() if found}


def _joined(name: str, values: Sequence[str]) -> str:
    if name == "laterality" and ("bilateral" in values or {"left", "right"} <= set(values)):
        return "bilateral"
    return ",".join(values)

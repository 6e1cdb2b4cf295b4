"""Finds where a sentence speaks of an observation, before anything is said about its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

from plainfilm.labelling.phrase_set import Match, PhraseSet, without_overlaps
from plainfilm.labelling.vocabularies import Vocabulary

Kind = Literal["present", "possible", "absent", "other"]
Part = Literal["present", "possible", "absent", "other", "exclude"]
KINDS: tuple[Kind, ...] = ("possible", "absent", "present", "other")
"""In the order in which they claim text: "upper limits of normal" is no "normal"."""

_PARTS: tuple[Part, ...] = (*KINDS, "exclude")
_STRICT = ("possible", "absent")


class Mention(NamedTuple):
    """`text[start:end]` speaks of `observation`; `kind` is the part of the vocabulary that says so.

    `phrase` is the vocabulary's phrase it was found by.
    """

    observation: str
    kind: Kind
    start: int
    end: int
    phrase: str = ""


class MentionFinder:
    """All phrases of a vocabulary, compiled."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        keyed: list[tuple[tuple[str, Part], str]] = [
            ((name, kind), phrase)
            for name, wording in vocabulary.observations.items()
            for kind in _PARTS
            for phrase in getattr(wording, kind)
        ]
        strict = frozenset(key for key, _ in keyed if key[1] in _STRICT)
        self._phrases = PhraseSet(keyed, f"vocabulary '{vocabulary.name}'", strict=strict)
        self._order = {name: place for place, name in enumerate(vocabulary.observations)}

    def find(self, text: str, tokens: Sequence[str] | None = None) -> list[Mention]:
        """The mentions in a sentence in small letters, by observation; `tokens` as in `PhraseSet.find`."""
        matches = self._phrases.find(text, tokens)
        if len(matches) < 2:
            return [_mention(match) for match in matches if match.key[1] != "exclude"]
        found: dict[str, list[Match[tuple[str, Part]]]] = {}
        for match in matches:
            found.setdefault(match.key[0], []).append(match)
        names = sorted(found, key=self._order.__getitem__) if len(found) > 1 else found
        return [mention for name in names for mention in _claimed(found[name])]


def _claimed(matches: list[Match[tuple[str, Part]]]) -> Sequence[Mention]:
    """The mentions that matches of one observation come to: no text is claimed twice."""
    if len(matches) == 1:
        return [_mention(match) for match in matches if match.key[1] != "exclude"]
    found: list[Mention] = []
    claimed = [(match.start, match.end) for match in matches if match.key[1] == "exclude"]
    for kind in KINDS:
        for match in without_overlaps((one for one in matches if one.key[1] == kind), claimed):
            claimed.append((match.start, match.end))
            found.append(_mention(match))
    return found


def _mention(match: Match[tuple[str, Part]]) -> Mention:
    (observation, kind), phrase, start, end = match
    return Mention(observation, cast(Kind, kind), start, end, phrase)

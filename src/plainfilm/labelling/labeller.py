"""Reads observations and their states from report sentences: mentions, then context, then aggregation.

Rules as data, no parser and no model: every label names the words that it rests on, and a sentence in
which nothing is recognised gets no label (never a comforting "No Finding").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import NamedTuple

from plainfilm.labelling import aggregate as aggregation
from plainfilm.labelling.attributes import Attributes, merged
from plainfilm.labelling.context import Context, Decision, Status
from plainfilm.labelling.mentions import Mention, MentionFinder
from plainfilm.labelling.vocabularies import (
    NO_FINDING,
    SUPPORT_DEVICES,
    Vocabulary,
    load_vocabulary,
    vocabulary_names,
)
from plainfilm.labelling.wording import Reader
from plainfilm.text.sentences import LONGEST, split_sentences
from plainfilm.types import Label, Sentence, State

_REMEMBERED = 50_000
"""Sentences whose labels are kept: reports repeat themselves, and this is some 50 MB at most."""

# Rules tell numbers from words, but no digit from another unless a vocabulary names one: sentences that
# differ in a measurement or a date are labelled once.
_NAMED_DIGIT = re.compile(r"[0-9]")
_COUNTS = re.compile(r"<\d+>|\{[\d,]+\}")
_DIGITS = str.maketrans("123456789", "0" * 9)

_NO_ATTRIBUTES: Mapping[str, str] = {}

_STATES: dict[tuple[str, Status], State] = {
    ("present", "stated"): State.POSITIVE,
    ("present", "negated"): State.NEGATIVE,
    ("present", "uncertain"): State.UNCERTAIN,
    ("possible", "stated"): State.UNCERTAIN,
    ("possible", "uncertain"): State.UNCERTAIN,
    ("absent", "stated"): State.NEGATIVE,
    ("absent", "negated"): State.NEGATIVE,
    ("absent", "uncertain"): State.NEGATIVE,
}
"""What a mention of a kind says in its context; what is not here says nothing."""


class _Statement(NamedTuple):
    """What one mention says."""

    state: State
    mention: Mention
    decision: Decision
    attributes: Mapping[str, str]

    def rule(self) -> str:
        """The phrase that found it and the cue that decided it, as they are written in the rules."""
        found = f"{self.mention.kind}: {self.mention.phrase}"
        cue = self.decision.cue
        return f"{found} | {cue.kind} {cue.direction}: {cue.phrase}" if cue else found


class Reading(NamedTuple):
    """What was read in a sentence: its labels, and whether it could be read at all."""

    labels: tuple[Label, ...]
    readable: bool


NOT_READABLE = Reading((), readable=False)
NOTHING = Reading((), readable=True)


class Labeller:
    """Labels sentences with the observations of one vocabulary.

    Without `details` labels have states and places only, no attributes, which is faster.
    """

    def __init__(self, vocabulary: Vocabulary, *, details: bool = True) -> None:
        self.vocabulary = vocabulary
        self.origin = f"plainfilm-{vocabulary.name}-{vocabulary.version}"
        self._finder = MentionFinder(vocabulary)
        self._context = Context.load(vocabulary.neutral)
        self._attributes = Attributes.load() if details else None
        self._reader = Reader(vocabulary.phrases())
        self._settings = vocabulary.aggregation
        self._ignores_digits = not any(
            _NAMED_DIGIT.search(_COUNTS.sub("", phrase))
            for phrase in (*vocabulary.phrases(), *vocabulary.neutral)
        )
        self._order = {name: place for place, name in enumerate(vocabulary.observations)}
        self._remembered = lru_cache(_REMEMBERED)(self._label)

    @classmethod
    def load(cls, vocabulary: str = "chexpert", *, details: bool = True) -> Labeller:
        """The labeller for a vocabulary of the package, or for the one in a YAML file.

        That of a vocabulary of the package is compiled once in a process.

        Raises:
            ConfigError: no such vocabulary (with the nearest name), or a file that is not one.
        """
        if vocabulary in vocabulary_names():
            return _shipped(vocabulary, details)
        return cls(load_vocabulary(vocabulary), details=details)

    @property
    def observations(self) -> tuple[str, ...]:
        """What it can label, in order."""
        return tuple(self.vocabulary.observations)

    def label_sentence(self, text: str) -> list[Label]:
        """At most one label per observation; `start` and `end` are offsets into `text`.

        Several sentences in one text are read one by one, and what they say together is as of one sentence.
        """
        sentences = split_sentences(text)
        if len(sentences) < 2:
            return list(self.read_sentence(text[:LONGEST]).labels)
        labels = [label for labels in self.label_sentences(sentences) for label in labels]
        states = {
            name: aggregation.combine(
                (one.state for one in labels if one.observation == name), self._settings
            )
            for name in dict.fromkeys(label.observation for label in labels)
        }
        said = [
            next(one for one in labels if (one.observation, one.state) == pair) for pair in states.items()
        ]
        return self._consistent(said)

    def read_sentence(self, text: str) -> Reading:
        """The labels of `label_sentence`, and whether the sentence is one that can be read."""
        if self._ignores_digits and _NAMED_DIGIT.search(text):
            text = text.translate(_DIGITS)
        return self._remembered(text)

    def label_sentences(self, sentences: Sequence[Sentence]) -> list[list[Label]]:
        """The labels of each sentence, with offsets into the report.

        The words of the evidence lie at those offsets where the sentence had single spaces only; where
        white space was squeezed, the offsets are those of the whole sentence.
        """
        return [self.placed(sentence, self.read_sentence(sentence.text).labels) for sentence in sentences]

    @staticmethod
    def placed(sentence: Sentence, labels: Iterable[Label]) -> list[Label]:
        """`labels` of the text of `sentence` with offsets into the report (see `label_sentences`)."""
        exact = len(sentence.text) == sentence.end - sentence.start
        return [
            replace(
                label,
                start=sentence.start + (label.start or 0) if exact else sentence.start,
                end=sentence.start + (label.end or 0) if exact else sentence.end,
            )
            for label in labels
        ]

    def aggregate(self, labels: Iterable[Label]) -> dict[str, State]:
        """The states of a study from the labels of its sentences (see `labelling.aggregate`)."""
        return aggregation.aggregate(labels, self.vocabulary.aggregation)

    def _label(self, text: str) -> Reading:
        wording = self._reader.wording_of(text)
        if wording is None:
            return NOT_READABLE
        mentions = self._finder.find(wording.text, wording.tokens)
        if not mentions:
            return NOTHING
        if not self._reader.is_read(wording, [(one.start, one.end) for one in mentions]):
            return NOT_READABLE
        labels = self._labels(wording.text, wording.tokens, mentions)
        return Reading(tuple(map(wording.placed, labels) if wording.rewritten else labels), readable=True)

    def _labels(self, lowered: str, tokens: Sequence[str], mentions: Sequence[Mention]) -> list[Label]:
        """What the mentions of a sentence come to, with offsets into the text as it is read."""
        decisions = self._context.decide(lowered, tokens, mentions)
        attributes = (
            self._attributes.of(lowered, tokens, mentions)
            if self._attributes
            else [_NO_ATTRIBUTES] * len(mentions)
        )
        said: dict[str, list[_Statement]] = {}
        for mention, decision, attribute in zip(mentions, decisions, attributes, strict=True):
            state = self._state(mention, decision.status)
            if state is not None:
                statement = _Statement(state, mention, decision, attribute)
                said.setdefault(mention.observation, []).append(statement)
        labels = [self._one_label(observation, evidence) for observation, evidence in said.items()]
        return self._consistent(labels)

    def _consistent(self, labels: Sequence[Label]) -> list[Label]:
        """The labels in order, without a "No Finding" that others contradict."""
        if len(labels) < 2:
            return list(labels)
        kept = [label for label in labels if label.observation != NO_FINDING or _is_consistent(label, labels)]
        return sorted(kept, key=lambda label: self._order[label.observation])

    def _state(self, mention: Mention, status: Status) -> State | None:
        if status == "likely":
            status = "stated" if self.vocabulary.likely == "positive" else "uncertain"
        if mention.kind == "other":
            return State.NEGATIVE if status in ("stated", "uncertain") else None
        if mention.observation == NO_FINDING:
            return State.POSITIVE if status in ("stated", "uncertain") else None
        return _STATES.get((mention.kind, status))

    def _one_label(self, observation: str, evidence: Sequence[_Statement]) -> Label:
        if len(evidence) == 1:
            state, mention, _, attributes = proof = evidence[0]
            said = tuple(attributes.items())
            return Label(observation, state, self.origin, mention.start, mention.end, proof.rule(), said)
        states = [statement.state for statement in evidence]
        # A normal chest with a finding outside the vocabulary is not a normal chest.
        if observation == NO_FINDING:
            state = min(states)
        else:
            state = aggregation.combine(states, self.vocabulary.aggregation)
        proof = next(statement for statement in evidence if statement.state == state)
        mention = proof.mention
        said = tuple(merged([one.attributes for one in evidence if one.state == state]).items())
        return Label(observation, state, self.origin, mention.start, mention.end, proof.rule(), said)


def _is_consistent(no_finding: Label, labels: Sequence[Label]) -> bool:
    """False for a positive "No Finding" in a sentence that states or suspects something else."""
    if no_finding.state != State.POSITIVE:
        return True
    return not any(
        label.state != State.NEGATIVE
        for label in labels
        if label.observation not in (NO_FINDING, SUPPORT_DEVICES)
    )


@cache
def _shipped(vocabulary: str, details: bool) -> Labeller:
    return Labeller(load_vocabulary(vocabulary), details=details)

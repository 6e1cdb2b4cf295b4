"""Reads observations and their states from report sentences: mentions, then context, then aggregation.

Rules as data, no parser and no model: every label names the words that it rests on, and a sentence in
which nothing is recognised gets no label (never a comforting "No Finding").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from plainfilm.labelling import aggregate as aggregation
from plainfilm.labelling.attributes import Attributes
from plainfilm.labelling.context import Context, OperatingPoint, Status
from plainfilm.labelling.mentions import Mention, MentionFinder
from plainfilm.labelling.phrase_set import words_of
from plainfilm.labelling.phrases import lower
from plainfilm.labelling.readable import is_english
from plainfilm.labelling.spelling import load_spelling
from plainfilm.labelling.vocabularies import NO_FINDING, SUPPORT_DEVICES, Vocabulary, load_vocabulary
from plainfilm.types import Label, Sentence, State

_REMEMBERED = 50_000
"""Sentences whose labels are kept: reports repeat themselves, and this is some 50 MB at most."""

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
    decision: OperatingPoint
    attributes: dict[str, str]

    def rule(self) -> str:
        """The phrase that found it and the cue that decided it, as they are written in the rules."""
        found = f"{self.mention.kind}: {self.mention.phrase}"
        cue = self.decision.cue
        return f"{found} | {cue.kind} {cue.direction}: {cue.phrase}" if cue else found


class Labeller:
    """Labels sentences with the observations of one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.origin = f"plainfilm-{vocabulary.name}-{vocabulary.version}"
        self._finder = MentionFinder(vocabulary)
        self._context = Context.load(vocabulary.neutral)
        self._attributes = Attributes.load()
        self._spelling = load_spelling()
        self._order = {name: place for place, name in enumerate(vocabulary.observations)}
        self._remembered = lru_cache(_REMEMBERED)(self._label)

    @classmethod
    def load(cls, vocabulary: str = "chexpert") -> Labeller:
        """The labeller for a vocabulary of the package, or for the one in a YAML file.

        Raises:
            ConfigError: no such vocabulary (with the nearest name), or a file that is not one.
        """
        return cls(load_vocabulary(vocabulary))

    @property
    def observations(self) -> tuple[str, ...]:
        """What it can label, in order."""
        return tuple(self.vocabulary.observations)

    def label_sentence(self, text: str) -> list[Label]:
        """At most one label per observation; `start` and `end` are offsets into `text`."""
        return list(self._remembered(text))

    def label_sentences(self, sentences: Sequence[Sentence]) -> list[list[Label]]:
        """The labels of each sentence, with offsets into the report.

        The words of the evidence lie at those offsets where the sentence had single spaces only; where
        white space was squeezed, the offsets are those of the whole sentence.
        """
        return [self._placed(sentence) for sentence in sentences]

    def aggregate(self, labels: Iterable[Label]) -> dict[str, State]:
        """The states of a study from the labels of its sentences (see `labelling.aggregate`)."""
        return aggregation.aggregate(labels, self.vocabulary.aggregation)

    def _placed(self, sentence: Sentence) -> list[Label]:
        exact = len(sentence.text) == sentence.end - sentence.start
        return [
            replace(
                label,
                start=sentence.start + (label.start or 0) if exact else sentence.start,
                end=sentence.start + (label.end or 0) if exact else sentence.end,
            )
            for label in self.label_sentence(sentence.text)
        ]

    def _label(self, text: str) -> tuple[Label, ...]:
        lowered = lower(text)
        words = words_of(lowered)
        meant = self._spelling.correct(lowered, words)
        if meant is None:
            return self._read(lowered, words)
        labels = self._read(meant.text, words_of(meant.text))
        places = meant.places
        return tuple(
            replace(label, start=places[label.start or 0], end=places[label.end or 0]) for label in labels
        )

    def _read(self, lowered: str, words: frozenset[str]) -> tuple[Label, ...]:
        mentions = self._finder.find(lowered, words)
        if not mentions or not is_english(words):
            return ()
        decisions = self._context.decide(lowered, words, mentions)
        attributes = self._attributes.of(lowered, words, mentions)
        said: dict[str, list[_Statement]] = {}
        for mention, decision, attribute in zip(mentions, decisions, attributes, strict=True):
            state = self._state(mention, decision.status)
            if state is not None:
                statement = _Statement(state, mention, decision, attribute)
                said.setdefault(mention.observation, []).append(statement)
        labels = [self._one_label(observation, evidence) for observation, evidence in said.items()]
        kept = [label for label in labels if label.observation != NO_FINDING or _is_consistent(label, labels)]
        return tuple(sorted(kept, key=lambda label: self._order[label.observation]))

    def _state(self, mention: Mention, status: Status) -> State | None:
        if status == "likely":
            status = "stated" if self.vocabulary.likely == "positive" else "uncertain"
        if mention.kind == "other":
            return State.NEGATIVE if status in ("stated", "uncertain") else None
        if mention.observation == NO_FINDING:
            return State.POSITIVE if status in ("stated", "uncertain") else None
        return _STATES.get((mention.kind, status))

    def _one_label(self, observation: str, evidence: Sequence[_Statement]) -> Label:
        states = [statement.state for statement in evidence]
        # A normal chest with a finding outside the vocabulary is not a normal chest.
        if observation == NO_FINDING:
            state = min(states)
        else:
            state = aggregation.combine(states, self.vocabulary.aggregation)
        proof = next(statement for statement in evidence if statement.state == state)
        mention = proof.mention
        found = tuple(proof.attributes.items())
        return Label(observation, state, self.origin, mention.start, mention.end, proof.rule(), found)


def _is_consistent(no_finding: Label, labels: Sequence[Label]) -> bool:
    """False for a positive "No Finding" in a sentence that states or suspects something else."""
    if no_finding.state != State.POSITIVE:
        return True
    return not any(
        label.state != State.NEGATIVE
        for label in labels
        if label.observation not in (NO_FINDING, SUPPORT_DEVICES)
    )

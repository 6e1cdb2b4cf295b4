"""Reads whole texts, such as generated reports: the findings of each, and their sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plainfilm.labelling.attributes import merged
from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.reports import read_report
from plainfilm.text.sentences import split_sentences
from plainfilm.types import Label, State

LATERALITY = "laterality"


@dataclass(frozen=True)
class TextFindings:
    """What a text states. states: of the whole text, by observation. sides: "left", "right" or "bilateral" of
    the positive observations whose side is stated. sentences: each with its labels."""

    states: Mapping[str, State]
    sides: Mapping[str, str]
    sentences: tuple[tuple[str, tuple[Label, ...]], ...]


def read_texts(texts: Sequence[str], labeller: Labeller) -> Iterator[TextFindings]:
    """The findings of every text, in their order; of an empty text, none."""
    for text in texts:
        sentences = [sentence.text for sentence in split_sentences(text)]
        reading = read_report(sentences, labeller)
        labels = [label for found in reading.labels for label in found]
        yield TextFindings(
            reading.states,
            _sides(labels, reading.states),
            tuple((one, tuple(found)) for one, found in zip(sentences, reading.labels, strict=True)),
        )


def _sides(labels: Sequence[Label], states: Mapping[str, State]) -> dict[str, str]:
    stated: dict[str, list[Mapping[str, str]]] = {}
    for label in labels:
        if label.state == State.POSITIVE and states.get(label.observation) == State.POSITIVE:
            stated.setdefault(label.observation, []).append(dict(label.attributes))
    found = {name: merged(attributes).get(LATERALITY, "") for name, attributes in stated.items()}
    return {name: side for name, side in found.items() if side}

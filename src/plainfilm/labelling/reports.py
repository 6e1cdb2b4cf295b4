"""What the sentences of a report come to together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from plainfilm.labelling.labeller import Labeller, Reading
from plainfilm.labelling.vocabularies import NO_FINDING
from plainfilm.types import Label, State

_CORRECTION = re.compile(
    r"\b(?:disregard|ignore|retract\w*|withdraw\w*|rescind\w*) (?:the )?"
    r"(?:above|previous|prior|initial|earlier|preliminary|original|preceding)"
    r"|\b(?:above|previous|prior|initial|earlier|preliminary|original)"
    r" (?:report|statement|impression|reading|read)"
    r" (?:is|was) (?:incorrect|wrong|in error|erroneous)"
)
_LETTER = re.compile(r"[^\W\d_]")


class ReportReading(NamedTuple):
    """The labels of each sentence, what they come to, and how much of the report could be read.

    `readable` is False where most of its text is in a language that is not read: then there are no labels.
    `in_part` is True where some sentence is.
    """

    labels: list[list[Label]]
    states: dict[str, State]
    readable: bool
    in_part: bool


def read_report(sentences: Sequence[str], labeller: Labeller) -> ReportReading:
    """Labels the sentences of one report, in order.

    A report of which a part cannot be read is never "No Finding", and one of which most cannot has no label.
    What a sentence corrects ("please disregard the above") counts no more where it is stated anew.
    """
    readings = [labeller.read_sentence(sentence) for sentence in sentences]
    if all(reading.readable for reading in readings):
        labels = [list(reading.labels) for reading in readings]
        return ReportReading(
            labels, labeller.aggregate(_valid(sentences, labels)), readable=True, in_part=False
        )
    if not _is_mostly_readable(sentences, readings):
        return ReportReading([[] for _ in sentences], {}, readable=False, in_part=False)
    labels = [[one for one in reading.labels if one.observation != NO_FINDING] for reading in readings]
    states = labeller.aggregate(_valid(sentences, labels))
    states.pop(NO_FINDING, None)
    return ReportReading(labels, states, readable=True, in_part=True)


def _is_mostly_readable(sentences: Sequence[str], readings: Sequence[Reading]) -> bool:
    letters = [len(_LETTER.findall(sentence)) for sentence in sentences]
    read = sum(count for count, reading in zip(letters, readings, strict=True) if reading.readable)
    return 2 * read > sum(letters)


def _valid(sentences: Sequence[str], labels: Sequence[Sequence[Label]]) -> list[Label]:
    """The labels that count: what is stated again at or after a correction was corrected by it."""
    corrections = [place for place, text in enumerate(sentences) if _CORRECTION.search(text.lower())]
    if not corrections:
        return [label for found in labels for label in found]
    first = corrections[-1]
    after = [label for found in labels[first:] for label in found]
    stated = {label.observation for label in after}
    return [label for found in labels[:first] for label in found if label.observation not in stated] + after

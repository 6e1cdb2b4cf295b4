"""What is said of one film, box by box and sentence by sentence: the records between the predictor's
documents and DICOM objects.

A document (`predictor.documents`) lists answers to questions, and an answer may have several boxes. Here
every box is an `Annotation` of its own that says which answer it belongs to, as in a structured report; an
answer without a box is one too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from plainfilm.predictor.documents import SCORE_DIGITS

BoxCorners: TypeAlias = tuple[float, float, float, float]
"""x0 y0 x1 y1 in pixels of the film as opened; 0, 0 is the top left corner of its top left pixel."""
Question = Literal["find", "box", "report"]
QUESTIONS: tuple[Question, ...] = ("find", "box", "report")
"""What was asked: to locate a phrase, to describe a box, to write a report."""

PIXEL_DIGITS = 3
"""Decimals of a corner: a 32-bit number, as reports have it, holds them on films up to 16,000 pixels."""


@dataclass(frozen=True)
class Answer:
    """The place of an answer in a document: the question, and the number of the answer, from 1."""

    question: Question
    number: int


@dataclass(frozen=True)
class Annotation:
    """A box with what is said of it, or a sentence that has no box.

    name: the phrase that was looked for, where one was. score: 0 to 1, where the model gives one.
    tracking_uid: identifies the annotation in later versions of a report; empty where none is known.
    """

    answer: Answer
    box: BoxCorners | None = None
    name: str | None = None
    sentence: str | None = None
    score: float | None = None
    tracking_uid: str = ""


@dataclass(frozen=True)
class FilmResults:
    """All that a model, or a person, says of one film. findings: as in a document."""

    annotations: tuple[Annotation, ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()


def results_of_document(entry: Mapping[str, Any]) -> FilmResults:
    """The results in the document of `predict` about one film."""
    annotations: list[Annotation] = []
    for number, found in enumerate(entry["find"], start=1):
        answer = Answer("find", number)
        annotations += _annotations(answer, found["boxes"], found["text"], found["sentence"])
    for number, described in enumerate(entry["boxes"], start=1):
        annotations += _annotations(Answer("box", number), [described], None, described["sentence"])
    for number, sentence in enumerate((entry["report"] or {"sentences": []})["sentences"], start=1):
        annotations += _annotations(Answer("report", number), sentence["boxes"], None, sentence["text"])
    return FilmResults(tuple(annotations), tuple(entry["findings"]))


def document_of_results(file: str, results: FilmResults) -> dict[str, Any]:
    """The document of `predict` that has these results.

    Annotations with the same answer, name and sentence are one answer with several boxes.
    """
    entry: dict[str, Any] = {"file": file, "findings": [dict(one) for one in results.findings]}
    entry |= {"find": [], "boxes": [], "report": None}
    for group in _answers(results.annotations):
        first, boxes = group[0], [corners(one) for one in group if one.box is not None]
        if first.answer.question == "find":
            entry["find"].append({"text": first.name, "boxes": boxes, "sentence": first.sentence})
        elif first.answer.question == "box":
            entry["boxes"] += [{**box, "sentence": first.sentence} for box in boxes]
        else:
            entry["report"] = entry["report"] or {"sentences": []}
            entry["report"]["sentences"].append({"text": first.sentence, "boxes": boxes})
    return entry


def corners(one: Annotation) -> dict[str, float | None]:
    """The box of an annotation as in a document, with its score where it has one."""
    assert one.box is not None
    named: dict[str, float | None] = dict(zip(("x0", "y0", "x1", "y1"), one.box, strict=True))
    return named if one.score is None else {**named, "score": one.score}


def plain_words(text: str | None) -> str | None:
    """Text without control characters, which DICOM texts cannot hold, and outer spaces; `None` if empty."""
    if text is None:
        return None
    unfit = ("Cc", "Cs")  # control characters, halves of characters
    printable = "".join(one if one == "\n" or unicodedata.category(one) not in unfit else " " for one in text)
    return printable.strip() or None


def _annotations(
    answer: Answer, boxes: Sequence[Mapping[str, float | None]], name: str | None, sentence: str | None
) -> Iterator[Annotation]:
    name, sentence = plain_words(name), plain_words(sentence)
    if not boxes:
        yield Annotation(answer, None, name, sentence)
    for box in boxes:
        x0, y0, x1, y1 = (round(float(box[key] or 0.0), PIXEL_DIGITS) for key in ("x0", "y0", "x1", "y1"))
        score = box.get("score")
        rounded = None if score is None else round(float(score), SCORE_DIGITS)
        yield Annotation(answer, (x0, y0, x1, y1), name, sentence, rounded)


def in_order(annotations: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """As a document has them: by question, then by answer; boxes of one answer stay in their order."""
    places = {question: place for place, question in enumerate(QUESTIONS)}
    return tuple(sorted(annotations, key=lambda one: (places[one.answer.question], one.answer.number)))


def _answers(annotations: Iterable[Annotation]) -> list[list[Annotation]]:
    groups: dict[tuple[Answer, str | None, str | None], list[Annotation]] = {}
    for one in in_order(annotations):
        groups.setdefault((one.answer, one.name, one.sentence), []).append(one)
    return list(groups.values())

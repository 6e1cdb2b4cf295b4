"""Answers as one page that a person can read: films with the boxes, and the sentences that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plainfilm.geometry import Boxes
from plainfilm.model_folder import ModelConfig
from plainfilm.pages import film_picture, render
from plainfilm.pages.boxes import ShownBox
from plainfilm.pages.films import LARGE
from plainfilm.predictor.core import Vectors
from plainfilm.predictor.documents import Answers

NOTICE = (
    "Boxes are where the model looks and sentences are made of phrases of its training reports; neither is "
    "evidence of a finding. Not a medical device."
)


@dataclass(frozen=True)
class ShownSentence:
    """A sentence, what was asked (`role`), and the places of its boxes."""

    role: str
    text: str
    boxes: tuple[int, ...] = ()


@dataclass
class Case:
    """What is shown beside one film."""

    title: str
    boxes: list[ShownBox] = field(default_factory=list)
    sentences: list[ShownSentence] = field(default_factory=list)

    def add(self, role: str, text: str, boxes: Sequence[ShownBox]) -> None:
        """Another sentence with its boxes."""
        places = range(len(self.boxes), len(self.boxes) + len(boxes))
        self.boxes += boxes
        self.sentences.append(ShownSentence(role, text, tuple(places)))


def page(answers: Sequence[Answers], model: str, config: ModelConfig) -> str:
    """One HTML document with all that was answered about each film by the model of this name."""
    shown = [(one, list(_cases(one))) for one in answers]
    cases = [case for _, own in shown for case in own]
    return render(
        "predictor/answers.html",
        title=f"{model}: {len(answers)} film{'s' * (len(answers) != 1)}",
        notices=[*filter(None, [config.notice]), NOTICE],
        trained_on=config.training_summary,
        films=[
            {
                "file": Path(one.file).name,
                "error": None if one.error is None else str(one.error),
                "flags": one.flags,
                "findings": one.findings,
                "cases": own,
                "picture": film_picture(one.file, LARGE) if own else None,
            }
            for one, own in shown
        ],
        most_sentences=max((len(case.sentences) for case in cases), default=0),
        most_boxes=max((len(case.boxes) for case in cases), default=0),
    )


def _cases(answers: Answers) -> Iterator[Case]:
    asked = Case("Asked")
    for found in answers.find:
        boxes = _predicted(found.boxes, found.scores, found.text)
        asked.add(found.text, found.sentence or _nothing(boxes), boxes)
    for number, (box, sentence) in enumerate(answers.boxes, 1):
        name = f"box {number}"
        asked.add(name, sentence, [ShownBox.at(box, name, "other")])
    if asked.sentences:
        yield asked
    if answers.report is not None:
        report = Case("Report")
        for one in answers.report.sentences:
            boxes = _predicted(one.boxes, one.scores, one.prompt or "")
            report.add(one.prompt or "", one.text, boxes)
        yield report


def _nothing(boxes: Sequence[ShownBox]) -> str:
    return "" if boxes else "Nothing was found."


def _predicted(boxes: Boxes, scores: Vectors | None, name: str) -> list[ShownBox]:
    values: Sequence[Any] = [None] * len(boxes) if scores is None else scores.tolist()
    pairs = zip(boxes.tolist(), values, strict=True)
    return [ShownBox.at(box, name, "prediction", score) for box, score in pairs]

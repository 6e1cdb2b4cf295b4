"""Answers as plain values: the JSON document and the table of `predict`, for the command line and the
server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainfilm.errors import ImageError
from plainfilm.geometry import Boxes
from plainfilm.predictor.core import Vectors
from plainfilm.predictor.findings import Finding
from plainfilm.predictor.locate import FoundText
from plainfilm.predictor.report import WrittenReport, WrittenSentence
from plainfilm.predictor.similarity_map import SimilarityMap
from plainfilm.types import View


@dataclass(frozen=True)
class Study:
    """The files of one study. name: in answers. views: of each file, where they are stated."""

    name: str
    files: Sequence[Path]
    views: Sequence[View] | None = None


@dataclass(frozen=True)
class ShownFilm:
    """A film of a study in its answers, and why it was left out, if it was. flags: see `Answers`."""

    file: str
    view: View
    error: ImageError | None = None
    flags: Sequence[str] | None = None


SCORE_DIGITS, PROBABILITY_DIGITS = 6, 5
"""Decimals of a document. What is encoded alone or with others is summed in another order, so that cosines
differ by 2e-7, and probabilities, which multiply them by up to 100, by 5e-6."""


@dataclass(frozen=True)
class Answers:
    """The answers to all questions about one image, or about a study with these `films`.

    flags: what tells the image apart from those the model was trained on (`film_flags`); `None` if nobody has
    looked.
    """

    file: str
    findings: Sequence[Finding] = ()
    find: Sequence[FoundText] = ()
    boxes: Sequence[tuple[Sequence[float], str]] = ()
    report: WrittenReport | None = None
    error: ImageError | None = None
    films: Sequence[ShownFilm] = ()
    maps: Sequence[SimilarityMap] = ()
    size: tuple[int, int] | None = None
    """Width and height of the file as opened, of one image."""
    flags: Sequence[str] | None = None


@dataclass(frozen=True)
class Questions:
    """Questions about an image beside its findings. find: phrases to locate. boxes: x0 y0 x1 y1 in pixels of
    the file as opened, to describe. report: whether to write a report. maps: texts to map."""

    find: Sequence[str] = ()
    boxes: Sequence[Sequence[float]] = ()
    report: bool = False
    maps: Sequence[str] = ()


def document(answers: Answers) -> dict[str, Any]:
    """The part of the JSON document of `predict` about one image or study."""
    written = answers.report
    entry: dict[str, Any] = {"file": answers.file}
    if answers.films:
        entry["films"] = [_film(one) for one in answers.films]
    if answers.error is not None:
        entry["error"] = str(answers.error)
    if answers.flags is not None:
        entry["flags"] = list(answers.flags)
    if answers.maps:
        entry["maps"] = [similarity_map(one) for one in answers.maps]
    return entry | {
        "findings": [finding(one) for one in answers.findings],
        "find": [
            {"text": one.text, "boxes": _scored(one.boxes, one.scores), "sentence": one.sentence}
            for one in answers.find
        ],
        "boxes": [{**_corners(box), "sentence": sentence} for box, sentence in answers.boxes],
        "report": written and {"sentences": [_sentence(one) for one in written.sentences]},
    }


def _found(one: FoundText) -> dict[str, Any]:
    return {"text": one.text, "boxes": _scored(one.boxes, one.scores), "sentence": one.sentence}


def _sentence(one: WrittenSentence) -> dict[str, Any]:
    if one.scores is None:
        return {"text": one.text, "boxes": _plain(one.boxes)}
    shown = {"text": one.text, "boxes": _scored(one.boxes, one.scores)}
    return {**shown, "prompt": one.prompt, "localised": one.is_localised}


def _film(one: ShownFilm) -> dict[str, Any]:
    error = {} if one.error is None else {"error": str(one.error)}
    flags = {} if one.flags is None else {"flags": list(one.flags)}
    return {"file": one.file, "view": str(one.view), **flags, **error}


def finding(one: Finding) -> dict[str, Any]:
    """The JSON values of one observation of an image."""
    return {
        "observation": one.observation,
        "probability": rounded(one.probability, PROBABILITY_DIGITS),
        "positive_score": rounded(one.positive_score),
        "negative_score": rounded(one.negative_score),
        "abstains": one.abstains,
        "positive": one.is_positive,
        "calibrated": one.is_calibrated,
    }


def similarity_map(one: SimilarityMap) -> dict[str, Any]:
    """The JSON values of one map.

    grid: rows of cosines from the top left of the model's input, null where a patch lies outside the film.
    extent: the box of the whole grid, whose patches are of equal size. seen: the box of what the model sees.
    peak: the centre of the most similar patch. All are in pixels of the file as opened.
    """
    x, y = one.peak()
    return {
        "text": one.text,
        "score": rounded(one.score),
        "low": rounded(one.low),
        "high": rounded(one.high),
        "peak": {"x": round(x, 3), "y": round(y, 3)},
        "seen": _corners([round(edge, 3) for edge in one.seen().tolist()]),
        "extent": _corners([round(edge, 3) for edge in one.extent().tolist()]),
        "grid": [[None if value != value else rounded(value) for value in row] for row in one.grid.tolist()],
    }


def rounded(value: float | None, digits: int = SCORE_DIGITS) -> float | None:
    """A score to the decimals that hold, whatever it was computed with."""
    return None if value is None else round(float(value), digits)


COLUMNS = (
    *("file", "observation", "probability", "positive_score", "negative_score"),
    *("abstains", "positive", "calibrated", "error"),
)
"""The columns of the table of findings."""


def rows(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The table of findings: one row for each image and observation, and one for an image without any."""
    return [
        {"file": entry["file"], "error": entry.get("error"), **one}
        for entry in documents
        for one in (entry["findings"] or [{}])
    ]


def _corners(box: Sequence[float]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(("x0", "y0", "x1", "y1"), box, strict=True)}


def _plain(boxes: Boxes) -> list[dict[str, float]]:
    return [_corners(box) for box in boxes.tolist()]


def _scored(boxes: Boxes, scores: Vectors) -> list[dict[str, float | None]]:
    pairs = zip(_plain(boxes), scores.tolist(), strict=True)
    return [{**box, "score": rounded(score)} for box, score in pairs]

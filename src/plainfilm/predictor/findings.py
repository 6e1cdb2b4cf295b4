"""Findings: the scores of images by observation, and what operating points make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from plainfilm.errors import ImageError
from plainfilm.metrics.calibration import sigmoid
from plainfilm.predictor.classify import logits_of
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import FilmEncoder
from plainfilm.predictor.operating_points import OperatingPoint, OperatingPoints
from plainfilm.predictor.studies import StudyFilms, stream_logits, stream_vectors
from plainfilm.predictor.zero_shot import (
    PromptsOf,
    PromptVectors,
    Wording,
    compare,
    image_rows,
    prompt_vectors,
    texts_of,
)
from plainfilm.progress import SILENT, Progress


@dataclass(frozen=True)
class Finding:
    """The scores of one observation on an image.

    probability: calibrated if `is_calibrated`; otherwise the softmax at the model's temperature, or the
    sigmoid of a classifier's logit. positive_score, negative_score: cosines with prompts, or the logit and
    `None`. is_positive: by the model's threshold. abstains: whether the score leaves the label undecided.
    `None` means unknown.
    """

    observation: str
    probability: float | None
    positive_score: float
    negative_score: float | None
    abstains: bool | None
    is_positive: bool | None
    is_calibrated: bool


def valid_for(point: OperatingPoint | None, prompts: tuple[Wording, Wording]) -> OperatingPoint | None:
    """The operating point, if it was fitted with these prompts."""
    if point is None or (point.positive, point.negative) != (
        texts_of(prompts[0]),
        texts_of(prompts[1]),
    ):
        return None
    return point


def prompted(
    name: str, point: OperatingPoint | None, positive: float, negative: float, probability: float
) -> Finding:
    """A finding from the cosines with the two ensembles; `negative` is NaN without a negative ensemble."""
    if not np.isfinite(negative):
        return Finding(name, None, positive, None, None, None, False)
    return judged(name, point, positive, negative, positive - negative, probability)


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted by probability, calibrated findings first, as they cannot be compared with the others; where any
    of the others has no probability, these are sorted by their positive score, which all have."""
    found = list(findings)
    all_have = all(one.probability is not None for one in found if not one.is_calibrated)

    def key(one: Finding) -> tuple[bool, float]:
        by_score = not one.is_calibrated and not all_have
        return not one.is_calibrated, -(one.positive_score if by_score else one.probability or 0.0)

    return sorted(found, key=key)


def judged(
    name: str,
    point: OperatingPoint | None,
    positive: float,
    negative: float | None,
    margin: float,
    probability: float,
) -> Finding:
    """A finding from its `margin`, with the model's operating point if there is one."""
    calibrated = point.probability(margin) if point else None
    return Finding(
        observation=name,
        probability=probability if calibrated is None else calibrated,
        positive_score=positive,
        negative_score=negative,
        abstains=point.abstains(margin) if point else None,
        is_positive=point.is_positive(margin) if point else None,
        is_calibrated=calibrated is not None,
    )


Stream: TypeAlias = "Callable[[], Iterator[Vectors | ImageError]]"
"""Begins to give one row for each image or study in turn, or its error."""

PromptedStream: TypeAlias = "Callable[[PromptVectors], Iterator[Vectors | ImageError]]"
"""The same for prompts."""


def of_images(
    core: Core,
    films: FilmEncoder,
    images: Any,
    operating_points: OperatingPoints | None,
    prompts: PromptsOf | None = None,
    progress: Progress = SILENT,
) -> Iterator[list[Finding] | ImageError]:
    """For each image in turn all observations, or the image's error; see `Predictor.findings`."""
    return findings(
        core,
        lambda: films.stream_each(images, logits_of, progress),
        lambda prompted: films.stream_each(images, partial(image_rows, prompts=prompted), progress),
        operating_points,
        prompts,
    )


def of_studies(
    core: Core,
    films: FilmEncoder,
    studies: Sequence[StudyFilms],
    operating_points: OperatingPoints | None,
    prompts: PromptsOf | None = None,
    progress: Progress = SILENT,
) -> Iterator[list[Finding] | ImageError]:
    """For each study in turn all observations; see `Predictor.findings_of_studies`."""
    return findings(
        core,
        lambda: (row for block in stream_logits(core, films, studies, progress) for row in block),
        lambda _: (row for block in stream_vectors(core, films, studies, progress) for row in block),
        operating_points,
        prompts,
    )


def findings(
    core: Core,
    logits: Stream,
    rows: PromptedStream,
    operating_points: OperatingPoints | None,
    prompts: PromptsOf | None = None,
) -> Iterator[list[Finding] | ImageError]:
    """The observations of each row, from `logits` (O,) if the model predicts observations and there are no
    `prompts`, else from `rows` that are compared with prompts (`zero_shot.image_rows`)."""
    points = operating_points.observations if operating_points else {}
    if prompts is None and core.model.facts.observations:
        yield from _classified(core, logits(), points)
        return
    chosen_prompts = prompts or {name: (one.positive, one.negative) for name, one in points.items()}
    ensembles = operating_points.ensembles if operating_points else "mean"
    prompted_with = prompt_vectors(core, chosen_prompts, ensembles)
    valid = [valid_for(points.get(name), chosen_prompts[name]) for name in chosen_prompts]
    for vector in rows(prompted_with):
        yield vector if isinstance(vector, ImageError) else _prompted(core, vector, prompted_with, valid)


def _classified(
    core: Core, rows: Iterator[Vectors | ImageError], points: Mapping[str, OperatingPoint]
) -> Iterator[list[Finding] | ImageError]:
    names = core.model.facts.observations
    valid = [valid_for(points.get(name), ((), ())) for name in names]
    for logits in rows:
        if isinstance(logits, ImageError):
            yield logits
            continue
        chances = sigmoid(logits.astype(np.float64)).tolist()
        columns = zip(names, valid, logits.tolist(), chances, strict=True)
        yield ranked(judged(name, one, logit, None, logit, chance) for name, one, logit, chance in columns)


def _prompted(
    core: Core, vector: Vectors, prompts: PromptVectors, points: Sequence[OperatingPoint | None]
) -> list[Finding]:
    scores = compare(core, vector[None], prompts)
    listed = [
        prompted(
            name,
            point,
            *(float(part[0, place]) for part in (scores.positive, scores.negative, scores.probability)),
        )
        for place, (name, point) in enumerate(zip(prompts.observations, points, strict=True))
    ]
    return ranked(listed)

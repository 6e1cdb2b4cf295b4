"""What a model says of films, observation by observation, and what its decisions make of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plainfilm.errors import ImageError
from plainfilm.metrics.calibration import sigmoid
from plainfilm.predictor.classify import logits_of
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import FilmEncoder
from plainfilm.predictor.operating_points import OperatingPoint, OperatingPoints
from plainfilm.predictor.zero_shot import (
    PromptsOf,
    PromptVectors,
    Wording,
    compare,
    image_vectors,
    prompt_vectors,
    texts_of,
)
from plainfilm.progress import SILENT, Progress


@dataclass(frozen=True)
class Finding:
    """What a film's scores say of one observation.

    probability: calibrated where `is_calibrated`, else the softmax at the model's temperature, or what a
    classifier's logit gives. positive_score, negative_score: cosines with prompts, or the logit and nothing.
    is_positive: by the model's threshold. abstains: the score does not decide. `None` where the model does
    not know.
    """

    observation: str
    probability: float | None
    positive_score: float
    negative_score: float | None
    abstains: bool | None
    is_positive: bool | None
    is_calibrated: bool


def valid_for(decision: OperatingPoint | None, asked: tuple[Wording, Wording]) -> OperatingPoint | None:
    """The decision, if it was fitted with these prompts."""
    if decision is None or (decision.positive, decision.negative) != (texts_of(asked[0]), texts_of(asked[1])):
        return None
    return decision


def prompted(
    name: str, decision: OperatingPoint | None, positive: float, negative: float, probability: float
) -> Finding:
    """A finding from the cosines with the two ensembles; `negative` is NaN where nothing denies it."""
    if not np.isfinite(negative):
        return Finding(name, None, positive, None, None, None, False)
    return judged(name, decision, positive, negative, positive - negative, probability)


def ranked(found: Iterable[Finding]) -> list[Finding]:
    """The likeliest first; calibrated ones before others, with which they do not compare."""
    return sorted(found, key=lambda one: (not one.is_calibrated, -(one.probability or 0.0)))


def judged(
    name: str,
    decision: OperatingPoint | None,
    positive: float,
    negative: float | None,
    margin: float,
    probability: float,
) -> Finding:
    """A finding from its `margin`, under the model's decision where there is one."""
    calibrated = decision.probability(margin) if decision else None
    return Finding(
        observation=name,
        probability=probability if calibrated is None else calibrated,
        positive_score=positive,
        negative_score=negative,
        abstains=decision.abstains(margin) if decision else None,
        is_positive=decision.is_positive(margin) if decision else None,
        is_calibrated=calibrated is not None,
    )


def findings(
    core: Core,
    films: FilmEncoder,
    images: Any,
    decisions: OperatingPoints | None,
    prompts: PromptsOf | None = None,
    progress: Progress = SILENT,
) -> Iterator[list[Finding] | ImageError]:
    """For each film in turn all observations, or what is wrong with the film; see `Predictor.findings`."""
    decided = decisions.observations if decisions else {}
    if prompts is None and core.model.facts.observations:
        yield from _classified(core, films, images, decided, progress)
        return
    asked = prompts or {name: (one.positive, one.negative) for name, one in decided.items()}
    vectors = prompt_vectors(core, asked, decisions.ensembles if decisions else "mean")
    valid = [valid_for(decided.get(name), asked[name]) for name in asked]
    for vector in films.stream_each(images, image_vectors(core), progress):
        yield vector if isinstance(vector, ImageError) else _prompted(core, vector, vectors, valid)


def _classified(
    core: Core, films: FilmEncoder, images: Any, decided: Mapping[str, OperatingPoint], progress: Progress
) -> Iterator[list[Finding] | ImageError]:
    names = core.model.facts.observations
    valid = [valid_for(decided.get(name), ((), ())) for name in names]
    for logits in films.stream_each(images, logits_of(core), progress):
        if isinstance(logits, ImageError):
            yield logits
            continue
        chances = sigmoid(logits.astype(np.float64)).tolist()
        rows = zip(names, valid, logits.tolist(), chances, strict=True)
        yield ranked(judged(name, one, logit, None, logit, chance) for name, one, logit, chance in rows)


def _prompted(
    core: Core, vector: Vectors, prompts: PromptVectors, decisions: Sequence[OperatingPoint | None]
) -> list[Finding]:
    scores = compare(core, vector[None], prompts)
    found = [
        prompted(
            name,
            decision,
            *(float(part[0, place]) for part in (scores.positive, scores.negative, scores.probability)),
        )
        for place, (name, decision) in enumerate(zip(prompts.observations, decisions, strict=True))
    ]
    return ranked(found)

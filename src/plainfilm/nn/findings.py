"""What a model says of films, observation by observation, and what its decisions make of that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.calibration import sigmoid
from plainfilm.nn.decisions import Decision

Vectors = NDArray[np.float32]
Wording = str | Sequence[str]
"""A prompt, or the prompts of an ensemble."""


@dataclass(frozen=True)
class PromptVectors:
    """The ensembles of C observations as vectors (C, D); NaN in `negative` where nothing denies one."""

    observations: tuple[str, ...]
    positive: Vectors
    negative: Vectors


@dataclass(frozen=True)
class ZeroShot:
    """What prompts say of N films, for C observations; all arrays (N, C).

    positive, negative: cosine with the positive and the negative ensemble. probability: of the positive one
    in a softmax over the two at the model's temperature. NaN where nothing denies an observation.
    """

    observations: tuple[str, ...]
    positive: Vectors
    negative: Vectors
    probability: Vectors

    @property
    def margin(self) -> NDArray[np.float64]:
        """Positive minus negative cosine: ranks as the probability does, without its rounding to 0 and 1."""
        return self.positive.astype(np.float64) - self.negative


@dataclass(frozen=True)
class Classification:
    """What a classifier says of N films, for C observations: logits (N, C)."""

    observations: tuple[str, ...]
    logits: Vectors

    @property
    def probability(self) -> Vectors:
        """(N, C), as the model has it: not calibrated."""
        return sigmoid(self.logits.astype(np.float64)).astype(np.float32)


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


def texts_of(wording: Wording) -> tuple[str, ...]:
    """The prompts of an ensemble."""
    return (wording,) if isinstance(wording, str) else tuple(wording)


def valid_for(decision: Decision | None, asked: tuple[Wording, Wording]) -> Decision | None:
    """The decision, if it was fitted with these prompts."""
    if decision is None or (decision.positive, decision.negative) != (texts_of(asked[0]), texts_of(asked[1])):
        return None
    return decision


def prompted(
    name: str, decision: Decision | None, positive: float, negative: float, probability: float
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
    decision: Decision | None,
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

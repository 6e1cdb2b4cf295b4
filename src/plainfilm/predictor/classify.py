"""What a model that classifies says of films."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plainfilm.metrics.calibration import sigmoid
from plainfilm.models.base import Classifies
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import Encode

_WAY_OUT = (
    "make a classifier of it with `plainfilm finetune RECIPE --init MODEL`, or ask it with prompts "
    "(`plainfilm evaluate zero_shot`)"
)


@dataclass(frozen=True)
class Classification:
    """What a classifier says of N films, for C observations: logits (N, C)."""

    observations: tuple[str, ...]
    logits: Vectors

    @property
    def probability(self) -> Vectors:
        """(N, C), as the model has it: not calibrated."""
        return sigmoid(self.logits.astype(np.float64)).astype(np.float32)


def logits_of(core: Core) -> Encode:
    """From features of films to logits (N, C).

    Raises:
        UsageError: the model does not classify.
    """
    model: Classifies = core.able(Classifies, _WAY_OUT)
    return model.logits

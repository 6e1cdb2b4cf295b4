"""Classification of images by models with outputs for observations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plainfilm.metrics.calibration import sigmoid
from plainfilm.models.base import Classifies
from plainfilm.predictor.core import Core, Vectors, described
from plainfilm.predictor.films import Encode

_WAY_OUT = (
    "fine-tune it as a classifier with `plainfilm finetune RECIPE --init MODEL`, or use prompts "
    "(`plainfilm evaluate zero_shot`)"
)


@dataclass(frozen=True)
class Classification:
    """The output of a classifier for N images and C observations: logits (N, C)."""

    observations: tuple[str, ...]
    logits: Vectors

    @property
    def probability(self) -> Vectors:
        """(N, C), not calibrated."""
        return sigmoid(self.logits.astype(np.float64)).astype(np.float32)

    def __repr__(self) -> str:
        return described("Classification", self.observations, self.probability)


def logits_of(core: Core) -> Encode:
    """A function from features of images to logits (N, C).

    Raises:
        UsageError: the model does not classify.
    """
    model: Classifies = core.able(Classifies, _WAY_OUT)
    return model.logits

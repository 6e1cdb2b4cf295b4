"""Multi-label classification: a logistic loss for every known observation of an image.

With logits z (B, C), truths y in {0, 1} and K the pairs of image and observation whose truth is known,

    L = 1/|K| Σ_(i,c)∈K  -w_c y'_ic log σ(z_ic) - (1 - y'_ic) log(1 - σ(z_ic)),    y' = (1 - s) y + s/2

The policies set the truth of uncertain and unmentioned observations, as in the tasks `zero_shot` and
`classification`. w_c is 1, or with `balance: positives` the number of negatives per positive among the
training items, so that the positives of an observation weigh as much as its negatives. s is label smoothing
(Szegedy et al. 2016, arXiv:1512.00567), in training only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.batches.labels import Absent, Uncertain, truth
from plainfilm.config import Settings
from plainfilm.models.base import Classifies, Model, ability
from plainfilm.objectives.base import Encoded, PerItem

NEEDS = ("labels",)
PATCHES = False


class Config(Settings):
    """The truth of uncertain and absent states, the weight of positives, and label smoothing."""

    use: str = "classification"
    uncertain: Uncertain = "ignore"
    absent: Absent = "negative"
    balance: Literal["none", "positives"] = "none"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)


class Classification(PerItem):
    """The loss above; its weights of positives are part of the saved state."""

    positive_weights: Tensor

    def __init__(self, config: Config, observations: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("positive_weights", torch.ones(observations))

    def before_training(self, targets: Mapping[str, Any]) -> None:
        """Compute the weights of positives from the states (N, O); 1 if a class is missing."""
        if self.config.balance == "none":
            return
        positive, known = self._truth(targets["labels"])
        positives = (positive & known).sum(dim=0)
        negatives = known.sum(dim=0) - positives
        weights = torch.where((positives > 0) & (negatives > 0), negatives / positives.clamp(min=1), 1.0)
        self.positive_weights.copy_(weights)

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """`cross_entropy`: the number of known pairs of image and observation."""
        _, known = self._of(batch)
        return {"cross_entropy": known.sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """`cross_entropy` of every item (see `Encoded.logits`), over the known pairs."""
        logits = encoded.logits()
        positive, known = self._of(encoded.batch)
        smoothing = self.config.label_smoothing if self.training else 0.0
        wanted = positive.to(logits.dtype) * (1 - smoothing) + smoothing / 2
        with torch.autocast(logits.device.type, enabled=False):
            costs = nn.functional.binary_cross_entropy_with_logits(
                logits, wanted, reduction="none", pos_weight=self.positive_weights.to(logits.dtype)
            )
        return {"cross_entropy": costs.masked_fill(~known, 0.0).sum()}

    def _of(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Positive and known states of items; items without labels have none."""
        target = batch.targets["labels"]
        positive, known = self._truth(target.states)
        return positive, known & target.present[:, None]

    def _truth(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return truth(states, self.config.uncertain, self.config.absent)


def build(config: Config, model: Model) -> Classification:
    """The objective for `model`.

    Raises:
        UsageError: `model` does not classify.
    """
    ability(model, Classifies, "objective 'classification'", "use model classifier")
    return Classification(config, len(model.facts.observations))

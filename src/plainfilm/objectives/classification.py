"""Multi-label classification: a logistic loss for every observation that is known of a film.

With logits z (B, C), truths y in {0, 1} and K the pairs of film and observation whose truth is known,

    L = 1/|K| Σ_(i,c)∈K  -w_c y'_ic log σ(z_ic) - (1 - y'_ic) log(1 - σ(z_ic)),    y' = (1 - s) y + s/2

What labels leave uncertain or do not mention is counted as the policies say, which are those of the tasks
`zero_shot` and `classification`. w_c is 1, or with `balance: positives` the negatives per positive of the
items to train on, so that the positives of an observation weigh as much as its negatives. s is label
smoothing (Szegedy et al. 2016, arXiv:1512.00567), in training alone.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch, Keys, Needs
from plainfilm.batches.labels import Absent, Uncertain, truth
from plainfilm.config import Settings
from plainfilm.errors import ConfigError
from plainfilm.metrics.classification import macro, rank, truth_codes
from plainfilm.nn.classifier import Classifier
from plainfilm.objectives.base import Features, LossReport, Objective

NEEDS = Needs(views=1, texts=0, labels=True)
MODEL = "classifier"
AUROC = "auroc_macro"


class Config(Settings):
    """What states count as, the weight of positives, and how far targets are drawn to one half."""

    use: str = "classification"
    uncertain: Uncertain = "ignore"
    absent: Absent = "negative"
    balance: Literal["none", "positives"] = "none"
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)


class Classification(Objective):
    """The loss above; its weights of positives are part of the state that is saved."""

    collected = ("logits", "states")
    positive_weights: Tensor

    def __init__(self, config: Config, observations: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("positive_weights", torch.ones(observations))

    def before_training(self, labels: Tensor) -> None:
        """Takes the weights of positives from the states (N, C); 1 where a class is missing."""
        if self.config.balance == "none":
            return
        positive, known = self._truth(labels)
        positives = (positive & known).sum(dim=0)
        negatives = known.sum(dim=0) - positives
        weights = torch.where((positives > 0) & (negatives > 0), negatives / positives.clamp(min=1), 1.0)
        self.positive_weights.copy_(weights)

    def encode(self, model: nn.Module, batch: Batch) -> Features:
        """`logits` (B, C) of the first view of every item."""
        return {"logits": cast(Classifier, model).logits(batch.images[:, 0])}

    def targets(self, batch: Batch) -> Features:
        """`states` (B, C) as labels give them."""
        if batch.labels is None:
            raise ConfigError("objective 'classification' was given a batch without labels")
        return {"states": batch.labels}

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The loss above; part: `known`, the share of pairs that it is over."""
        logits = features["logits"]
        positive, known = self._truth(targets["states"])
        smoothing = self.config.label_smoothing if self.training else 0.0
        wanted = positive.to(logits.dtype) * (1 - smoothing) + smoothing / 2
        costs = nn.functional.binary_cross_entropy_with_logits(
            logits, wanted, reduction="none", pos_weight=self.positive_weights.to(logits.dtype)
        )
        total = costs.masked_fill(~known, 0.0).sum() / known.sum().clamp(min=1)
        return LossReport(total, {"known": known.to(logits.dtype).mean()})

    def score(self, collected: Features) -> dict[str, float]:
        """`auroc_macro`: the mean AUROC of the observations that have films of both classes, if any has."""
        positive, known = self._truth(collected["states"])
        codes = truth_codes(positive.numpy(), known.numpy())
        ranked = rank(collected["logits"].numpy(), codes)
        value = macro(ranked.under(torch.ones(1, len(codes)).numpy())[0, :, 0])
        return {AUROC: value} if value == value else {}

    def _truth(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return truth(states, self.config.uncertain, self.config.absent)


def build(config: Config, model: nn.Module) -> Classification:
    """The objective for `model`.

    Raises:
        ConfigError: `model` is no classifier.
    """
    if not isinstance(model, Classifier):
        raise ConfigError(f"objective 'classification' trains a classifier, not a {type(model).__name__}")
    return Classification(config, len(model.observations))

"""Telling from what is found for a finding whether it is there (ChEX, arXiv:2404.15770).

For every finding that the labels of an image affirm or deny, the feature of its prompt is compared with the
affirming and the denying words of all findings that are known of the image; the cross entropy of the right
ones, at `temperature`.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.batches.targets.finding_prompts import FindingPrompts
from plainfilm.config import Settings
from plainfilm.models.base import unit_vectors
from plainfilm.objectives.base import Encoded, PerItem
from plainfilm.objectives.regions.encoding import detected, nothing, of_present, region_model, texts

NEEDS = ("finding_prompts",)


class Config(Settings):
    """temperature: similarities are divided by it."""

    use: str = "finding_classification"
    temperature: float = Field(default=0.2, gt=0)


class FindingClassification(PerItem):
    """The cross entropy of the right words of every finding."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of findings."""
        return {"findings": of_present(batch.targets[NEEDS[0]]).sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The summed cross entropy."""
        asked: FindingPrompts = encoded.batch.targets[NEEDS[0]]
        present = of_present(asked)
        if not bool(present.any()):
            return {"findings": nothing(encoded)}
        vectors = texts(encoded, asked.affirmed_ids, asked.affirmed_mask, "prompt_vectors")
        found = unit_vectors(detected(encoded, asked.of, vectors)[2])
        affirmed = texts(encoded, asked.affirmed_ids, asked.affirmed_mask)
        denied = texts(encoded, asked.denied_ids, asked.denied_mask)
        same_item = asked.of.item[:, None] == asked.of.item
        logits = torch.cat([found @ affirmed.T, found @ denied.T], dim=1) / self.config.temperature
        logits = logits.masked_fill(~torch.cat([same_item, same_item], dim=1), -torch.inf)
        places = torch.arange(len(found), device=found.device)
        right = torch.where(asked.is_there, places, places + len(found))
        losses = nn.functional.cross_entropy(logits, right, reduction="none")
        return {"findings": losses[present].sum()}


def build(config: Config, model: nn.Module) -> FindingClassification:
    """The objective for `model`.

    Raises:
        UsageError: the model does not detect boxes.
    """
    region_model(config.use, model, "detect")
    return FindingClassification(config)

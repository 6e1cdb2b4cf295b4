"""Patches where a finding lies are similar to its words, and others are not.

Every known finding of a film is asked at once, since a similarity of patches and words costs little; the
detector learns from a few prompts of each. With the logit l_p of patch p, scale * cosine + bias, and the log
of the mean exponential L(A) = log mean_{p in A} exp l_p of an area A,

    area:     -log sigmoid L(A), of every box of what is there
    outside:  mean over patches in no box of -log sigmoid(-l_p)

as learning from bags (Ilse et al. 2018, arXiv:1802.04712) with the pooling of Pinheiro and Collobert (2015,
arXiv:1411.6228): of an area that a finding does not fill, one patch is enough. A patch lies in a box if any
part of it does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.batches.prompted_boxes import PromptedBoxes
from plainfilm.config import Settings
from plainfilm.nn.regions.positions import patches_touched
from plainfilm.objectives.base import Encoded, PerItem
from plainfilm.objectives.regions.encoding import nothing, of_present, region_model, shown, texts

NEEDS = ("finding_areas",)
_SCALE, _BIAS = 10.0, -2.0
"""What is learned starts here."""


class Config(Settings):
    """area, outside: the weights of the terms."""

    use: str = "finding_areas"
    area: float = Field(default=1.0, ge=0)
    outside: float = Field(default=1.0, ge=0)


class FindingAreas(PerItem):
    """The loss of the areas of findings. The scale and the bias of logits are learned."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.log_scale = nn.Parameter(torch.tensor(math.log(_SCALE)))
        self.bias = nn.Parameter(torch.tensor(_BIAS))

    def weights(self) -> Mapping[str, float]:
        """The weight of each term."""
        return self.config.model_dump(exclude={"use"})

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of areas, and of prompts."""
        asked: PromptedBoxes = batch.targets[NEEDS[0]]
        present = of_present(asked)
        return {"area": asked.there[present].sum(), "outside": present.sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The sum of each term over the prompts of a slice."""
        asked: PromptedBoxes = encoded.batch.targets[NEEDS[0]]
        present = of_present(asked)
        none = nothing(encoded) + self.bias * 0 + self.log_scale * 0
        if not bool(present.any()):
            return dict.fromkeys(self.weights(), none)
        logits = self._logits(encoded, asked)[present]
        there = asked.there[present]
        touched = patches_touched(asked.boxes[present], logits.shape[1]) & there.unsqueeze(-1)
        within = logits[:, None].masked_fill(~touched, -torch.inf)[there].logsumexp(dim=1)
        within = within - touched[there].sum(dim=1).log()
        outside = ~touched.any(dim=1)
        apart = nn.functional.softplus(logits).masked_fill(~outside, 0.0).sum(dim=1)
        apart = apart / outside.sum(dim=1).clamp(min=1)
        return {"area": none + nn.functional.softplus(-within).sum(), "outside": none + apart.sum()}

    def _logits(self, encoded: Encoded, asked: PromptedBoxes) -> Tensor:
        """(E, P)"""
        vectors = texts(encoded, asked.token_ids, asked.token_mask, "prompt_vectors")
        prompts, mask = asked.of.padded(vectors)
        cosines = encoded.model("patch_cosines", shown(encoded), prompts)[mask]
        logits: Tensor = cosines * self.log_scale.exp() + self.bias
        return logits


def build(config: Config, model: nn.Module) -> FindingAreas:
    """The objective for `model`.

    Raises:
        UsageError: the model does not detect boxes.
    """
    region_model(config.use, model, "detect")
    return FindingAreas(config)

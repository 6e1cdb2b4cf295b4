"""Telling which findings a region of anatomy has, in words (ChEX, arXiv:2404.15770).

The feature x of a region is compared with the affirming and the denying words of each of its findings. With
similarities s(x, t) / temperature, the right words R and all words W of the region, the loss is

    log sum_{t in W} exp s(x, t)  -  mean_{t in R} s(x, t)
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.batches.targets.region_findings import RegionFindings
from plainfilm.config import Settings
from plainfilm.models.base import unit_vectors
from plainfilm.objectives.base import Encoded, PerItem
from plainfilm.objectives.regions.encoding import nothing, of_present, region_model, regions, texts

NEEDS = ("region_findings",)


class Config(Settings):
    """temperature: similarities are divided by it. boxes: whether a drawn half of the regions is asked for
    with its box instead of its name."""

    use: str = "region_classification"
    temperature: float = Field(default=0.25, gt=0)
    boxes: bool = False


class RegionClassification(PerItem):
    """The contrast of the right words of every region with the wrong ones."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of regions."""
        return {"regions": of_present(batch.targets[NEEDS[0]]).sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The sum over regions."""
        asked: RegionFindings = encoded.batch.targets[NEEDS[0]]
        present = of_present(asked)
        if not bool(present.any()):
            return {"regions": nothing(encoded)}
        found = unit_vectors(regions(encoded, NEEDS[0], self.config.boxes))
        known = asked.is_known
        words = (asked.affirmed_ids, asked.affirmed_mask), (asked.denied_ids, asked.denied_mask)
        affirmed, denied = (
            _similar(found, known, texts(encoded, ids[known], mask[known])) / self.config.temperature
            for ids, mask in words
        )
        right = torch.where(asked.is_there, affirmed, denied)
        every = torch.cat([affirmed, denied], dim=1)
        every = every.masked_fill(~torch.cat([known, known], dim=1), -torch.inf)
        of_right = (right * known).sum(dim=1) / known.sum(dim=1)
        return {"regions": (every.logsumexp(dim=1) - of_right)[present].sum()}


def _similar(found: Tensor, known: Tensor, vectors: Tensor) -> Tensor:
    """Cosines (E, S) of regions `found` (E, D) with the texts (K, D) of their `known` (E, S) findings."""
    region = known.nonzero()[:, 0]
    cosines = (found[region] * vectors).sum(dim=1)
    return cosines.new_zeros(known.shape).index_put((known,), cosines)


def build(config: Config, model: nn.Module) -> RegionClassification:
    """The objective for `model`.

    Raises:
        UsageError: the model does not detect boxes.
    """
    region_model(config.use, model, "detect")
    return RegionClassification(config)

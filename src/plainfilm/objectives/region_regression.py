"""Features of regions of anatomy, drawn to the mean of the sentences about them (ChEX, arXiv:2404.15770); see
`objectives.sentence_regression`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.batches.targets.region_sentences import RegionSentences
from plainfilm.config import Settings
from plainfilm.nn.base import in_full_precision
from plainfilm.objectives.base import Encoded, PerItem
from plainfilm.objectives.regions.encoding import nothing, of_present, region_model, regions, texts

NEEDS = ("region_sentences",)


class Config(Settings):
    """boxes: whether a drawn half of the regions is asked for with its box instead of its name."""

    use: str = "region_regression"
    boxes: bool = True


class RegionRegression(PerItem):
    """The squared distance of each region."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of regions."""
        return {"regions": of_present(batch.targets[NEEDS[0]]).sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The summed squared distance."""
        asked: RegionSentences = encoded.batch.targets[NEEDS[0]]
        present = of_present(asked)
        if not bool(present.any()):
            return {"regions": nothing(encoded)}
        found, there = regions(encoded, NEEDS[0], self.config.boxes), asked.is_there
        vectors = texts(encoded, asked.sentence_ids[there], asked.sentence_mask[there], "prompt_vectors")
        region = there.nonzero()[:, 0]
        said = torch.zeros_like(found, dtype=vectors.dtype).index_add(0, region, vectors.detach())
        said = said / there.sum(dim=1, keepdim=True)
        return {"regions": (in_full_precision(found) - said).square().sum(dim=1)[present].sum()}


def build(config: Config, model: nn.Module) -> RegionRegression:
    """The objective for `model`.

    Raises:
        UsageError: the model does not detect boxes.
    """
    region_model(config.use, model, "detect")
    return RegionRegression(config)

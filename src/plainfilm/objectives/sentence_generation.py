"""Writing a sentence from what is found for it (ChEX, arXiv:2404.15770): the cross entropy of a token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.config import Settings
from plainfilm.objectives.base import Encoded, PerItem
from plainfilm.objectives.regions.encoding import nothing, prompted, region_model, regions
from plainfilm.objectives.regions.writing import wanted_tokens, written

NEEDS = ("written_sentences",)


class Config(Settings):
    """No settings of its own."""

    use: str = "sentence_generation"


class Generation(PerItem):
    """Teacher forcing with the texts of `target`, from the features of its prompts or regions."""

    def __init__(self, target: str, regions: bool = False) -> None:
        super().__init__()
        self._target = target
        self._regions = regions

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of tokens to be written."""
        return {"tokens": wanted_tokens(batch.targets[self._target]).sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The summed cross entropy."""
        asked = encoded.batch.targets[self._target]
        if not bool(wanted_tokens(asked).any()):
            return {"tokens": nothing(encoded)}
        name = self._target
        found = regions(encoded, name, True) if self._regions else prompted(encoded, name)[2]
        mask = torch.ones(len(found), 1, dtype=torch.bool, device=found.device)
        return {"tokens": written(encoded, asked, found[:, None], mask)}


def build(config: Config, model: nn.Module) -> Generation:
    """The objective for `model`.

    Raises:
        UsageError: the model writes no sentences.
    """
    region_model(config.use, model, "sentence_logits")
    return Generation(NEEDS[0])

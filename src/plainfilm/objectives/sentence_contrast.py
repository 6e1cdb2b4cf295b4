"""What is found for a sentence is nearer to it than to other sentences of the batch (ChEX, arXiv:2404.15770).

InfoNCE from the features of prompts to sentences, over all sentences of the batch, averaged over the
sentences of an item and then over items. A sentence with the same words elsewhere is no negative.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch, Keys
from plainfilm.batches.targets.report_sentences import MOST_SENTENCES
from plainfilm.config import Settings
from plainfilm.models.base import unit_vectors
from plainfilm.objectives.base import Coupled, Encoded, Features, LossReport
from plainfilm.objectives.regions.encoding import prompted, region_model, texts

NEEDS = ("report_sentences",)


class Config(Settings):
    """temperature: similarities are divided by it."""

    use: str = "sentence_contrast"
    temperature: float = Field(default=0.25, gt=0)


class SentenceContrast(Coupled):
    """Cross entropy over the similarities of all features and sentences of the batch."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    def encode(self, encoded: Encoded) -> Features:
        """Unit vectors `found` and `said`, (B, S, D) each; zeros past the last sentence of an item."""
        asked = encoded.batch.targets[NEEDS[0]]
        found = unit_vectors(prompted(encoded, NEEDS[0])[2])
        said = texts(encoded, asked.token_ids, asked.token_mask)
        return {"found": _wide(asked.of.padded(found)[0]), "said": _wide(asked.of.padded(said)[0])}

    def targets(self, batch: Batch) -> Features:
        """`keys` (B, S) of the sentences; 0 past the last sentence of an item."""
        asked = batch.targets[NEEDS[0]]
        return {"keys": _wide(asked.of.padded(asked.keys | 1)[0])}

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The mean over items of the mean over their sentences."""
        words = targets["keys"].flatten()
        there = words != 0
        found, said = features["found"].flatten(0, 1), features["said"].flatten(0, 1)
        logits = found @ said.T / self.config.temperature
        own = logits.diagonal()
        same = (words[:, None] == words) & ~torch.eye(len(words), dtype=torch.bool, device=words.device)
        losses = logits.masked_fill(same | ~there, -torch.inf)[there].logsumexp(dim=1) - own[there]
        counts = (targets["keys"] != 0).sum(dim=1)
        shares = (1.0 / counts.clamp(min=1)).repeat_interleave(targets["keys"].shape[1])[there]
        return LossReport((losses * shares).sum() / max(int((counts > 0).sum()), 1))


def _wide(values: Tensor) -> Tensor:
    """(B, M, ...) → (B, S, ...) with zeros at the end, so that all slices are equally wide."""
    missing = MOST_SENTENCES - values.shape[1]
    return torch.cat([values, values.new_zeros(len(values), missing, *values.shape[2:])], dim=1)


def build(config: Config, model: nn.Module) -> SentenceContrast:
    """The objective for `model`.

    Raises:
        UsageError: the model does not detect boxes.
    """
    region_model(config.use, model, "detect")
    return SentenceContrast(config)

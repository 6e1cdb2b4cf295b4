"""A film and its report are nearer to each other than to others of the batch (ChEX, arXiv:2404.15770).

Symmetric InfoNCE of the mean patch of a film, in the space that the detector reads, and the mean of its
sentences. Two reports of the same sentences are no negatives of each other.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch, Keys
from plainfilm.config import Settings
from plainfilm.models.base import unit_vectors
from plainfilm.objectives.base import Coupled, Encoded, Features, LossReport
from plainfilm.objectives.regions.encoding import region_model, texts
from plainfilm.types import Better

NEEDS = ("report_sentences",)


class Config(Settings):
    """temperature: similarities are divided by it."""

    use: str = "global_contrast"
    temperature: float = Field(default=0.2, gt=0)


class GlobalContrast(Coupled):
    """Cross entropy over the similarities of all films and reports of the batch, in both directions."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    def encode(self, encoded: Encoded) -> Features:
        """Unit vectors `films` and `reports`, (B, D) each."""
        asked = encoded.batch.targets[NEEDS[0]]
        films = encoded.model("mean_patches", encoded.films(1))
        said = texts(encoded, asked.token_ids, asked.token_mask, "prompt_vectors")
        reports = torch.zeros_like(films, dtype=said.dtype).index_add(0, asked.of.item, said)
        return {"films": unit_vectors(films), "reports": unit_vectors(reports)}

    def targets(self, batch: Batch) -> Features:
        """`keys` (B,): equal for reports of the same sentences."""
        asked = batch.targets[NEEDS[0]]
        zero = torch.zeros(len(asked.of), dtype=torch.int64, device=asked.keys.device)
        return {"keys": zero.index_add(0, asked.of.item, asked.keys)}

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The mean of both directions; `accuracy` of finding a film's own report."""
        logits = features["films"] @ features["reports"].T / self.config.temperature
        words, own = targets["keys"], logits.diagonal()
        same = (words[:, None] == words) & ~torch.eye(len(words), dtype=torch.bool, device=words.device)
        logits = logits.masked_fill(same, -torch.inf)
        losses = (logits.logsumexp(dim=1) - own, logits.logsumexp(dim=0) - own)
        # One more column, as there may be no rows at all.
        best = nn.functional.pad(logits.detach(), (0, 1), value=-torch.inf).amax(dim=1)
        is_best = own.detach() >= best
        return LossReport(_mean(torch.cat(losses)), {"accuracy": _mean(is_best.float())})

    def metrics(self) -> dict[str, Better]:
        """The share of films whose own report is the most similar."""
        return {"accuracy": "higher"}


def _mean(values: Tensor) -> Tensor:
    """The mean; 0 of no values."""
    return values.sum() / max(len(values), 1)


def build(config: Config, model: nn.Module) -> GlobalContrast:
    """The objective for `model`.

    Raises:
        UsageError: the model does not detect boxes.
    """
    region_model(config.use, model, "detect")
    return GlobalContrast(config)

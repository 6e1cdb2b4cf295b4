"""Writing a sentence again from its own vector, without any film: pre-training of a decoder and its prefix.

The decoder is told with one to `copies` copies of the vector, with dropout of its own on each (ChEX,
arXiv:2404.15770), so that it does not rely on single features.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.config import Settings
from plainfilm.nn.row_dropout import RowDropout, dropout_entries
from plainfilm.objectives.base import Encoded, PerItem
from plainfilm.objectives.regions.encoding import region_model, texts
from plainfilm.objectives.regions.writing import wanted_tokens, written

NEEDS = ("written_sentences",)
PATCHES = False

_NUMBER = 1 << 20
"""Of the dropout layers, beyond those of any model."""


class Config(Settings):
    """copies: the largest number. dropout: of the features of each."""

    use: str = "sentence_reconstruction"
    copies: int = Field(default=4, ge=1, le=16)
    dropout: float = Field(default=0.3, ge=0, lt=1)


class SentenceReconstruction(PerItem):
    """Teacher forcing with every sentence, from its own vector."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.leave_out = RowDropout(0.5, number=_NUMBER)
        self.dropout = RowDropout(config.dropout, number=_NUMBER + 1)

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of tokens to be written."""
        return {"tokens": wanted_tokens(batch.targets[NEEDS[0]]).sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The summed cross entropy."""
        asked = encoded.batch.targets[NEEDS[0]]
        said = texts(encoded, asked.token_ids, asked.token_mask, "prompt_vectors").detach()
        if not bool(wanted_tokens(asked).any()):
            return {"tokens": said.sum() * 0.0}
        copies = said[:, None].expand(-1, self.config.copies if self.training else 1, -1)
        with dropout_entries(asked.of):
            kept = self.leave_out(torch.ones(copies.shape[:2], device=said.device)) > 0
            copies = self.dropout(copies)
        kept[:, 0] = True
        return {"tokens": written(encoded, asked, copies, kept)}


def build(config: Config, model: nn.Module) -> SentenceReconstruction:
    """The objective for `model`.

    Raises:
        UsageError: the model writes no sentences.
    """
    region_model(config.use, model, "sentence_logits")
    return SentenceReconstruction(config)

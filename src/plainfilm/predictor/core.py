"""What every kind of question is asked of: the model, its tokenizers and its preprocessing on one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.errors import ModelError
from plainfilm.model_folder import ModelConfig
from plainfilm.models.base import Model, ability
from plainfilm.text.tokenizers import Tokenizer

Vectors: TypeAlias = "NDArray[np.float32]"
"""(N, D) float32."""

BATCH_IMAGES = 32
BATCH_TEXTS = 64
SORTED_TEXTS = 4096
"""Texts are sorted by length within blocks of this many, so that little is computed on padding."""
BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Core:
    """A model in evaluation mode on `device`, called `name` in messages."""

    model: Model
    tokenizers: Mapping[str, Tokenizer]
    config: ModelConfig
    device: torch.device
    name: str

    def able(self, protocol: Any, way_out: str = "") -> Any:
        """The model as one that has the ability `protocol`.

        Raises:
            UsageError: it has not, with `way_out`.
        """
        return ability(self.model, protocol, self.name, way_out)

    def arrays(self, values: Tensor) -> Vectors:
        """`values` as float32.

        Raises:
            ModelError: they are not all finite.
        """
        found = values.float().cpu().numpy()
        if not np.isfinite(found).all():
            raise ModelError(f"{self.name}: gives vectors that are not finite; its weights are damaged")
        return found

    def sentences(self, tokenizer: str, token_ids: Tensor) -> list[str]:
        """The texts of token ids (N, L), each up to its end token."""
        end = self.model.facts.tokenizers[tokenizer].end
        texts = []
        for row in token_ids.tolist():
            kept = row[: row.index(end)] if end in row else row
            texts.append(self.tokenizers[tokenizer].decode(kept).strip())
        return texts

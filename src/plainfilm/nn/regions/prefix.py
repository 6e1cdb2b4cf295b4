"""Prefix tuning: a decoder of texts is told what to write of by keys and values before its first token.

P-tuning v2 (Liu et al. 2022, arXiv:2110.07602): a perceptron makes, of each of T vectors, `length` pairs of a
key and a value for every layer of the decoder. It fits any decoder whose layers attend to what came before.

Axes: S texts, T vectors of each, F features, P = T * `length` places of the prefix.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.nn.base import PrefixShape


class PrefixConfig(Settings):
    """length: pairs for each vector. hidden: features of the perceptron; `None` means 4 F."""

    length: int = Field(default=5, ge=1, le=64)
    hidden: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)


class Prefix(nn.Module):
    """Prefixes from vectors with `features` features for a decoder of this `shape`."""

    def __init__(self, config: PrefixConfig, features: int, shape: PrefixShape) -> None:
        super().__init__()
        self.config = config
        self.shape = shape
        hidden = config.hidden or 4 * features
        outputs = config.length * 2 * shape.layers * shape.heads * shape.size
        self.perceptron = nn.Sequential(
            nn.Linear(features, hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(hidden, outputs),
            nn.Dropout(config.dropout),
        )

    def forward(self, vectors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (layers, 2, S, heads, P, size), and which of the P places may be read (S, P) bool,
        of `vectors` (S, T, F) where `mask` (S, T) is True."""
        shape, length = self.shape, self.config.length
        made = self.perceptron(vectors).view(*vectors.shape[:2], length, shape.layers, 2, shape.heads, -1)
        keys_and_values = made.permute(3, 4, 0, 5, 1, 2, 6).flatten(4, 5)
        return keys_and_values, mask.repeat_interleave(length, dim=1)

"""Scores of pairs by cross-attention: a query reads a memory, and a perceptron turns the result to a number.

The fusion of CARZero (Lai et al. 2024, arXiv:2402.17417): blocks without self-attention, so that queries know
nothing of each other, normalised before each step; the memory, the query and the result go through one and
the same normalisation.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from plainfilm.config import Settings


class PairFusionConfig(Settings):
    """depth: blocks. feed_forward: features between the two layers of a block. hidden: features of the layers
    of the perceptron, from the first to the last but one."""

    depth: int = Field(default=4, ge=1, le=64)
    heads: int = Field(default=4, ge=1)
    feed_forward: int = Field(default=1024, ge=1)
    hidden: tuple[int, ...] = (1024, 512, 256)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class _Block(nn.Module):
    def __init__(self, width: int, config: PairFusionConfig) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.attention_norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, config.feed_forward)
        self.outer = nn.Linear(config.feed_forward, width)
        self.perceptron_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        read, _ = self.attention(self.attention_norm(queries), memory, memory, need_weights=False)
        queries = queries + self.dropout(read)
        inner = nn.functional.relu(self.inner(self.perceptron_norm(queries)))
        outer: Tensor = self.outer(self.dropout(inner))
        return queries + self.dropout(outer)


class PairFusion(nn.Module):
    """Queries (Q, F) against each of N memories (N, M, F): scores (N, Q)."""

    def __init__(self, width: int, config: PairFusionConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(width, config) for _ in range(config.depth))
        self.dropout = nn.Dropout(config.dropout)
        layers: list[nn.Module] = []
        before = width
        for features in config.hidden:
            layers += [nn.Linear(before, features), nn.ReLU(), nn.Dropout(config.dropout)]
            before = features
        self.head = nn.Sequential(*layers, nn.Linear(before, 1))

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Scores (N, Q) of `queries` (Q, F) for every `memory` (N, M, F)."""
        read = self.norm(memory)
        state = self.norm(queries).expand(len(memory), -1, -1)
        for block in self.blocks:
            state = block(state, read)
        scores: Tensor = self.head(self.dropout(self.norm(state)))
        return scores.squeeze(-1)

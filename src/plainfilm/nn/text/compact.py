"""A small transformer trained from scratch, for use without a downloaded language model.

Pre-norm blocks (Xiong et al. 2020, arXiv:2002.04745), learned positions, GELU; configurable width and depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from plainfilm.errors import ModelError
from plainfilm.nn.attention import attended
from plainfilm.nn.base import EncoderConfig, TextEncoder, TextFeatures
from plainfilm.nn.pooling import POOLING, TextPooling
from plainfilm.nn.size import check_fits_in_memory


class Config(EncoderConfig):
    """`width` features in `depth` blocks of `heads` heads; texts of at most `max_tokens` tokens."""

    use: str = "compact"
    width: int = Field(default=256, ge=8, le=8192)
    depth: int = Field(default=4, ge=1, le=256)
    heads: int = Field(default=4, ge=1, le=256)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    max_tokens: int = Field(default=128, ge=4, le=65536)
    pooling: TextPooling = "mean"

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


TINY = Config(width=32, depth=2, heads=2, max_tokens=32)


class Block(nn.Module):
    """Self-attention, then a two-layer perceptron, each with normalised input and a residual connection."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.perceptron_norm = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.attention_dropout = nn.Dropout(dropout)
        self.perceptron_dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, visible: Tensor) -> Tensor:
        """`tokens` (N, L, F) after the block; `visible` (N, 1, 1, L) is True where a token may be read."""
        tokens = tokens + self.attention_dropout(self._attend(self.attention_norm(tokens), visible))
        return tokens + self.perceptron_dropout(self.perceptron(self.perceptron_norm(tokens)))

    def _attend(self, tokens: Tensor, visible: Tensor) -> Tensor:
        count, length, width = tokens.shape
        packed = self.queries_keys_values(tokens).view(count, length, 3, self.heads, width // self.heads)
        queries, keys, values = packed.permute(2, 0, 3, 1, 4)
        mixed = attended(queries, keys, values, visible)
        return self.attention_output(mixed.transpose(1, 2).reshape(count, length, width))


class Embeddings(nn.Module):
    """The sum of token and position vectors."""

    def __init__(self, vocabulary_size: int, width: int, max_tokens: int, dropout: float) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary_size, width)
        self.positions = nn.Parameter(torch.empty(max_tokens, width))
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, token_ids: Tensor) -> Tensor:
        """`token_ids` (N, L) → (N, L, F)."""
        return self.dropout(self.tokens(token_ids) + self.positions[: token_ids.shape[1]])


class CompactTextEncoder(TextEncoder):
    """Embeddings, blocks, a final normalisation, pooling."""

    small = 512

    def __init__(self, config: Config, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self.features = config.width
        self.max_tokens = config.max_tokens
        self.embeddings = Embeddings(vocabulary_size, config.width, config.max_tokens, config.dropout)
        blocks = (Block(config.width, config.heads, config.dropout) for _ in range(config.depth))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(config.width)
        self.pool = POOLING[config.pooling]

    def forward(self, token_ids: Tensor, token_mask: Tensor) -> TextFeatures:
        """Features of `token_ids` (N, L); raises `ModelError` if L exceeds `max_tokens`."""
        if token_ids.shape[1] > self.max_tokens:
            raise ModelError(
                f"a text of {token_ids.shape[1]} tokens, but this encoder takes {self.max_tokens}: "
                "set the tokenizer's max_tokens to that of the encoder"
            )
        tokens = self.embeddings(token_ids)
        visible = token_mask[:, None, None, :]
        for block in self.blocks:
            tokens = block(tokens, visible)
        tokens = self.norm(tokens)
        return TextFeatures(self.pool(tokens, token_mask), tokens)

    def layers(self) -> Sequence[nn.Module]:
        """The embeddings, then each block."""
        return [self.embeddings, *self.blocks]


def build(config: Config, vocabulary_size: int) -> CompactTextEncoder:
    """The encoder of `config`, with random weights.

    Raises:
        ConfigError: it does not fit into the memory of this machine.
    """
    what = f"text encoder of {vocabulary_size} tokens"
    check_fits_in_memory(lambda: CompactTextEncoder(config, vocabulary_size), what)
    return CompactTextEncoder(config, vocabulary_size)

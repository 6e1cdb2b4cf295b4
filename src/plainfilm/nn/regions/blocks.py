"""A pre-norm decoder block whose tokens attend to each other within a group, and to an image.

Self-attention, attention to the patches, a perceptron; each with LayerScale (Touvron et al. 2021,
arXiv:2103.17239) and stochastic depth (Huang et al. 2016, arXiv:1603.09382).
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.nn.decoder_layers import Attention, KeysAndValues
from plainfilm.nn.row_dropout import RowDropout

_GUIDANCE = 5.0
"""The factor of similarities at the start."""


class BlockConfig(Settings):
    """The architecture of a stack of `depth` blocks. attention_dropout: of attention weights. drop_path: the
    probability that a part of a block is left out. layer_scale: the initial scale of each part."""

    depth: int = Field(default=6, ge=1)
    heads: int = Field(default=8, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    attention_dropout: float = Field(default=0.1, ge=0, lt=1)
    drop_path: float = Field(default=0.2, ge=0, lt=1)
    layer_scale: float = Field(default=0.1, gt=0)


class GroupBlock(nn.Module):
    """Groups of tokens (N, Q, R, F): only the R tokens of a group attend to each other, so that no answer
    depends on what else is asked of an image. `drops_image_path`: whether attention to the image may be left
    out too. `guided`: whether each head adds the similarity of prompts and patches, times a learned factor,
    to the products of its queries and keys."""

    def __init__(
        self, features: int, config: BlockConfig, drops_image_path: bool, guided: bool = False
    ) -> None:
        super().__init__()
        if guided:
            self.guidance = nn.Parameter(torch.full((config.heads,), _GUIDANCE))
        dropout, hidden = config.dropout, 4 * features
        self.self_attention = Attention(features, config.heads, config.attention_dropout)
        self.image_attention = Attention(features, config.heads, config.attention_dropout)
        self.perceptron = nn.Sequential(
            nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, features)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(3))
        self.image_norm = nn.LayerNorm(features)
        self.scales = nn.ParameterList(torch.full((features,), config.layer_scale) for _ in range(3))
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in range(3))
        rates = (config.drop_path, config.drop_path if drops_image_path else 0.0, config.drop_path)
        self.paths = nn.ModuleList(RowDropout(rate, shared=1) for rate in rates)

    def read(self, image: Tensor) -> KeysAndValues:
        """What tokens attend to of `image` (N, P, F), patches with their positions; it can be kept for all
        that is asked of the images."""
        return self.image_attention.keys_and_values(self.image_norm(image))

    def forward(
        self,
        tokens: Tensor,
        read: KeysAndValues,
        visible: Tensor | None = None,
        similar: Tensor | None = None,
    ) -> Tensor:
        """`tokens` (N, Q, R, F) after the block; `read` is what the method of that name gives; where
        `visible` (N, Q, R) is False a token is read by no other; `similar` (N, Q, P) are the similarities of
        prompts and patches, for a block that is guided."""
        tokens = self._add(0, tokens, self._within_groups(self.norms[0](tokens), visible))
        tokens = self._add(1, tokens, self._to_image(self.norms[1](tokens), read, similar))
        return self._add(2, tokens, self.perceptron(self.norms[2](tokens)))

    def _add(self, place: int, tokens: Tensor, change: Tensor) -> Tensor:
        scaled = self.dropouts[place](change) * self.scales[place]
        dropped: Tensor = self.paths[place](scaled)
        return tokens + dropped

    def _within_groups(self, tokens: Tensor, visible: Tensor | None) -> Tensor:
        groups = tokens.flatten(0, 1)
        mask = None
        if visible is not None:
            each = torch.eye(groups.shape[1], dtype=torch.bool, device=groups.device)
            mask = (visible.flatten(0, 1)[:, None, :] | each)[:, None]
        read = self.self_attention.keys_and_values(groups)
        return self.self_attention.attend(groups, read, mask).view_as(tokens)

    def _to_image(self, tokens: Tensor, read: KeysAndValues, similar: Tensor | None) -> Tensor:
        bias = None
        if similar is not None:
            each = similar.to(tokens.dtype).repeat_interleave(tokens.shape[2], dim=1)
            bias = self.guidance.to(tokens.dtype)[:, None, None] * each[:, None]
        return self.image_attention.attend(tokens.flatten(1, 2), read, None, bias).view_as(tokens)

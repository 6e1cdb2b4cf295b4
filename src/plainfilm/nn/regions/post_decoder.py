"""Refines the features of a region group before a sentence is written: an aggregate token and the regions.

The output is LayerNorm(x + g y) with a scalar g that is 0 at the start, so that an untrained post-decoder
changes nothing but the scale. Axes: N images, Q groups, R regions, P patches, F features.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.nn.regions.blocks import GroupBlock


class PostDecoderConfig(Settings):
    """The architecture of a post-decoder."""

    depth: int = Field(default=3, ge=1)
    heads: int = Field(default=8, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    drop_path: float = Field(default=0.2, ge=0, lt=1)
    layer_scale: float = Field(default=0.1, gt=0)


class PostDecoder(nn.Module):
    """Blocks over the aggregate token of a group and its regions, which attend to the image."""

    def __init__(self, config: PostDecoderConfig, features: int) -> None:
        super().__init__()
        settings = (config.heads, config.dropout, config.drop_path, config.layer_scale)
        self.blocks = nn.ModuleList(GroupBlock(features, *settings) for _ in range(config.depth))
        self.gate = nn.Parameter(torch.zeros(()))
        self.norm = nn.LayerNorm(features)

    def forward(
        self, aggregate: Tensor, regions: Tensor, image: Tensor, visible: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The refined `aggregate` (N, Q, F) and `regions` (N, Q, R, F) on `image` (N, P, F); where `visible`
        (N, Q, R) is False a region is not read."""
        before = torch.cat([aggregate[:, :, None], regions], dim=2)
        read = None
        if visible is not None:
            read = torch.cat([torch.ones_like(visible[..., :1]), visible], dim=2)
        after = before
        for block in self.blocks:
            after = block(after, image, read)
        refined: Tensor = self.norm(before + self.gate * after)
        return refined[:, :, 0], refined[:, :, 1:]

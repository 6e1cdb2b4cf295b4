"""Refines the features of a region group before a sentence is written: an aggregate token and the regions.

The output is LayerNorm(x + g y) with a scalar g that is 0 at the start, so that an untrained post-decoder
changes nothing but the scale. Axes: N images, Q groups, R regions, P patches, F features.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.nn.regions.blocks import BlockConfig, GroupBlock
from plainfilm.nn.regions.positions import BoxPositions
from plainfilm.nn.row_dropout import RowDropout


class PostDecoderConfig(BlockConfig):
    """The architecture of a post-decoder. region_dropout: the share of the regions of a group that its other
    tokens do not read, in training alone. reads_pooled: whether it attends to the vector of the whole film
    beside the patches. reads_boxes: whether the token of a box that was asked for itself is told its place
    and size: what a box shows does not say whether it was drawn around a finding or a lung."""

    depth: int = Field(default=3, ge=1)
    region_dropout: float = Field(default=0.3, ge=0, lt=1)
    reads_pooled: bool = True
    reads_boxes: bool = False


class PostDecoder(nn.Module):
    """Blocks over the aggregate token of a group and its regions, which attend to the image."""

    def __init__(self, config: PostDecoderConfig, features: int) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(GroupBlock(features, config, True) for _ in range(config.depth))
        self.region_dropout = RowDropout(config.region_dropout)
        self.boxes = BoxPositions(features) if config.reads_boxes else None
        self.gate = nn.Parameter(torch.zeros(()))
        self.norm = nn.LayerNorm(features)

    def forward(
        self, aggregate: Tensor, regions: Tensor | None, image: Tensor, boxes_xyxy: Tensor | None = None
    ) -> Tensor:
        """The refined `aggregate` (N, Q, F) of groups with `regions` (N, Q, R, F), or of aggregates alone, on
        `image` (N, P, F); those of `boxes_xyxy` (N, Q, 4), if they were asked for with a box."""
        if self.boxes is not None and boxes_xyxy is not None:
            aggregate = aggregate + self.boxes(boxes_xyxy).to(aggregate.dtype)
        before, visible = aggregate[:, :, None], None
        if regions is not None:
            before = torch.cat([before, regions], dim=2)
            ones = torch.ones_like(regions[..., 0])
            visible = torch.cat([torch.ones_like(ones[..., :1]), self.region_dropout(ones)], dim=2) > 0
        after = before
        for block in cast("Iterable[GroupBlock]", self.blocks):
            after = block(after, block.read(image), visible)
        refined: Tensor = self.norm(aggregate + self.gate * after[:, :, 0])
        return refined

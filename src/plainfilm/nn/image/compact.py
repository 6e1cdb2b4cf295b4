"""A small convolutional network that keeps positions; it trains from scratch in minutes on two cores.

Its last grid is max-pooled to `grid` x `grid` cells instead of averaged, so that right and left, base and
apex stay distinct and a small finding is not diluted by healthy surroundings. On a few thousand images this
matters more than depth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.nn.base import EncoderConfig, ImageEncoder, ImageFeatures, grid_side

_STEPS = ((1.0, 2), (1.5, 2), (2.0, 1), (2.5, 2), (4.0, 1), (5.0, 2), (6.5, 1))
"""Channels of every convolution as a multiple of `width`, and its stride; 16 pixels become one patch."""

_MOST_GROUPS = 8


class Config(EncoderConfig):
    """width: channels of the first convolution. grid: cells per side of the pooled vector. norm: what follows
    every convolution: "group" keeps a film's features independent of other films in training too, "batch"
    learns much faster from few films (docs/log.md) and needs `training.batch_norm` where batches are cut.
    patch: pixels of a side of a patch; with 8 the last convolutions work on four times as many."""

    use: str = "compact"
    channels: Literal[1, 3] = 1
    width: int = Field(default=24, ge=4, le=1024)
    grid: int = Field(default=4, ge=1, le=64)
    patch: Literal[8, 16] = 16
    norm: Literal["group", "batch"] = "group"
    dropout: float = Field(default=0.3, ge=0, lt=1)


TINY = Config(width=4, grid=2)


class CompactEncoder(ImageEncoder):
    """Convolutions of 3 x 3, each with a normalisation, then a grid of maxima."""

    small = 512
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before: int = config.channels
        pixels = 1
        for multiple, most in _STEPS:
            stride = min(most, config.patch // pixels)
            pixels, after = pixels * stride, round(multiple * config.width)
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), _norm(config, after), nn.ReLU()]
            before = after
        self.convolutions = nn.Sequential(*layers)
        self.pool = nn.Sequential(nn.AdaptiveMaxPool2d(config.grid), nn.Flatten(), nn.Dropout(config.dropout))
        self.patch_features = before
        self.features = before * config.grid**2

    def forward(self, images: Tensor) -> ImageFeatures:
        """Features of normalised `images` (N, C, H, W); H and W at least 16."""
        grid = self.convolutions(images)
        return ImageFeatures(pooled=self.pool(grid), patches=grid.flatten(2).transpose(1, 2))

    def layers(self) -> Sequence[nn.Module]:
        """Each convolution with its normalisation: the first one as the embeddings, then each block."""
        size = len(self.convolutions) // len(_STEPS)
        return [self.convolutions[start : start + size] for start in range(0, len(self.convolutions), size)]

    def pooled_alone(self, features: ImageFeatures) -> Tensor:
        """Pooled vectors (N, P, F) of films that show nothing but one patch, at its own place.

        All other patches are 0, the smallest value that they can have, so that the patch is the maximum of
        every cell it lies in, and all other cells are 0.
        """
        count, side = features.patches.shape[1], grid_side(features.patches.shape[1])
        places = torch.eye(count, device=features.patches.device).view(count, 1, side, side)
        cells = nn.functional.adaptive_max_pool2d(places, self.config.grid).flatten(1)
        return (features.patches.unsqueeze(-1) * cells.unsqueeze(1)).flatten(2)


def _norm(config: Config, channels: int) -> nn.Module:
    if config.norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(math.gcd(channels, _MOST_GROUPS), channels)


def build(config: Config) -> ImageEncoder:
    """The encoder of `config`, with random weights."""
    return CompactEncoder(config)

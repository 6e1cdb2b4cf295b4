"""A convolutional backbone whose patches are projected before they are pooled, as in BioViL and BioViL-T.

BioViL (Boecking et al. 2022, arXiv:2204.09817) projects every patch with a perceptron of 1x1 convolutions and
takes their mean; BioViL-T (Bannur et al. 2023, arXiv:2301.04558) first joins each patch with what compares it
to an earlier film. Here each film stands alone, for which the latter has a vector that it learned.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.nn.base import EncoderConfig, ImageEncoder, ImageFeatures
from plainfilm.nn.image import timm


class Config(EncoderConfig):
    """name, settings: of the backbone, as timm has it. dimension: features of a projected patch. hidden:
    those between the layers of the perceptron. compared: with earlier films in so many features (256 in
    BioViL-T), or not at all.
    """

    use: str = "projected"
    name: str = "resnet50"
    channels: Literal[1, 3] = 3
    dimension: int = Field(default=128, ge=1, le=65536)
    hidden: int = Field(default=128, ge=1, le=65536)
    compared: int | None = Field(default=None, ge=1, le=65536)
    settings: dict[str, Any] = Field(default_factory=dict)

    def check(self) -> None:
        """Raise an error for a backbone or settings that timm does not know."""
        self.backbone.check()

    @property
    def backbone(self) -> timm.Config:
        """The settings of the backbone."""
        return timm.Config(
            name=self.name, channels=self.channels, pooling="average", settings=dict(self.settings)
        )


TINY = Config(name="resnet10t", dimension=8, hidden=8, compared=4, settings={"channels": [8, 8, 16, 16]})


class ProjectedEncoder(ImageEncoder):
    """Projected patches of a backbone, and their mean."""

    config: Config

    def __init__(self, config: Config, backbone: timm.TimmEncoder) -> None:
        super().__init__()
        self.config = config
        self.backbone: Any = backbone.backbone
        inner = backbone.patch_features
        if config.compared is not None:
            self.reduced = nn.Conv2d(inner, config.compared, 1, bias=False)
            self.without_earlier = nn.Parameter(torch.zeros(1, config.compared, 1, 1))
            inner = 2 * config.compared
        self.projector = nn.Sequential(
            nn.Conv2d(inner, config.hidden, 1, bias=False),
            nn.BatchNorm2d(config.hidden),
            nn.ReLU(),
            nn.Conv2d(config.hidden, config.dimension, 1),
        )
        self.features = self.patch_features = config.dimension

    def forward(self, images: Tensor) -> ImageFeatures:
        """Features of normalised `images` (N, C, H, W)."""
        maps = self.backbone.forward_features(images)
        if self.config.compared is not None:
            own = self.reduced(maps)
            maps = torch.cat([own, self.without_earlier.expand_as(own)], dim=1)
        patches = self.projector(maps).flatten(2).transpose(1, 2)
        return ImageFeatures(patches.mean(dim=1), patches)


def build(config: Config) -> ProjectedEncoder:
    """The encoder of `config`, with random weights.

    Raises:
        ConfigError: a backbone or settings that timm does not know.
    """
    return ProjectedEncoder(config, timm.build(config.backbone))

"""Locates prompts: for each prompt a fixed number of region tokens, each with a box.

The tokens of a prompt are its vector plus a learned vector per region (as the queries of DETR, Carion et al.
2020, arXiv:2005.12872). Axes: N images, Q prompts of each, R regions of a prompt, P patches, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.nn.base import in_full_precision
from plainfilm.nn.regions.blocks import GroupBlock
from plainfilm.nn.regions.boxes import box_cxcywh_to_xyxy
from plainfilm.nn.regions.pooling import pooled_regions


class DetectorConfig(Settings):
    """The architecture of a detector; `regions` is the largest number of boxes of a prompt, `beta` the
    exponent of soft pooling."""

    depth: int = Field(default=6, ge=1)
    heads: int = Field(default=8, ge=1)
    regions: int = Field(default=3, ge=1, le=16)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    drop_path: float = Field(default=0.2, ge=0, lt=1)
    layer_scale: float = Field(default=0.1, gt=0)
    beta: float = Field(default=2.0, gt=0)


@dataclass(frozen=True)
class Detected:
    """boxes: (N, Q, R, 4) xyxy. features: (N, Q, R, F), of the region tokens."""

    boxes: Tensor
    features: Tensor


class Detector(nn.Module):
    """Boxes of prompts with `features` features."""

    def __init__(self, config: DetectorConfig, features: int) -> None:
        super().__init__()
        self.config = config
        self.regions = nn.Parameter(torch.randn(config.regions, features) * features**-0.5)
        self.dropout = nn.Dropout(config.dropout)
        settings = (config.heads, config.dropout, config.drop_path, config.layer_scale)
        self.blocks = nn.ModuleList(GroupBlock(features, *settings) for _ in range(config.depth))
        self.head = nn.Sequential(
            nn.LayerNorm(features), nn.Linear(features, features), nn.GELU(), nn.Linear(features, 4)
        )

    def forward(self, prompts: Tensor, image: Tensor) -> Detected:
        """The boxes of `prompts` (N, Q, F) on images with patches and positions `image` (N, P, F)."""
        tokens = self.dropout(prompts[:, :, None] + self.regions)
        for block in self.blocks:
            tokens = block(tokens, image)
        with torch.autocast(tokens.device.type, enabled=False):
            boxes = box_cxcywh_to_xyxy(self.head(in_full_precision(tokens)).sigmoid())
        return Detected(boxes.clamp(0, 1), tokens)


class RegionFeatures(nn.Module):
    """Features of boxes from the patches below them, with those of region tokens where there are any."""

    def __init__(self, features: int, patch_features: int, beta: float) -> None:
        super().__init__()
        self.beta = beta
        self.values = nn.Sequential(nn.LayerNorm(patch_features), nn.Linear(patch_features, features))
        self.output = nn.Sequential(
            nn.LayerNorm(features), nn.Linear(features, features), nn.GELU(), nn.Linear(features, features)
        )

    def forward(self, boxes_xyxy: Tensor, patches: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Features (N, K, F) of boxes (N, K, 4) on images with `patches` (N, P, F'); the mean of pooled
        patches and `tokens` (N, K, F), if given."""
        pooled = pooled_regions(boxes_xyxy, self.values(patches), self.beta)
        mixed = pooled if tokens is None else (pooled + tokens) / 2
        features: Tensor = self.output(mixed)
        return features


class RegionWeights(nn.Module):
    """The probability that a region of a prompt is there, and the prompt's feature from those that are.

    With s_r = sigmoid(MLP(x_r)) of the regions of a prompt, its feature is sum_r s_r x_r / max(1, sum_r s_r).
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Sequential(
            nn.LayerNorm(features), nn.Linear(features, features), nn.GELU(), nn.Linear(features, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, Q, R), float32, of regions with `features` (N, Q, R, F)."""
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.score(in_full_precision(features)).squeeze(-1)
        return logits


def prompt_features(features: Tensor, scores: Tensor) -> Tensor:
    """Features (N, Q, F) of prompts from those of their regions (N, Q, R, F) and `scores` (N, Q, R), 0 to
    1."""
    weighted = (features * scores.unsqueeze(-1)).sum(dim=-2)
    return weighted / scores.sum(dim=-1, keepdim=True).clamp(min=1)

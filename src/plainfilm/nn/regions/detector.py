"""Locates prompts: for each prompt a fixed number of region tokens, each with a box.

The tokens of a prompt are its vector plus a learned vector per region (as the queries of DETR, Carion et al.
2020, arXiv:2005.12872). Axes: N images, Q prompts of each, R regions of a prompt, P patches, F features.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.nn.base import in_full_precision
from plainfilm.nn.decoder_layers import KeysAndValues
from plainfilm.nn.regions.blocks import BlockConfig, GroupBlock
from plainfilm.nn.regions.boxes import box_cxcywh_to_xyxy
from plainfilm.nn.regions.pooling import Pooling, gaussian_weights, pooled_regions
from plainfilm.nn.row_dropout import RowDropout

_EVIDENCE, _SHARPNESS = 5.0, 10.0
_LEAST = 1e-12
"""Of a sum before its logarithm."""


class DetectorConfig(BlockConfig):
    """The architecture of a detector.

    regions: the largest number of boxes of a prompt. beta, pooling: of soft pooling (`nn.regions.pooling`).
    pools_clipped: whether boxes are cut to the film before they are pooled; published models pool them as
    they are predicted. pools_positions: whether a box pools the patches with their positions, as the detector
    reads them: patches of a convolutional encoder do not say where they are, so that a box would not either.
    token_share: the share of regions whose feature is mixed with that of their token in
    training; at inference all of those that were asked with a prompt are, none that were asked with a box.
    guided: whether region tokens attend more to patches that are similar to their prompt (`blocks`), and
    regions with such patches score higher (`RegionWeights`); an objective such as `finding_areas` teaches
    these similarities.
    """

    regions: int = Field(default=3, ge=1, le=16)
    beta: float = Field(default=2.0, gt=0)
    pooling: Pooling = "mean"
    pools_clipped: bool = True
    pools_positions: bool = False
    token_share: float = Field(default=0.25, ge=0, le=1)
    guided: bool = False


@dataclass(frozen=True)
class Detected:
    """boxes: (N, Q, R, 4) xyxy, within the film. predicted: the same before they were cut to it. features:
    (N, Q, R, F), of the region tokens. similar: (N, Q, P), of prompts and patches, in a guided detector."""

    boxes: Tensor
    predicted: Tensor
    features: Tensor
    similar: Tensor | None = None


class Detector(nn.Module):
    """Boxes of prompts with `features` features."""

    def __init__(self, config: DetectorConfig, features: int) -> None:
        super().__init__()
        self.config = config
        self.regions = nn.Parameter(torch.randn(config.regions, features) * features**-0.5)
        self.blocks = nn.ModuleList(
            GroupBlock(features, config, False, config.guided) for _ in range(config.depth)
        )
        hidden = (nn.Linear(features, features), nn.GELU(), nn.Dropout(config.dropout))
        self.head = nn.Sequential(nn.LayerNorm(features), *hidden, nn.Linear(features, 4))

    def read(self, image: Tensor) -> list[KeysAndValues]:
        """What each block reads of images with patches and positions `image` (N, P, F)."""
        return [block.read(image) for block in cast("Iterable[GroupBlock]", self.blocks)]

    def forward(
        self, prompts: Tensor, image: Tensor, read: Sequence[KeysAndValues] | None = None
    ) -> Detected:
        """The boxes of `prompts` (N, Q, F) on images with patches and positions `image` (N, P, F), of which
        `read` is kept, if given."""
        similar = prompt_cosines(prompts, image) if self.config.guided else None
        tokens = prompts[:, :, None] + self.regions
        for block, own in zip(self.blocks, self.read(image) if read is None else read, strict=True):
            tokens = block(tokens, own, similar=similar)
        with torch.autocast(tokens.device.type, enabled=False):
            boxes = box_cxcywh_to_xyxy(self.head(in_full_precision(tokens)).sigmoid())
        return Detected(boxes.clamp(0, 1), boxes, tokens, similar)


def prompt_cosines(prompts: Tensor, image: Tensor) -> Tensor:
    """Cosines (N, Q, P), float32, of `prompts` (N, Q, F) with the patches and positions `image` (N, P, F)."""
    with torch.autocast(prompts.device.type, enabled=False):
        read, shown = (nn.functional.normalize(in_full_precision(one), dim=-1) for one in (prompts, image))
        cosines: Tensor = read @ shown.transpose(1, 2)
    return cosines


class RegionFeatures(nn.Module):
    """Features of boxes from the patches below them, with those of region tokens where there are any."""

    def __init__(self, config: DetectorConfig, features: int, patch_features: int) -> None:
        super().__init__()
        self.config = config
        drop, hidden = config.dropout, 4 * features
        self.values = nn.Sequential(
            nn.LayerNorm(patch_features), nn.Linear(patch_features, features), nn.Dropout(drop)
        )
        self.token_dropout = nn.Dropout(drop)
        self.token_mixing = RowDropout(1 - config.token_share)
        inner = (nn.Linear(features, hidden), nn.GELU(), nn.Dropout(drop))
        self.output = nn.Sequential(
            nn.LayerNorm(features), *inner, nn.Linear(hidden, features), nn.Dropout(drop)
        )

    def forward(self, boxes_xyxy: Tensor, values: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Features (N, K, F) of boxes (N, K, 4) on images with the `values` (N, P, F) of their patches; the
        mean of pooled values and `tokens` (N, K, F), if given: of all boxes, in training of a drawn share."""
        pooled = pooled_regions(boxes_xyxy, values, self.config.beta, self.config.pooling)
        if tokens is not None:
            mixed = (pooled + self.token_dropout(tokens)) / 2
            is_mixed = self.token_mixing(torch.ones_like(boxes_xyxy[..., 0])) > 0
            pooled = torch.where(is_mixed.unsqueeze(-1), mixed, pooled)
        features: Tensor = self.output(pooled)
        return features


class RegionWeights(nn.Module):
    """The probability that a region of a prompt is there, and the prompt's feature from those that are.

    With s_r = sigmoid(MLP(x_r)) of the regions of a prompt, its feature is sum_r s_r x_r / max(1, sum_r s_r).
    Of a guided detector the logit is MLP(x_r) + a e_r, where a is learned and e_r is the evidence in the box:
    log(sum_p w_p exp(10 c_p)) / 10 of the cosines c_p of prompt and patches, with the weights w_p of pooling.
    """

    def __init__(self, features: int, dropout: float, guided: bool = False) -> None:
        super().__init__()
        if guided:
            self.evidence = nn.Parameter(torch.tensor(_EVIDENCE))
        hidden = (nn.Linear(features, features), nn.GELU(), nn.Dropout(dropout))
        self.score = nn.Sequential(*hidden, nn.Linear(features, 1))

    def forward(self, features: Tensor, evidence: Tensor | None = None) -> Tensor:
        """Logits (N, Q, R), float32, of regions with `features` (N, Q, R, F) and, of a guided detector, the
        `evidence` (N, Q, R)."""
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.score(in_full_precision(features)).squeeze(-1)
            return logits if evidence is None else logits + self.evidence * evidence


def evidence_in(boxes_xyxy: Tensor, similar: Tensor, beta: float) -> Tensor:
    """The evidence (N, Q, R), see `RegionWeights`, in boxes (N, Q, R, 4) by the similarities (N, Q, P). What
    it is learned from does not move boxes."""
    weights = gaussian_weights(boxes_xyxy.detach(), similar.shape[2], beta)
    # Not one product of matrices: every prompt has its own similarities.
    sums = (weights @ (similar * _SHARPNESS).exp().unsqueeze(-1)).squeeze(-1)
    return sums.clamp(min=_LEAST).log() / _SHARPNESS


def prompt_features(features: Tensor, scores: Tensor) -> Tensor:
    """Features (N, Q, F) of prompts from those of their regions (N, Q, R, F) and `scores` (N, Q, R), 0 to
    1."""
    weighted = (features * scores.unsqueeze(-1)).sum(dim=-2)
    return weighted / scores.sum(dim=-1, keepdim=True).clamp(min=1)

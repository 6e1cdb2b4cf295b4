"""Positions of patches, for an image of any resolution.

Sines and cosines of the centre of each patch (Vaswani et al. 2017, arXiv:1706.03762, in two dimensions), then
a linear layer. Positions are fractions of the input, so that a finer grid lies between the patches of a
coarser one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plainfilm.errors import ModelError
from plainfilm.nn.base import grid_side, in_full_precision
from plainfilm.nn.regions.boxes import box_xyxy_to_cxcywh

_OCTAVES = 5


def patch_centres(patches: int, device: torch.device | str = "cpu") -> Tensor:
    """(P, 2) x and y of the centres of a square grid of `patches` P, row by row, as fractions of the input.

    Raises:
        ModelError: P is no square number.
    """
    side = grid_side(patches)
    line = (torch.arange(side, dtype=torch.float32, device=device) + 0.5) / side
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1)


def patches_touched(boxes_xyxy: Tensor, patches: int) -> Tensor:
    """(..., P) bool: which patches of a square grid of `patches` P have any part in boxes (..., 4), as
    fractions of the input."""
    half = 0.5 / grid_side(patches)
    centres = patch_centres(patches, boxes_xyxy.device)
    corners = boxes_xyxy.unsqueeze(-2)
    is_touched: Tensor = ((centres + half > corners[..., :2]) & (centres - half < corners[..., 2:])).all(
        dim=-1
    )
    return is_touched


class PatchPositions(nn.Module):
    """(P, F) for the P patches of an image."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.projection = nn.Linear(4 * _OCTAVES, features)

    def forward(self, patches: int, device: torch.device | str) -> Tensor:
        """The positions of `patches` P."""
        waves = _waves(patch_centres(patches, device))
        positions: Tensor = self.projection(waves.to(self.projection.weight.dtype))
        return positions


class BoxPositions(nn.Module):
    """(..., F) for boxes (..., 4), xyxy as fractions of the input, by centre and size; zero at first."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.projection = nn.Linear(8 * _OCTAVES, features)
        nn.init.zeros_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, boxes_xyxy: Tensor) -> Tensor:
        """The positions of boxes."""
        waves = _waves(box_xyxy_to_cxcywh(in_full_precision(boxes_xyxy)))
        positions: Tensor = self.projection(waves.to(self.projection.weight.dtype))
        return positions


def _waves(values: Tensor) -> Tensor:
    """Sines and cosines (..., 2 K O) of K `values` (..., K) from 0 to 1 at O octaves."""
    waves = math.pi * 2.0 ** torch.arange(_OCTAVES, dtype=torch.float32, device=values.device)
    angles = (values[..., None] * waves).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class LearnedPositions(nn.Module):
    """(P, F) for images of one resolution alone, as those of a vision transformer."""

    def __init__(self, patches: int, features: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(patches, features) * features**-0.5)

    def forward(self, patches: int, device: torch.device | str) -> Tensor:
        """The positions of `patches` P.

        Raises:
            ModelError: there are positions for another number of patches.
        """
        if patches != len(self.positions):
            raise ModelError(
                f"{patches} patches, but positions are learned for {len(self.positions)}: set "
                "preprocessing.size to that of the model, or model.learned_positions=null"
            )
        return self.positions

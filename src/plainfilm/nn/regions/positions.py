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
from plainfilm.nn.base import grid_side

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
        centres = patch_centres(patches, device)
        waves = math.pi * 2.0 ** torch.arange(_OCTAVES, dtype=torch.float32, device=device)
        angles = (centres[:, :, None] * waves).flatten(1)
        sines = torch.cat([angles.sin(), angles.cos()], dim=1).to(self.projection.weight.dtype)
        positions: Tensor = self.projection(sines)
        return positions


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

"""Pools token features to one vector per text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

TextPooling = Literal["mean", "end", "start"]
"""`mean` averages all tokens, special ones included (TxtRayAlign, DeCLUTR); `end` takes the last token that
is not padding (CLIP); `start` takes the first (BERT's [CLS])."""


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """The mean of `tokens` (N, L, F) where `mask` (N, L) is True: (N, F); zeros for an empty row."""
    weights = mask.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def end_token(tokens: Tensor, mask: Tensor) -> Tensor:
    """The feature of each row's last True position: (N, L, F), (N, L) → (N, F); padding may be anywhere."""
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = torch.where(mask, positions, 0).amax(dim=1)
    # Not len(tokens): an exported graph would take that for a constant.
    return tokens[torch.arange(tokens.shape[0], device=tokens.device), last]


def start_token(tokens: Tensor, mask: Tensor) -> Tensor:
    """The feature of each row's first position: (N, L, F) → (N, F)."""
    return tokens[:, 0]


POOLING: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": masked_mean,
    "end": end_token,
    "start": start_token,
}
"""Function of each `TextPooling`: (tokens (N, L, F), mask (N, L)) → (N, F)."""

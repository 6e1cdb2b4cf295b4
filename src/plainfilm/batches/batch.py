"""What a model is trained on: a `Batch` of views and texts, and the `Keys` that tell items apart.

Axes: B items, V views per item, T texts per item, C channels, H and W pixels, L tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Needs:
    """What an objective asks of every item; loaders obey."""

    views: int = 1
    texts: int = 1


@dataclass(frozen=True)
class Keys:
    """Which items are the same thing: 63-bit hashes, equal exactly where study or text are equal.

    study: (B,) int64. text: (B, T) int64, of the text with case and white space folded.
    """

    study: Tensor
    text: Tensor


@dataclass(frozen=True)
class Batch:
    """B items.

    images: (B, V, C, H, W) float32, normalised as the model's preprocessing says.
    token_ids: (B, T, L) int64. token_mask: (B, T, L) bool, False on padding.
    rows: (B,) int64, the position of each item in the batch of the whole run (over all processes);
    it seeds whatever is random per item inside the model.
    """

    images: Tensor
    token_ids: Tensor
    token_mask: Tensor
    keys: Keys
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Self:
        """The same batch on `device`."""
        move = {name: getattr(self, name).to(device, non_blocking=True) for name in _ROWWISE}
        keys = Keys(self.keys.study.to(device), self.keys.text.to(device))
        return replace(self, keys=keys, **move)

    def slice(self, start: int, stop: int) -> Self:
        """Items `start` to `stop`, sharing memory."""
        part = {name: getattr(self, name)[start:stop] for name in _ROWWISE}
        return replace(self, keys=Keys(self.keys.study[start:stop], self.keys.text[start:stop]), **part)


_ROWWISE = ("images", "token_ids", "token_mask", "rows")

"""What a model is trained on: a `Batch` of views, texts and labels, and the `Keys` that tell items apart.

Axes: B items, V views per item, T texts per item, C channels, H and W pixels, L tokens, O observations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Needs:
    """What an objective asks of every item; loaders obey. With `labels`, items that labels say nothing of are
    left out; with `texts`, those without text."""

    views: int = 1
    texts: int = 1
    labels: bool = False


@dataclass(frozen=True)
class Keys:
    """Which items are the same thing: 63-bit hashes, equal exactly where study or text are equal.

    study: (B,) int64. text: (B, T) int64, of the text with case and white space folded. said: (B,) int64, of
    what the labels say, where they are what the text is made of; else of the item alone.
    """

    study: Tensor
    text: Tensor
    said: Tensor | None = None

    def each(self, function: Callable[[Tensor], Tensor]) -> Keys:
        """The keys with `function` done to every tensor."""
        said = None if self.said is None else function(self.said)
        return Keys(function(self.study), function(self.text), said)


@dataclass(frozen=True)
class Batch:
    """B items.

    images: (B, V, C, H, W) float32, normalised as the model's preprocessing says.
    token_ids: (B, T, L) int64. token_mask: (B, T, L) bool, False on padding.
    rows: (B,) int64, the position of each item in the batch of the whole run (over all processes);
    it seeds whatever is random per item inside the model.
    labels: (B, O) int8, states as in `batches.labels`; `None` where the objective asks for none.
    """

    images: Tensor
    token_ids: Tensor
    token_mask: Tensor
    keys: Keys
    rows: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Self:
        """The same batch on `device`."""
        move = {name: value.to(device, non_blocking=True) for name, value in self._row_wise()}
        return replace(self, keys=self.keys.each(lambda key: key.to(device)), **move)

    def slice(self, start: int, stop: int) -> Self:
        """Items `start` to `stop`, sharing memory."""
        part = {name: value[start:stop] for name, value in self._row_wise()}
        return replace(self, keys=self.keys.each(lambda key: key[start:stop]), **part)

    def _row_wise(self) -> list[tuple[str, Tensor]]:
        names = ("images", "token_ids", "token_mask", "rows", "labels")
        return [(name, getattr(self, name)) for name in names if getattr(self, name) is not None]

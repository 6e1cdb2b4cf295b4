"""Varying numbers of entries per item: images of a study, boxes of an image, sentences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ragged:
    """The assignment of E entries to B items, in the order of the items.

    counts: (B,) int64, the number of entries of each item; their sum is E. Values of entries are
    concatenated, the first item's first.
    """

    counts: Tensor

    @classmethod
    def even(cls, items: int, each: int, device: torch.device | None = None) -> Self:
        """`items` items with `each` entries."""
        return cls(torch.full((items,), each, dtype=torch.int64, device=device))

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def item(self) -> Tensor:
        """(E,) int64: the item of each entry."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.counts.device), self.counts)

    @cached_property
    def place(self) -> Tensor:
        """(E,) int64: the position of each entry within its item, from 0."""
        return torch.arange(len(self.item), device=self.counts.device) - self.starts[self.item]

    @cached_property
    def starts(self) -> Tensor:
        """(B,) int64: the index of the first entry of each item."""
        return self.counts.cumsum(0) - self.counts

    @property
    def entries(self) -> int:
        """E."""
        return len(self.item)

    def bounds(self, start: int, stop: int) -> tuple[int, int]:
        """The start and end of the entries of items `start` to `stop`."""
        return int(self.counts[:start].sum()), int(self.counts[:stop].sum())

    def first(self, count: int) -> tuple[Ragged, Tensor]:
        """At most `count` entries of each item, and a mask (E,) of them."""
        return Ragged(self.counts.clamp(max=count)), self.place < count

    def padded(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Values of entries (E, ...) as (B, M, ...), padded with zeros to the largest number of entries M,
        and the mask (B, M) bool of actual entries."""
        most = int(self.counts.max()) if len(self) else 0
        mask = torch.arange(most, device=self.counts.device) < self.counts[:, None]
        filled = values.new_zeros((len(self), most, *values.shape[1:]))
        filled[mask] = values
        return filled, mask

    def to(self, device: torch.device | str) -> Ragged:
        """The same assignment on `device`."""
        return Ragged(self.counts.to(device, non_blocking=True))

    def slice(self, start: int, stop: int) -> Ragged:
        """Items `start` to `stop`."""
        return Ragged(self.counts[start:stop])

"""Entries that belong to items, a different number to each: films of a study, boxes of a film, sentences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ragged:
    """How E entries, item by item, belong to B items.

    counts: (B,) int64, the entries of each item; their sum is E. Values of the entries lie one after another,
    those of the first item first.
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
        """(E,) int64: which item each entry belongs to."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.counts.device), self.counts)

    @cached_property
    def place(self) -> Tensor:
        """(E,) int64: the position of each entry among those of its item, from 0."""
        return torch.arange(len(self.item), device=self.counts.device) - self.starts[self.item]

    @cached_property
    def starts(self) -> Tensor:
        """(B,) int64: where the entries of each item begin."""
        return self.counts.cumsum(0) - self.counts

    @property
    def entries(self) -> int:
        """E."""
        return len(self.item)

    def bounds(self, start: int, stop: int) -> tuple[int, int]:
        """Where the entries of items `start` to `stop` begin and end."""
        return int(self.counts[:start].sum()), int(self.counts[:stop].sum())

    def first(self, count: int) -> tuple[Ragged, Tensor]:
        """At most `count` entries of each item, and which (E,) they are."""
        return Ragged(self.counts.clamp(max=count)), self.place < count

    def padded(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Values of entries (E, ...) as (B, M, ...) with zeros where an item has fewer than the most
        entries M, and the mask (B, M) bool of what is there."""
        most = int(self.counts.max()) if len(self) else 0
        mask = torch.arange(most, device=self.counts.device) < self.counts[:, None]
        filled = values.new_zeros((len(self), most, *values.shape[1:]))
        filled[mask] = values
        return filled, mask

    def to(self, device: torch.device | str) -> Ragged:
        """The same on `device`."""
        return Ragged(self.counts.to(device, non_blocking=True))

    def slice(self, start: int, stop: int) -> Ragged:
        """Items `start` to `stop`."""
        return Ragged(self.counts[start:stop])

"""Batches: a `Batch` of images and targets, and the `Keys` that identify its items.

Axes: B items, F images, T texts per item, C channels, H and W pixels, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self, TypeVar

import torch
from torch import Tensor

from plainfilm.nn.base import ImageFeatures
from plainfilm.nn.ragged import Ragged

FilmsPerItem = Literal["one", "pair", "all"]
"""Which images of an item are read: the first; two views (two crops of a single image); or every image
once."""


class Target(Protocol):
    """The training targets of B items. present: (B,) bool, whether an item has the target."""

    present: Tensor

    def slice(self, start: int, stop: int) -> Self:
        """Items `start` to `stop`, sharing memory."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same target on `device`."""
        ...


@dataclass(frozen=True)
class Keys:
    """Hashes of items, 63 bits: equal exactly if study, text or labels are equal.

    study: (B,) int64. text: (B, T) int64, of the text with case and white space folded; T is 0 if no texts
    are read. labels: (B,) int64, of the labels if the text is made from them; otherwise of the item itself.
    """

    study: Tensor
    text: Tensor
    labels: Tensor

    def each(self, function: Callable[[Tensor], Tensor]) -> Keys:
        """The keys with `function` applied to every tensor."""
        return Keys(function(self.study), function(self.text), function(self.labels))


@dataclass(frozen=True)
class Films:
    """The F images of B items.

    pixels: (F, C, H, W) float32, normalised as the model's preprocessing says. of: how they belong to the
    items. projections: (F,) int64, indices into `types.View`. features: the cached features of the images,
    as the frozen encoder computes them; `pixels` are then (F, 0).
    """

    pixels: Tensor
    of: Ragged
    projections: Tensor
    features: ImageFeatures | None = None

    def __len__(self) -> int:
        return len(self.of)

    def slice(self, start: int, stop: int) -> Self:
        """The images of items `start` to `stop`."""
        first, last = self.of.bounds(start, stop)
        kept = self.features
        return replace(
            self,
            pixels=self.pixels[first:last],
            of=self.of.slice(start, stop),
            projections=self.projections[first:last],
            features=kept and kept.each(lambda values: values[first:last]),
        )

    def to(self, device: torch.device | str) -> Self:
        """The same images on `device`."""
        kept = self.features
        return replace(
            self,
            pixels=self.pixels.to(device, non_blocking=True),
            of=self.of.to(device),
            projections=self.projections.to(device, non_blocking=True),
            features=kept and kept.each(lambda values: values.to(device, non_blocking=True)),
        )


@dataclass(frozen=True)
class Batch:
    """B items.

    targets: by name, see `batches.targets`. rows: (B,) int64, the position of each item in the batch of the
    whole run (over all processes); it seeds the randomness of the item inside the model.
    """

    films: Films
    keys: Keys
    rows: Tensor
    targets: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Self:
        """The same batch on `device`."""
        return self._each(lambda part: part.to(device))

    def slice(self, start: int, stop: int) -> Self:
        """Items `start` to `stop`, sharing memory."""
        return self._each(
            lambda part: part[start:stop] if isinstance(part, Tensor) else part.slice(start, stop)
        )

    def _each(self, function: Callable[[Any], Any]) -> Self:
        return replace(
            self,
            films=function(self.films),
            keys=self.keys.each(function),
            rows=function(self.rows),
            targets={name: function(target) for name, target in self.targets.items()},
        )


RowWiseType = TypeVar("RowWiseType", bound="RowWise")


@dataclass(frozen=True)
class RowWise:
    """Base of targets whose fields are all tensors (B, ...)."""

    present: Tensor

    def slice(self: RowWiseType, start: int, stop: int) -> RowWiseType:
        """Items `start` to `stop`, sharing memory."""
        return self._each(lambda values: values[start:stop])

    def to(self: RowWiseType, device: torch.device | str) -> RowWiseType:
        """The same target on `device`."""
        return self._each(lambda values: values.to(device, non_blocking=True))

    def _each(self: RowWiseType, function: Callable[[Tensor], Tensor]) -> RowWiseType:
        fields = {name: function(getattr(self, name)) for name in self.__dataclass_fields__}
        return replace(self, **fields)

"""The contract of a target: one file that reads, transforms and collates a training target.

A target module (`batches/targets/NAME.py`) has these names:

    open_target(source)     a `TargetReader` of the items that `source` describes
    example(items, source)  the collated target of `items` made-up items, for a dry run

and optionally

    REQUIRES                "text" or "labels": items without any are left out of training, see `batches.rows`
    TOKENIZER               the name of the tokenizer it reads texts with, or a tuple of several names
    texts(source)           all texts that it may read, for training these tokenizers

A collated target is an object with `present`, `slice` and `to` (`batches.batch.Target`): a target whose
fields are all (B, ...) derives from `RowWise`, one with a varying number of entries per item from
`RaggedTarget`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm import plugins
from plainfilm.geometry import Geometry
from plainfilm.nn.ragged import Ragged


class Encodes(Protocol):
    """The part of a tokenizer that reading texts needs; a longer text than `max_tokens` is cut."""

    max_tokens: int

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """ids (N, L) and mask (N, L), padded to the longest."""
        ...


@dataclass(frozen=True)
class TargetSource:
    """The input of targets.

    rows, collections, config: see `batches.rows`; `None` and empty for a dry run. tokenizers: by name.
    observations: the columns of labels.
    """

    rows: Any = None
    collections: Sequence[Any] = ()
    config: Any = None
    tokenizers: Mapping[str, Encodes] = field(default_factory=dict)
    observations: tuple[str, ...] = ()

    def most(self, target: str, usual: int) -> int:
        """The largest number of prompts of an image that a target asks in training; `usual` if the recipe
        does not say."""
        stated = self.config.most_prompts
        if isinstance(stated, Mapping):
            return int(stated.get(target, usual))
        return stated or usual


@dataclass(frozen=True)
class ItemFilms:
    """The selected images of an item, in order.

    rows: of the collection's table of images. geometries: the map of each image to the model's input.
    """

    rows: tuple[int, ...]
    geometries: tuple[Geometry, ...]

    @property
    def mirrored(self) -> bool:
        """Whether the images of the item are mirrored; they are all mirrored or none."""
        return any(one.mirrored for one in self.geometries)


class TargetReader(Protocol):
    """Reads one target of the items of a data set; threads share the reader."""

    def read(self, item: int, rng: np.random.Generator | None) -> Any:
        """The target's value of `item`, drawn with `rng`, or fixed without one."""
        ...

    def move(self, value: Any, films: ItemFilms) -> Any:
        """`value` in the coordinates of the model's input, on the selected `films` of the item."""
        ...

    def collate(self, values: Sequence[Any]) -> Any:
        """The values of B items (B may be 0) as one target."""
        ...


class TargetModule(Protocol):
    """The names in a module of this folder."""

    def open_target(self, source: TargetSource) -> TargetReader:
        """A reader for the items of `source`."""
        ...

    def example(self, items: int, source: TargetSource) -> Any:
        """A made-up target."""
        ...


def target(name: str) -> TargetModule:
    """The target called `name` (see `plugins.resolve`)."""
    return cast(TargetModule, plugins.resolve("target", name))


def requires(name: str) -> str | None:
    """The requirement of the target called `name`: "text", "labels" or none."""
    return getattr(target(name), "REQUIRES", None)


def tokenizers_of(name: str) -> tuple[str, ...]:
    """The tokenizers that the target called `name` reads with."""
    stated = getattr(target(name), "TOKENIZER", ())
    return (stated,) if isinstance(stated, str) else tuple(stated)


def texts_of(name: str, source: TargetSource) -> Iterator[str]:
    """All texts that the target called `name` may read."""
    texts = getattr(target(name), "texts", None)
    return texts(source) if texts else iter(())


RaggedType = TypeVar("RaggedType", bound="RaggedTarget")


@dataclass(frozen=True)
class RaggedTarget:
    """Base of targets with a varying number of entries per item.

    of: the assignment of the E entries to the B items; every other field but `present` (B,) is a tensor (E,
    ...).
    """

    present: Tensor
    of: Ragged

    def slice(self: RaggedType, start: int, stop: int) -> RaggedType:
        """The entries of items `start` to `stop`, sharing memory."""
        first, last = self.of.bounds(start, stop)
        moved = self._each(lambda values: values[first:last])
        return replace(moved, present=self.present[start:stop], of=self.of.slice(start, stop))

    def to(self, device: torch.device | str) -> Self:
        """The same target on `device`."""
        moved = self._each(lambda values: values.to(device, non_blocking=True))
        return replace(moved, present=self.present.to(device), of=self.of.to(device))

    def _each(self, function: Callable[[Tensor], Tensor]) -> Self:
        names = [name for name in self.__dataclass_fields__ if name not in ("present", "of")]
        changed: dict[str, Any] = {name: function(getattr(self, name)) for name in names}
        return replace(self, **changed)

"""The state of every observation: (B, O) int8, codes as in `batches.labels`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plainfilm.batches.batch import RowWise
from plainfilm.batches.targets.base import ItemFilms, TargetSource
from plainfilm.collection.labels import NOT_LABELLED
from plainfilm.metrics.findings import NOT_MENTIONED, States
from plainfilm.text.laterality import mirrored
from plainfilm.types import State

REQUIRES = "labels"


@dataclass(frozen=True)
class Labels(RowWise):
    """states: (B, O) int8."""

    states: Tensor


class LabelTargetReader:
    """Reads the states that `rows` hold."""

    def __init__(self, source: TargetSource) -> None:
        self._rows = source.rows
        # An observation that labels do not mention is either absent or unknown.
        self._least = NOT_MENTIONED if source.config.not_mentioned == "absent" else int(State.UNCERTAIN)
        self._mirrored = _mirrored_columns(source.rows.observations)

    def read(self, item: int, rng: np.random.Generator | None) -> States:
        """The states (O,) of one item."""
        states: States = self._rows.states[item]
        return states

    def move(self, value: States, films: ItemFilms) -> States:
        """Swap the states of left and right on a mirrored image; observations without a counterpart become
        unknown."""
        if not films.mirrored:
            return value
        return np.append(value, np.int8(NOT_LABELLED))[self._mirrored]

    def collate(self, values: Sequence[States]) -> Labels:
        """The states (B, O)."""
        none = np.zeros((0, len(self._rows.observations)), dtype=np.int8)
        states = torch.from_numpy(np.stack(values) if values else none)
        return Labels(present=(states >= self._least).any(dim=1), states=states)


def _mirrored_columns(observations: Sequence[str]) -> np.ndarray:
    """The source of each column of a mirrored image; an index past the last if there is none."""
    places = {name: place for place, name in enumerate(observations)}
    return np.array([places.get(mirrored(name), len(places)) for name in observations], dtype=np.int64)


def open_target(source: TargetSource) -> LabelTargetReader:
    """A reader of the states of `source.rows`."""
    return LabelTargetReader(source)


def example(items: int, source: TargetSource) -> Labels:
    """Alternating positive and negative states."""
    numbers = torch.arange(items)[:, None] % 2
    states = numbers.expand(-1, max(1, len(source.observations))).to(torch.int8)
    return Labels(present=torch.ones(items, dtype=torch.bool), states=states)

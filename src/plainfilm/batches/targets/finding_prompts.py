"""The findings that the labels of every image affirm or deny, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plainfilm.batches.padded_texts import texts_of
from plainfilm.batches.prompted_boxes import denial_of, prompt_of
from plainfilm.batches.targets.base import Encodes, ItemFilms, RaggedTarget, TargetSource
from plainfilm.nn.ragged import Ragged
from plainfilm.text.laterality import mirrored
from plainfilm.types import State

REQUIRES, TOKENIZER = "labels", "text"
MOST_PROMPTS = 10
"""Findings of an image in training, as published; those that are there come first."""


@dataclass(frozen=True)
class FindingPrompts(RaggedTarget):
    """affirmed_ids, affirmed_mask, denied_ids, denied_mask: (E, L). is_there: (E,) bool."""

    affirmed_ids: Tensor
    affirmed_mask: Tensor
    denied_ids: Tensor
    denied_mask: Tensor
    is_there: Tensor


class FindingPromptReader:
    """Reads the findings that are known of an image. "No Finding" is none: its denial affirms."""

    def __init__(self, source: TargetSource) -> None:
        self._rows = source.rows
        self._tokenizer: Encodes = source.tokenizers[TOKENIZER]
        self._most = source.most("finding_prompts", MOST_PROMPTS)
        self._names = [prompt_of(name) for name in source.rows.observations]

    def read(self, item: int, rng: np.random.Generator | None) -> Mapping[str, bool]:
        """Whether each finding of an item is there."""
        states = zip(self._names, self._rows.states[item].tolist(), strict=True)
        known = {
            name: state == State.POSITIVE
            for name, state in states
            if state in (State.POSITIVE, State.NEGATIVE) and name != "No finding"
        }
        if rng is None or len(known) <= self._most:
            return known
        names = [list(known)[place] for place in rng.permutation(len(known))]
        names.sort(key=lambda name: not known[name])
        return {name: known[name] for name in names[: self._most]}

    def move(self, value: Mapping[str, bool], films: ItemFilms) -> Mapping[str, bool]:
        """Left and right as on the image."""
        return {mirrored(name): there for name, there in value.items()} if films.mirrored else value

    def collate(self, values: Sequence[Mapping[str, bool]]) -> FindingPrompts:
        """The findings of B items."""
        counts = torch.tensor([len(one) for one in values], dtype=torch.int64)
        names = [name for one in values for name in one]
        there = torch.tensor([one[name] for one in values for name in one], dtype=torch.bool)
        affirmed = texts_of(self._tokenizer, names)
        denied = texts_of(self._tokenizer, [denial_of(name) for name in names])
        return FindingPrompts(counts > 0, Ragged(counts), *affirmed, *denied, there)


def open_target(source: TargetSource) -> FindingPromptReader:
    """A reader of the findings of every item."""
    return FindingPromptReader(source)


def texts(source: TargetSource) -> Iterator[str]:
    """Every finding, affirmed and denied, for training a tokenizer."""
    for name in source.observations:
        yield from (prompt_of(name), denial_of(prompt_of(name)))


def example(items: int, source: TargetSource) -> FindingPrompts:
    """Two findings, one that is there and one that is not."""
    of = Ragged.even(items, 2)
    ids = torch.full((of.entries, 4), 4) + of.place[:, None]
    present = torch.ones(items, dtype=torch.bool)
    return FindingPrompts(present, of, ids, ids > 0, ids + 2, ids > 0, of.place == 0)

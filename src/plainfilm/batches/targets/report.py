"""The report of every item, to be written: its text under the recipe's text rule, whole and in its order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plainfilm.batches.batch import RowWise
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.targets.base import ItemFilms, TargetSource
from plainfilm.batches.texts import Texts
from plainfilm.text.laterality import mirrored

REQUIRES, TOKENIZER = "text", "report"


@dataclass(frozen=True)
class ReportTarget(RowWise):
    """token_ids, token_mask: (B, L), each text from its start to its end token. complete: (B,) bool, whether
    the text was short enough to be kept whole; the end of another is no end to be learned."""

    token_ids: Tensor
    token_mask: Tensor
    complete: Tensor


class ReportReader:
    """Reads the text of every item, the same in every epoch."""

    def __init__(self, source: TargetSource) -> None:
        self._texts = _whole_texts(source)
        self._tokenizer = source.tokenizers[TOKENIZER]

    def read(self, item: int, rng: np.random.Generator | None) -> str:
        """The text of an item; empty without sentences."""
        return self._texts.fixed(item, 1)[0]

    def move(self, value: str, films: ItemFilms) -> str:
        """Swap the words left and right on mirrored images."""
        return mirrored(value) if films.mirrored else value

    def collate(self, values: Sequence[str]) -> ReportTarget:
        """The texts of B items, padded to the longest."""
        ids, mask = self._tokenizer.encode(list(values))
        return ReportTarget(
            present=torch.tensor([bool(value.strip()) for value in values], dtype=torch.bool),
            token_ids=torch.from_numpy(ids),
            token_mask=torch.from_numpy(mask),
            complete=torch.from_numpy(mask.sum(axis=1) < self._tokenizer.max_tokens),
        )


def open_target(source: TargetSource) -> ReportReader:
    """A reader of the report of every item."""
    return ReportReader(source)


def texts(source: TargetSource) -> Iterator[str]:
    """The report of every item, for training a tokenizer."""
    whole = _whole_texts(source)
    return (whole.fixed(item, 1)[0] for item in range(len(source.rows)))


def example(items: int, source: TargetSource, tokens: int = 8) -> ReportTarget:
    """Texts of a few tokens."""
    ones = torch.ones((items, tokens), dtype=torch.bool)
    return ReportTarget(ones[:, 0], torch.full((items, tokens), 4), ones, ones[:, 0])


def _whole_texts(source: TargetSource) -> Texts:
    whole = {"sentences": None, "shuffle": False, "paraphrase": 0.0, "paraphrase_by": ("rules",)}
    config: DataConfig = source.config.model_copy(update={**whole, "text_pairs": "whole"})
    return Texts(source.rows, source.collections, config)

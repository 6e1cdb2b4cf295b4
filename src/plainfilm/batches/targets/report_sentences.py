"""The sentences of the report of every item, each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from plainfilm.batches.report_sentences import SentenceReader, everything
from plainfilm.batches.targets.base import RaggedTarget, TargetSource
from plainfilm.nn.ragged import Ragged

REQUIRES, TOKENIZER = "text", "text"
MOST_SENTENCES = 8
"""Sentences of an item in training."""


@dataclass(frozen=True)
class ReportSentences(RaggedTarget):
    """token_ids, token_mask: (E, L). keys: (E,) int64, hashes of the sentences."""

    token_ids: Tensor
    token_mask: Tensor
    keys: Tensor


def open_target(source: TargetSource) -> SentenceReader:
    """A reader of the sentences of every item."""
    most = min(MOST_SENTENCES, source.most("report_sentences", MOST_SENTENCES))
    return SentenceReader(source, most, ReportSentences)


def texts(source: TargetSource) -> Iterator[str]:
    """Every sentence of every item, for training a tokenizer."""
    return everything(source)


def example(items: int, source: TargetSource) -> ReportSentences:
    """Two sentences of a few tokens for every item."""
    of = Ragged.even(items, 2)
    ids = torch.full((of.entries, 4), 4) + of.item[:, None] % 8
    return ReportSentences(torch.ones(items, dtype=torch.bool), of, ids, ids > 0, torch.arange(of.entries))

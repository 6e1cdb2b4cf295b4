"""The sentences of the report of every item, each by itself, to be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from plainfilm.batches.padded_texts import written_texts
from plainfilm.batches.report_sentences import SentenceReader, everything
from plainfilm.batches.targets.base import TargetSource
from plainfilm.batches.targets.report_sentences import MOST_SENTENCES, ReportSentences
from plainfilm.batches.targets.report_sentences import example as example_sentences

REQUIRES, TOKENIZER = "text", ("text", "sentence")
MOST_WRITTEN = 4
"""Sentences of an item in training; see `batches.targets.region_descriptions`."""


@dataclass(frozen=True)
class WrittenSentences(ReportSentences):
    """written_ids, written_mask: (E, L), each sentence from its start to its end token. complete: (E,) bool,
    whether it was short enough to be kept whole."""

    written_ids: Tensor
    written_mask: Tensor
    complete: Tensor


def open_target(source: TargetSource) -> SentenceReader:
    """A reader of the sentences of every item."""
    tokenizer = source.tokenizers["sentence"]
    most = min(MOST_SENTENCES, source.most("written_sentences", MOST_WRITTEN))
    return SentenceReader(
        source, most, WrittenSentences, lambda sentences: written_texts(tokenizer, sentences)
    )


def texts(source: TargetSource) -> Iterator[str]:
    """Every sentence of every item, for training tokenizers."""
    return everything(source)


def example(items: int, source: TargetSource) -> WrittenSentences:
    """Two sentences of a few tokens for every item."""
    read = example_sentences(items, source)
    complete = torch.ones(len(read.keys), dtype=torch.bool)
    ids = read.token_ids
    return WrittenSentences(read.present, read.of, ids, ids > 0, read.keys, ids, ids > 0, complete)

"""The sentences of the report about the regions of every image, to be compared with the regions: those of
anatomy (Chest ImaGenome), and the boxes of phrases (MS-CXR)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from plainfilm.batches.padded_texts import padded_texts
from plainfilm.batches.region_texts import (
    MOST_REGIONS,
    RegionTarget,
    RegionTexts,
    SaidOfRegions,
    example_regions,
    sentences_of_regions,
)
from plainfilm.batches.targets.base import TargetSource

REQUIRES, TOKENIZER = "text", "text"


@dataclass(frozen=True)
class RegionSentences(RegionTarget):
    """S sentences about each region. sentence_ids, sentence_mask: (E, S, L). is_there: (E, S) bool, whether a
    region has so many sentences."""

    sentence_ids: Tensor
    sentence_mask: Tensor
    is_there: Tensor


class RegionSentenceReader(SaidOfRegions):
    """Reads the sentences about regions."""

    def collate(self, values: Sequence[list[RegionTexts]]) -> RegionSentences:
        """The regions of B items with their sentences."""
        sentences = [region.sentences for regions in values for region in regions]
        ids, mask = padded_texts(self.tokenizers["text"], sentences)
        return RegionSentences(*self.common(values), ids, mask, mask.any(dim=2))


def open_target(source: TargetSource) -> RegionSentenceReader:
    """A reader of the sentences about the regions of every item."""
    return RegionSentenceReader(source, source.most("region_sentences", MOST_REGIONS))


def texts(source: TargetSource) -> Iterator[str]:
    """Every sentence about a region, and every prompt of one, for training a tokenizer."""
    return sentences_of_regions(source)


def example(items: int, source: TargetSource) -> RegionSentences:
    """Two regions with one sentence each."""
    fields = example_regions(items)
    ids = torch.full((fields[1].entries, 1, 4), 5)
    return RegionSentences(*fields, ids, ids > 0, torch.ones(ids.shape[:2], dtype=torch.bool))

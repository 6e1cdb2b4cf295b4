"""What the report says of the regions of every image, to be written: each region's sentences as one text.

Regions are those of anatomy (Chest ImaGenome) and the boxes of phrases (MS-CXR), whose text is the phrase and
which are asked with the box alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from plainfilm.batches.padded_texts import written_texts
from plainfilm.batches.region_texts import (
    RegionTarget,
    RegionTexts,
    SaidOfRegions,
    example_regions,
    sentences_of_regions,
)
from plainfilm.batches.targets.base import TargetSource

REQUIRES, TOKENIZER = "text", ("text", "sentence")
MOST_WRITTEN = 4
"""Regions of an image in training. As published 32 of a batch of 8 are; a number of the batch would couple
its items."""


@dataclass(frozen=True)
class RegionDescriptions(RegionTarget):
    """written_ids, written_mask: (E, L), each text from its start to its end token. complete: (E,) bool,
    whether the text was short enough to be kept whole."""

    written_ids: Tensor
    written_mask: Tensor
    complete: Tensor


class RegionDescriptionReader(SaidOfRegions):
    """Reads the texts of regions."""

    def collate(self, values: Sequence[list[RegionTexts]]) -> RegionDescriptions:
        """The regions of B items with their texts."""
        texts = [" ".join(region.sentences) for regions in values for region in regions]
        return RegionDescriptions(*self.common(values), *written_texts(self.tokenizers["sentence"], texts))


def open_target(source: TargetSource) -> RegionDescriptionReader:
    """A reader of the texts of the regions of every item."""
    return RegionDescriptionReader(source, source.most("region_descriptions", MOST_WRITTEN))


def texts(source: TargetSource) -> Iterator[str]:
    """Every sentence about a region, and every prompt of one, for training tokenizers."""
    return sentences_of_regions(source)


def example(items: int, source: TargetSource) -> RegionDescriptions:
    """Two regions with a text each."""
    fields = example_regions(items)
    ids = torch.full((fields[1].entries, 4), 5)
    return RegionDescriptions(*fields, ids, ids > 0, torch.ones(len(ids), dtype=torch.bool))

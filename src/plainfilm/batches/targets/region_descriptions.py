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
from plainfilm.batches.prompted_boxes import phrases_by_image, phrases_of_classes, prompt_of
from plainfilm.batches.region_texts import (
    RegionReader,
    RegionTarget,
    RegionTexts,
    example_regions,
    sentences_of_regions,
)
from plainfilm.batches.targets.base import TargetSource
from plainfilm.collection import Collection

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


class RegionDescriptionReader(RegionReader):
    """Reads the texts of regions."""

    def __init__(self, source: TargetSource, most: int) -> None:
        super().__init__(source, most)
        for regions, collection in zip(self.regions, source.collections, strict=True):
            for row, phrases in _of_phrases(collection).items():
                regions[row] = [*regions.get(row, []), *phrases]

    def says(self, region: RegionTexts) -> bool:
        """Whether there is a sentence."""
        return bool(region.sentences)

    def collate(self, values: Sequence[list[RegionTexts]]) -> RegionDescriptions:
        """The regions of B items with their texts."""
        texts = [" ".join(region.sentences) for regions in values for region in regions]
        return RegionDescriptions(*self.common(values), *written_texts(self.tokenizers["sentence"], texts))


def _of_phrases(collection: Collection) -> dict[int, list[RegionTexts]]:
    """The boxes of phrases by row of their image; their prompt is the class of the phrase."""
    classes = phrases_of_classes(collection)
    return {
        row: [
            RegionTexts(prompt_of(min(classes[row][phrase])), box, sentences=(phrase,), of_finding=True)
            for phrase, boxes in sorted(named.items())
            for box in boxes
        ]
        for row, named in phrases_by_image(collection).items()
    }


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

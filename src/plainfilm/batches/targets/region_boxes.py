"""The boxes of the regions of anatomy on every image, with prompts that name them."""

from __future__ import annotations

from collections.abc import Iterator

from plainfilm.batches.prompted_boxes import (
    PromptedBoxes,
    PromptedBoxesReader,
    Prompts,
    boxes_by_image,
    example_prompts,
    prompt_of,
    prompts_in,
)
from plainfilm.batches.targets.base import TargetSource

TOKENIZER = "text"
MOST_PROMPTS = 20
"""Prompts of an image in training, as published."""


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the regions of every item."""
    boxes = [boxes_by_image(collection, "region") for collection in source.collections]

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        return [(prompt_of(name), found) for name, found in sorted(boxes[place].get(row, {}).items())]

    rows = source.rows
    return PromptedBoxesReader(
        prompts_of,
        rows.source,
        rows.images_of,
        source.tokenizers[TOKENIZER],
        source.most("region_boxes", MOST_PROMPTS),
    )


def texts(source: TargetSource) -> Iterator[str]:
    """The prompt of every region that has a box, for training a tokenizer."""
    return prompts_in(source.collections, "region")


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Prompts of a few tokens."""
    return example_prompts(items)

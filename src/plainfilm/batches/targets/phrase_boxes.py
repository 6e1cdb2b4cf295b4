"""The phrases of the report with boxes on every image (MS-CXR), as prompts.

Sentences of a report without a box are no prompts: a box may be missing for reasons other than that there is
nothing. Sentences about regions of anatomy (Chest ImaGenome) are read by `region_sentences`.
"""

from __future__ import annotations

from collections.abc import Iterator

from plainfilm.batches.prompted_boxes import (
    PromptedBoxes,
    PromptedBoxesReader,
    Prompts,
    example_prompts,
    phrases_by_image,
)
from plainfilm.batches.targets.base import TargetSource

TOKENIZER = "text"
MOST_PROMPTS = 10
"""Phrases of an image in training."""


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the phrases of every item."""
    boxes = [phrases_by_image(collection) for collection in source.collections]

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        return sorted(boxes[place].get(row, {}).items())

    rows = source.rows
    return PromptedBoxesReader(
        prompts_of, rows.source, rows.images_of, source.tokenizers[TOKENIZER], source.most(MOST_PROMPTS)
    )


def texts(source: TargetSource) -> Iterator[str]:
    """Every phrase with a box, for training a tokenizer."""
    for collection in source.collections:
        for named in phrases_by_image(collection).values():
            yield from named


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Phrases of a few tokens."""
    return example_prompts(items)

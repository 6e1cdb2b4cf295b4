"""The boxes of findings on every image, with prompts that name them.

A finding without a box is asked as well where the labels of the image deny it, so that a model learns to
find nothing; where they affirm it, or say nothing, it is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

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
from plainfilm.types import State

REQUIRES, TOKENIZER = "labels", "text"
MOST_PROMPTS = 10
"""Prompts of an image in training."""
_NONE = np.zeros((0, 4))


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the findings of every item."""
    boxes = [boxes_by_image(collection, "observation") for collection in source.collections]
    asked = [{name for named in one.values() for name in named} for one in boxes]
    rows = source.rows

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        found = boxes[place].get(row, {})
        states = dict(zip(rows.observations, rows.states[item].tolist(), strict=True))
        denied = [name for name in sorted(asked[place] - set(found)) if states.get(name) == State.NEGATIVE]
        return [
            *((prompt_of(name), found[name]) for name in sorted(found)),
            *((prompt_of(name), _NONE) for name in denied),
        ]

    return PromptedBoxesReader(
        prompts_of, rows.source, rows.images_of, source.tokenizers[TOKENIZER], MOST_PROMPTS
    )


def texts(source: TargetSource) -> Iterator[str]:
    """The prompt of every finding that has a box, for training a tokenizer."""
    return prompts_in(source.collections, "observation")


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Prompts of a few tokens."""
    return example_prompts(items)

"""The boxes of findings on every image, with prompts that name them.

What is asked besides, so that a model learns to find nothing:

- a finding without a box, where the labels of the image deny it; where they affirm it, or say nothing, it is
  not asked;
- the denial of a finding ("No pleural effusion"), whether it is there or not;
- a finding of one side ("Left pleural effusion"), where no box of the finding lies near the middle of the
  image: with the boxes of that side, which may be none. A film is looked at from the front, so that the left
  of the patient is on its right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from plainfilm.batches.prompted_boxes import (
    Floats,
    PromptedBoxes,
    PromptedBoxesReader,
    Prompts,
    boxes_by_image,
    denial_of,
    example_prompts,
    prompt_of,
    prompts_in,
    sided,
)
from plainfilm.batches.targets.base import TargetSource
from plainfilm.types import State

REQUIRES, TOKENIZER = "labels", "text"
MOST_PROMPTS = 12
"""Prompts of an image in training; those with boxes come first."""
_NONE = np.zeros((0, 4))
_MIDDLE = 0.08
"""A box whose centre is nearer to the middle, as a share of the width, has no side."""


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the findings of every item."""
    boxes = [boxes_by_image(collection, "observation") for collection in source.collections]
    widths = [collection.table("images")["width"].to_pylist() for collection in source.collections]
    asked = [{name for named in one.values() for name in named} for one in boxes]
    rows = source.rows

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        found = boxes[place].get(row, {})
        states = dict(zip(rows.observations, rows.states[item].tolist(), strict=True))
        denied = [name for name in sorted(asked[place] - set(found)) if states.get(name) == State.NEGATIVE]
        names = [prompt_of(name) for name in (*sorted(found), *denied)]
        return [
            *((prompt_of(name), found[name]) for name in sorted(found)),
            *_of_sides(found, widths[place][row]),
            *((prompt_of(name), _NONE) for name in denied),
            *((denial_of(name), _NONE) for name in names),
        ]

    return PromptedBoxesReader(
        prompts_of, rows.source, rows.images_of, source.tokenizers[TOKENIZER], source.most(MOST_PROMPTS)
    )


def _of_sides(found: Mapping[str, Floats], width: int | None) -> Prompts:
    """Prompts for either side of the findings (M, 4), in pixels of an image of this width."""
    prompts: Prompts = []
    for name in sorted(found) if width else ():
        from_middle = found[name][:, [0, 2]].mean(axis=1) / (width or 1) - 0.5
        if (np.abs(from_middle) > _MIDDLE).all():
            for side, is_there in (("left", from_middle > 0), ("right", from_middle < 0)):
                prompts.append((sided(prompt_of(name), side), found[name][is_there]))
    return prompts


def texts(source: TargetSource) -> Iterator[str]:
    """The prompts of every finding that has a box, for training a tokenizer."""
    for prompt in prompts_in(source.collections, "observation"):
        yield from (prompt, denial_of(prompt), sided(prompt, "left"), sided(prompt, "right"))


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Prompts of a few tokens."""
    return example_prompts(items)

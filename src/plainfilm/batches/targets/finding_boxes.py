"""The boxes of findings on every image, with prompts that name them.

What is asked besides, so that a model learns to find nothing:

- a finding without a box, where the labels of the image deny it; where they affirm it, or say nothing, it is
  not asked, and neither is one with a box that they deny (a reader drew it whom the others outvoted);
- the denial of a finding ("No pleural effusion"), whether it is there or not;
- a finding of one side ("Left pleural effusion"), where no box of the finding lies near the middle of the
  image: with the boxes of that side, which may be none. A film is looked at from the front, so that the left
  of the patient is on its right.
"""

from __future__ import annotations

from collections.abc import Iterator

from plainfilm.batches.prompted_boxes import (
    NO_BOXES,
    PromptedBoxes,
    PromptedBoxesReader,
    Prompts,
    denial_of,
    example_prompts,
    findings_by_image,
    of_sides,
    prompt_of,
    prompts_in,
    sided,
)
from plainfilm.batches.targets.base import TargetSource
from plainfilm.types import State

REQUIRES, TOKENIZER = "labels", "text"
MOST_PROMPTS = 12
"""Prompts of an image in training; those with boxes come first."""


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the findings of every item."""
    boxes = [findings_by_image(collection) for collection in source.collections]
    widths = [collection.table("images")["width"].to_pylist() for collection in source.collections]
    asked = [{name for named in one.values() for name in named} for one in boxes]
    rows = source.rows

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        drawn = boxes[place].get(row, {})
        states = dict(zip(rows.observations, rows.states[item].tolist(), strict=True))
        negative = {name for name in asked[place] if states.get(name) == State.NEGATIVE}
        found = {name: own for name, own in drawn.items() if name not in negative}
        denied = sorted(negative - set(drawn))
        names = [prompt_of(name) for name in (*sorted(found), *denied)]
        return [
            *((prompt_of(name), found[name]) for name in sorted(found)),
            *of_sides({prompt_of(name): boxes for name, boxes in found.items()}, widths[place][row]),
            *((prompt_of(name), NO_BOXES) for name in denied),
            *((denial_of(name), NO_BOXES) for name in names),
        ]

    return PromptedBoxesReader(
        prompts_of,
        rows.source,
        rows.images_of,
        source.tokenizers[TOKENIZER],
        source.most("finding_boxes", MOST_PROMPTS),
    )


def texts(source: TargetSource) -> Iterator[str]:
    """The prompts of every finding that has a box, for training a tokenizer."""
    for prompt in prompts_in(source.collections, "observation"):
        yield from (prompt, denial_of(prompt), sided(prompt, "left"), sided(prompt, "right"))


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Prompts of a few tokens."""
    return example_prompts(items)

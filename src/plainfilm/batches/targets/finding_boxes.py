"""The boxes of findings on every image, with prompts that name them.

What is asked besides, so that a model learns when to find something, and when nothing:

- a finding that the labels of the image affirm and that nobody drew: it is there, but nobody says where;
- a finding without a box that the labels deny; where they say nothing, it is not asked, and neither is one
  with a box that they deny (a reader drew it whom the others outvoted);
- the denial of a finding ("No pleural effusion"), whether it is there or not;
- a finding of one side ("Left pleural effusion"), where no box of the finding lies near the middle of the
  image: with the boxes of that side, which may be none. A film is looked at from the front, so that the left
  of the patient is on its right. Where nobody drew the finding, the regions of anatomy that it is stated of
  tell its side.

Findings are those that have a box on any film.
"""

from __future__ import annotations

from collections.abc import Iterator

from plainfilm.batches.prompted_boxes import (
    NO_BOXES,
    PromptedBoxes,
    PromptedBoxesReader,
    Prompts,
    by_prompt,
    denial_of,
    example_prompts,
    findings_by_image,
    of_sides,
    prompt_of,
    prompts_in,
    sided,
)
from plainfilm.batches.region_texts import stated_areas
from plainfilm.batches.targets.base import TargetSource
from plainfilm.types import State

REQUIRES, TOKENIZER = "labels", "text"
MOST_PROMPTS = 12
"""Prompts of an image in training."""


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the findings of every item."""
    boxes = [by_prompt(findings_by_image(collection)) for collection in source.collections]
    stated = [stated_areas(collection) for collection in source.collections]
    widths = [collection.table("images")["width"].to_pylist() for collection in source.collections]
    asked = sorted({prompt for one in boxes for named in one.values() for prompt in named})
    rows = source.rows
    names = [prompt_of(name) for name in rows.observations]

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        labels = dict(zip(names, rows.states[item].tolist(), strict=True))
        drawn, regions = boxes[place].get(row, {}), stated[place].get(row, {})
        denied = {name for name in asked if labels.get(name) == State.NEGATIVE}
        found = {name: drawn[name] for name in sorted(drawn.keys() - denied)}
        shown = [name for name in asked if labels.get(name) == State.POSITIVE and name not in drawn]
        absent = sorted(denied - drawn.keys())
        near = {name: regions[name] for name in shown if len(regions.get(name, ()))}
        return [
            *found.items(),
            *of_sides(found, widths[place][row]),
            *((name, None) for name in shown),
            *((text, None if len(area) else area) for text, area in of_sides(near, widths[place][row])),
            *((name, NO_BOXES) for name in absent),
            *((denial_of(name), NO_BOXES) for name in (*found, *shown, *absent)),
        ]

    return PromptedBoxesReader(
        prompts_of,
        rows.source,
        rows.images_of,
        source.tokenizers[TOKENIZER],
        source.most("finding_boxes", MOST_PROMPTS),
        {denial_of(name) for name in asked},
    )


def texts(source: TargetSource) -> Iterator[str]:
    """The prompts of every finding that has a box, for training a tokenizer."""
    for prompt in prompts_in(source.collections, "observation"):
        yield from (prompt, denial_of(prompt), sided(prompt, "left"), sided(prompt, "right"))


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Prompts of a few tokens."""
    return example_prompts(items)

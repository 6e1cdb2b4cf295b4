"""Where every known finding of an image lies, in all its words at once.

Unlike `finding_boxes`, nothing is drawn: this is for losses that cost little for each finding. The area of a
finding is its boxes, those of phrases of its class, or those of the regions of anatomy that it is stated of;
where the labels affirm it and nothing says where, the whole film. What is denied has none; a box that the
labels deny makes its finding unknown. A finding whose boxes or regions lie on one side is asked for with
either side as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plainfilm.batches.prompted_boxes import (
    NO_BOXES,
    Floats,
    PromptedBoxes,
    PromptedBoxesReader,
    Prompts,
    by_prompt,
    example_prompts,
    findings_by_image,
    of_sides,
    prompt_of,
    sided,
)
from plainfilm.batches.region_texts import stated_areas
from plainfilm.batches.targets.base import TargetSource
from plainfilm.types import State

REQUIRES, TOKENIZER = "labels", "text"
_ALL = 1_000_000
_NONE_FOUND = "No finding"


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the areas of all findings of every item."""
    boxes = [by_prompt(findings_by_image(collection)) for collection in source.collections]
    stated = [stated_areas(collection) for collection in source.collections]
    sizes = [collection.frame("images")[["width", "height"]].to_numpy() for collection in source.collections]
    rows = source.rows
    names = [prompt_of(name) for name in rows.observations]

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        whole = np.array([[0, 0, *sizes[place][row]]], dtype=np.float64)
        labels = dict(zip(names, rows.states[item].tolist(), strict=True))
        own = boxes[place].get(row, {})
        areas = {name: whole for name, state in labels.items() if state == State.POSITIVE}
        areas |= {name: NO_BOXES for name, state in labels.items() if state == State.NEGATIVE}
        agreed = {
            name: area for name, area in stated[place].get(row, {}).items() if _agrees(area, areas.get(name))
        }
        unknown = {name for name in own if labels.get(name) == State.NEGATIVE} | {_NONE_FOUND}
        areas = {name: area for name, area in (areas | agreed | own).items() if name not in unknown}
        placed = {name: area for name, area in areas.items() if len(area) and area is not whole}
        return [*sorted(areas.items()), *of_sides(placed, sizes[place][row][0])]

    return PromptedBoxesReader(prompts_of, rows.source, rows.images_of, source.tokenizers[TOKENIZER], _ALL)


def _agrees(area: Floats, of_labels: Floats | None) -> bool:
    """Whether what is stated of regions says the same as the labels, or they say nothing."""
    return of_labels is None or bool(len(area)) == bool(len(of_labels))


def texts(source: TargetSource) -> Iterator[str]:
    """Every finding, with either side, for training a tokenizer."""
    for name in source.observations:
        prompt = prompt_of(name)
        yield from (prompt, sided(prompt, "left"), sided(prompt, "right"))


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Prompts of a few tokens."""
    return example_prompts(items)

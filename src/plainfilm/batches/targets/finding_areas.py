"""Where every known finding of an image lies, in all its words at once.

Unlike `finding_boxes`, nothing is drawn: this is for losses that cost little for each finding. The area of a
finding is its boxes, those of phrases of its class, or those of the regions of anatomy that it is stated of;
where the labels affirm it and nothing says where, the whole film. What is denied has none; a box that the
labels deny makes its finding unknown. A finding whose
boxes lie on one side is asked for with either side as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from plainfilm.batches.prompted_boxes import (
    NO_BOXES,
    Floats,
    PromptedBoxes,
    PromptedBoxesReader,
    Prompts,
    example_prompts,
    findings_by_image,
    of_sides,
    prompt_of,
    sided,
)
from plainfilm.batches.region_texts import regions_of
from plainfilm.batches.targets.base import TargetSource
from plainfilm.collection import Collection
from plainfilm.types import State

REQUIRES, TOKENIZER = "labels", "text"
_ALL = 1_000_000
_NONE_FOUND = "No finding"

Areas = dict[int, dict[str, Floats]]
"""By row of the image and by prompt; no boxes for what is denied of every region."""


def open_target(source: TargetSource) -> PromptedBoxesReader:
    """A reader of the areas of all findings of every item."""
    boxes = [_prompted(findings_by_image(collection)) for collection in source.collections]
    stated = [_of_regions(collection) for collection in source.collections]
    sizes = [collection.frame("images")[["width", "height"]].to_numpy() for collection in source.collections]
    rows = source.rows
    names = [prompt_of(name) for name in rows.observations]

    def prompts_of(item: int, place: int, row: int) -> Prompts:
        whole = np.array([[0, 0, *sizes[place][row]]], dtype=np.float64)
        labels = dict(zip(names, rows.states[item].tolist(), strict=True))
        own = boxes[place].get(row, {})
        areas = {name: whole for name, state in labels.items() if state == State.POSITIVE}
        areas |= {name: NO_BOXES for name, state in labels.items() if state == State.NEGATIVE}
        areas |= {
            name: area for name, area in stated[place].get(row, {}).items() if _agrees(area, areas.get(name))
        }
        denied = {name for name in own if labels.get(name) == State.NEGATIVE}
        found = {name: area for name, area in own.items() if name not in denied}
        areas = {name: area for name, area in (areas | found).items() if name not in {*denied, _NONE_FOUND}}
        return [*sorted(areas.items()), *of_sides(found, sizes[place][row][0])]

    return PromptedBoxesReader(prompts_of, rows.source, rows.images_of, source.tokenizers[TOKENIZER], _ALL)


def _agrees(area: Floats, of_labels: Floats | None) -> bool:
    """Whether what is stated of regions says the same as the labels, or they say nothing."""
    return of_labels is None or bool(len(area)) == bool(len(of_labels))


def _prompted(boxes: Mapping[int, Mapping[str, Floats]]) -> Areas:
    return {row: {prompt_of(name): found for name, found in named.items()} for row, named in boxes.items()}


def _of_regions(collection: Collection) -> Areas:
    areas: Areas = {}
    for row, regions in regions_of(collection).items():
        found: dict[str, list[Floats]] = {}
        stated = [(one.box, *pair) for one in regions for pair in (one.findings or {}).items()]
        for box, name, state in stated:
            if state is not State.UNCERTAIN:
                found.setdefault(name, []).extend([box] * (state is State.POSITIVE))
        areas[row] = {name: np.stack(boxes) if boxes else NO_BOXES for name, boxes in found.items()}
    return areas


def texts(source: TargetSource) -> Iterator[str]:
    """Every finding, with either side, for training a tokenizer."""
    for name in source.observations:
        prompt = prompt_of(name)
        yield from (prompt, sided(prompt, "left"), sided(prompt, "right"))


def example(items: int, source: TargetSource) -> PromptedBoxes:
    """Prompts of a few tokens."""
    return example_prompts(items)

"""Prompts of an image with the boxes of what they name: the shared part of targets of boxes.

Axes: B items, E prompts of all items, M boxes of a prompt, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.batches.targets.base import Encodes, ItemFilms, RaggedTarget
from plainfilm.collection import Collection
from plainfilm.collection.boxes import agreed_boxes
from plainfilm.nn.ragged import Ragged
from plainfilm.text.laterality import mirrored

LEAST_VISIBLE = 0.1
"""A box of which less is left after a crop is not on the film any more, as published."""
LEAST_SIDE = 1e-3
"""The thinnest box, as a fraction of the input."""

Floats = NDArray[np.float64]
Prompts = list[tuple[str, Floats | None]]
"""The prompts of an image with their boxes (M, 4), x0 y0 x1 y1 in pixels of the stored image; M is 0 for
what the image is known not to show, and `None` is of what it shows where nobody says where."""
NO_BOXES: Floats = np.zeros((0, 4))
_MIDDLE = 0.08
"""A box whose centre is nearer to the middle, as a share of the width, has no side."""
MOST_DENIALS = 2
"""Of the prompts of an image in training, so many deny: words such as "no" are learned soon."""
_ABSENT_SHARE = 4
"""A quarter of the prompts is kept for what is not there."""


@dataclass(frozen=True)
class PromptedBoxes(RaggedTarget):
    """token_ids, token_mask: (E, L). boxes: (E, M, 4), xyxy as fractions of the model's input. there: (E, M)
    bool, whether a prompt has so many boxes. unplaced: (E,) bool, whether it is there and nobody says where.
    opposite: (E,) int64, of a prompt for what is on one side alone, the place within its item of the same
    words for the other side, where nothing is; else -1."""

    token_ids: Tensor
    token_mask: Tensor
    boxes: Tensor
    there: Tensor
    unplaced: Tensor
    opposite: Tensor


class PromptedBoxesReader:
    """Reads the prompts of the first film of every item.

    prompts_of: the prompts of an image by its item, collection and row. most: at most so many are drawn in
    training: first those of what is there, with boxes before without, each with the same words for the other
    side, if nothing is on that side; but a quarter is kept for what is not there. denials: texts that deny,
    of which few are drawn.
    """

    def __init__(
        self,
        prompts_of: Callable[[int, int, int], Prompts],
        source_of: NDArray[np.int64],
        images_of: Callable[[int], NDArray[np.int64]],
        tokenizer: Encodes,
        most: int,
        denials: Set[str] = frozenset(),
    ) -> None:
        self._prompts_of = prompts_of
        self._source_of = source_of
        self._images_of = images_of
        self._tokenizer = tokenizer
        self._most = most
        self._denials = denials

    def read(self, item: int, rng: np.random.Generator | None) -> Mapping[int, Prompts]:
        """The prompts of every image of an item, by its row."""
        source = int(self._source_of[item])
        found = {int(row): self._prompts_of(item, source, int(row)) for row in self._images_of(item)}
        return {row: self._drawn(prompts, rng) for row, prompts in found.items()}

    def move(self, value: Mapping[int, Prompts], films: ItemFilms) -> Prompts:
        """The prompts of the first film with boxes as fractions of the input, left and right as on it; a
        prompt whose boxes are all cut off is left out."""
        geometry, moved = films.geometries[0], []
        for text, boxes in value[films.rows[0]]:
            kept = boxes
            if boxes is not None and len(boxes):
                visible = geometry.visible(boxes) >= LEAST_VISIBLE
                kept = geometry.boxes_to_square(boxes[visible]) / geometry.size
                kept = kept[((kept[:, 2:] - kept[:, :2]) > LEAST_SIDE).all(axis=1)]
                if not len(kept):
                    continue
            moved.append((mirrored(text) if films.mirrored else text, kept))
        return moved

    def collate(self, values: Sequence[Prompts]) -> PromptedBoxes:
        """The prompts of B items."""
        counts = torch.tensor([len(prompts) for prompts in values], dtype=torch.int64)
        flat = [pair for prompts in values for pair in prompts]
        ids, mask = self._tokenizer.encode([text for text, _ in flat])
        placed = [NO_BOXES if boxes is None else boxes for _, boxes in flat]
        most = max(map(len, placed), default=0)
        padded = np.zeros((len(flat), most, 4), dtype=np.float32)
        there = np.zeros((len(flat), most), dtype=np.bool_)
        for place, boxes in enumerate(placed):
            padded[place, : len(boxes)], there[place, : len(boxes)] = boxes, True
        unplaced = np.array([boxes is None for _, boxes in flat], dtype=np.bool_)
        opposite = np.array([place for prompts in values for place in _opposites(prompts)], dtype=np.int64)
        arrays = (ids, mask, padded, there, unplaced, opposite)
        return PromptedBoxes(counts > 0, Ragged(counts), *(torch.from_numpy(array) for array in arrays))

    def _drawn(self, prompts: Prompts, rng: np.random.Generator | None) -> Prompts:
        if rng is None:
            return prompts
        order = rng.permutation(len(prompts)).tolist()
        opposites = _opposites(prompts)
        shown = [place for place in order if not _is_absent(prompts[place][1])]
        shown.sort(key=lambda place: prompts[place][1] is None)
        absent = [place for place in order if _is_absent(prompts[place][1]) and place not in opposites]
        denied = [place for place in absent if prompts[place][0] in self._denials]
        absent = [place for place in absent if place not in denied[MOST_DENIALS:]]
        room = self._most - min(len(absent), self._most // _ABSENT_SHARE)
        chosen: list[int] = []
        for place in shown:
            both = [place] + [opposites[place]] * (opposites[place] >= 0)
            chosen += both if len(chosen) + len(both) <= room else []
        chosen += absent[: self._most - len(chosen)]
        return [prompts[place] for place in sorted(chosen)]


def _is_absent(boxes: Floats | None) -> bool:
    return boxes is not None and not len(boxes)


def _opposites(prompts: Prompts) -> list[int]:
    """Of each prompt for what is there, the place of the same words for the other side, where nothing is; -1
    where there are none."""
    absent = {text: place for place, (text, boxes) in enumerate(prompts) if _is_absent(boxes)}
    return [
        -1 if _is_absent(boxes) or mirrored(text) == text else absent.get(mirrored(text), -1)
        for text, boxes in prompts
    ]


def boxes_by_image(
    collection: Collection, kind: str, column: str = "name", without: Set[str] = frozenset()
) -> dict[int, dict[str, Floats]]:
    """The boxes of a kind ("observation", "region" or "phrase") by row of their image and by `column`; those
    with a name of `without` are left out."""
    table = agreed_boxes(collection)
    table = table[(table["kind"] == kind) & ~table["name"].isin(without)]
    rows = {name: row for row, name in enumerate(collection.table("images")["image_id"].to_pylist())}
    found: dict[int, dict[str, list[Floats]]] = {}
    corners = table[["x0", "y0", "x1", "y1"]].to_numpy(dtype=np.float64)
    for image, name, box in zip(table["image_id"], table[column], corners, strict=True):
        found.setdefault(rows[image], {}).setdefault(str(name), []).append(box)
    return {row: {name: np.stack(boxes) for name, boxes in named.items()} for row, named in found.items()}


def findings_by_image(collection: Collection) -> dict[int, dict[str, Floats]]:
    """The boxes of findings by row of their image and by the finding: its own and, of an image that has none,
    those of phrases about it, which have its name as their class (MS-CXR)."""
    of_phrases = boxes_by_image(collection, "phrase", without=_regions(collection))
    return {**of_phrases, **boxes_by_image(collection, "observation")}


def phrases_by_image(collection: Collection) -> dict[int, dict[str, Floats]]:
    """The boxes of phrases by row of their image and by the phrase, without those of regions of anatomy."""
    return boxes_by_image(collection, "phrase", "phrase", without=_regions(collection))


def phrases_of_classes(collection: Collection) -> dict[int, dict[str, set[str]]]:
    """The classes of every phrase with a box, by row of its image and by the phrase."""
    table = agreed_boxes(collection)
    table = table[(table["kind"] == "phrase") & ~table["name"].isin(_regions(collection))]
    rows = {name: row for row, name in enumerate(collection.table("images")["image_id"].to_pylist())}
    found: dict[int, dict[str, set[str]]] = {}
    for image, name, phrase in zip(table["image_id"], table["name"], table["phrase"], strict=True):
        found.setdefault(rows[image], {}).setdefault(str(phrase), set()).add(str(name))
    return found


def by_prompt(boxes: Mapping[int, Mapping[str, Floats]]) -> dict[int, dict[str, Floats]]:
    """Boxes by row of the image and by name, by the prompt for the name instead."""
    return {row: {prompt_of(name): found for name, found in named.items()} for row, named in boxes.items()}


def _regions(collection: Collection) -> set[str]:
    table = agreed_boxes(collection)
    return set(table.loc[table["kind"] == "region", "name"])


def of_sides(found: Mapping[str, Floats], width: int | None) -> list[tuple[str, Floats]]:
    """Prompts for either side of the findings `found`, boxes (M, 4) by prompt, in pixels of an image of this
    width: where no box lies near the middle, with the boxes of that side, which may be none. A film is looked
    at from the front, so that the left of the patient is on its right."""
    prompts: list[tuple[str, Floats]] = []
    for prompt in sorted(found) if width else ():
        from_middle = found[prompt][:, [0, 2]].mean(axis=1) / (width or 1) - 0.5
        if (np.abs(from_middle) > _MIDDLE).all():
            for side, is_there in (("left", from_middle > 0), ("right", from_middle < 0)):
                prompts.append((sided(prompt, side), found[prompt][is_there]))
    return prompts


def prompt_of(name: str) -> str:
    """The words that ask for an observation or a region.

    >>> prompt_of("Pleural_Thickening")
    'Pleural thickening'
    """
    words = name.replace("_", " ").replace("/", " or ").strip().lower()
    return words[:1].upper() + words[1:]


def denial_of(prompt: str) -> str:
    """The words that deny what a prompt asks for.

    >>> denial_of("Pleural thickening")
    'No pleural thickening'
    """
    return f"No {prompt[:1].lower()}{prompt[1:]}"


def sided(prompt: str, side: str) -> str:
    """The words that ask for what a prompt asks for, on one side of the patient.

    >>> sided("Pleural effusion", "left")
    'Left pleural effusion'
    """
    return f"{side.capitalize()} {prompt[:1].lower()}{prompt[1:]}"


def prompts_in(collections: Sequence[Collection], kind: str) -> Iterator[str]:
    """The prompt of every box of a kind, for training a tokenizer."""
    for collection in collections:
        table = agreed_boxes(collection)
        yield from map(prompt_of, table.loc[table["kind"] == kind, "name"])


def example_prompts(items: int, prompts: int = 2, tokens: int = 4) -> PromptedBoxes:
    """Made-up prompts, one with a box and one without on every image."""
    of = Ragged.even(items, prompts)
    ids = torch.full((of.entries, tokens), 4)
    boxes = torch.tensor([0.2, 0.3, 0.6, 0.7]).expand(of.entries, 1, 4)
    there = (torch.arange(of.entries) % prompts == 0)[:, None]
    facts = torch.zeros(of.entries, dtype=torch.bool), torch.full((of.entries,), -1)
    return PromptedBoxes(torch.ones(items, dtype=torch.bool), of, ids, ids > 0, boxes, there, *facts)

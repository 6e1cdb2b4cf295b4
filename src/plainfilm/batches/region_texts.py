"""What is said of the regions of an image (Chest ImaGenome): the shared part of targets of regions.

Axes: B items, E regions of all items, S texts of a region, L tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plainfilm.batches.prompted_boxes import (
    LEAST_SIDE,
    LEAST_VISIBLE,
    NO_BOXES,
    Floats,
    boxes_by_image,
    phrases_by_image,
    phrases_of_classes,
    prompt_of,
)
from plainfilm.batches.targets.base import ItemFilms, RaggedTarget, TargetSource
from plainfilm.collection import Collection
from plainfilm.collection.boxes import agreed_boxes
from plainfilm.collection.region_labels import region_findings
from plainfilm.nn.ragged import Ragged
from plainfilm.text.laterality import mirrored
from plainfilm.types import State

MOST_REGIONS = 20
"""Regions of an image in training, as published."""


@dataclass(frozen=True)
class RegionTexts:
    """A region of an image. prompt: what asks for it. box: x0 y0 x1 y1 (4,). by_box: whether training asks
    with the box instead of the prompt. sentences: of the report, about it. findings: stated of it, by
    prompt. of_finding: whether it is no region of anatomy but the box of a finding, and is always asked with
    the box."""

    prompt: str
    box: Floats
    by_box: bool = False
    sentences: tuple[str, ...] = ()
    findings: Mapping[str, State] | None = None
    of_finding: bool = False

    @property
    def is_abnormal(self) -> bool:
        """Whether anything is found there."""
        return self.of_finding or State.POSITIVE in (self.findings or {}).values()

    def mirrored(self) -> RegionTexts:
        """The same with left and right swapped in all words."""
        return replace(
            self, prompt=mirrored(self.prompt), sentences=tuple(mirrored(one) for one in self.sentences)
        )


@dataclass(frozen=True)
class RegionTarget(RaggedTarget):
    """Base of targets of regions. token_ids, token_mask: (E, L), the prompt. boxes: (E, 4), xyxy as fractions
    of the model's input. by_box: (E,) bool, see `RegionTexts`."""

    token_ids: Tensor
    token_mask: Tensor
    boxes: Tensor
    by_box: Tensor


RegionFields = tuple[Tensor, Ragged, Tensor, Tensor, Tensor, Tensor]
"""Those of a `RegionTarget`: present, of, token_ids, token_mask, boxes, by_box."""


class RegionReader(ABC):
    """Reads the regions of the first image of every item about which something is said."""

    def __init__(self, source: TargetSource, most: int) -> None:
        self._rows = source.rows
        self.regions = [regions_of(collection) for collection in source.collections]
        self._most = most
        self._abnormal = source.config.abnormal_regions
        self.tokenizers = source.tokenizers

    @abstractmethod
    def says(self, region: RegionTexts) -> bool:
        """Whether anything is said of the region that this target reads."""

    def drawn(self, region: RegionTexts, source: int, rng: np.random.Generator | None) -> RegionTexts:
        """What training reads of a region, drawn with `rng`, or what evaluation does."""
        return region

    @abstractmethod
    def collate(self, values: Sequence[list[RegionTexts]]) -> Any:
        """The regions of B items."""

    def read(self, item: int, rng: np.random.Generator | None) -> Mapping[int, list[RegionTexts]]:
        """The regions of every image of an item, by its row."""
        source = int(self._rows.source[item])
        rows = [int(row) for row in self._rows.images_of(item)]
        return {row: self._drawn(self.regions[source].get(row, []), source, rng) for row in rows}

    def move(self, value: Mapping[int, list[RegionTexts]], films: ItemFilms) -> list[RegionTexts]:
        """The regions of the first image, with boxes as fractions of the input, left and right as on it; one
        that is cut off is left out."""
        geometry, moved = films.geometries[0], []
        for region in value[films.rows[0]]:
            box = geometry.boxes_to_square(region.box[None])[0] / geometry.size
            is_there = geometry.visible(region.box[None])[0] >= LEAST_VISIBLE
            if is_there and (box[2:] - box[:2] > LEAST_SIDE).all():
                shown = region.mirrored() if films.mirrored else region
                moved.append(replace(shown, box=box))
        return moved

    def common(self, values: Sequence[list[RegionTexts]]) -> RegionFields:
        """The fields of a `RegionTarget`."""
        counts = torch.tensor([len(regions) for regions in values], dtype=torch.int64)
        flat = [region for regions in values for region in regions]
        ids, mask = self.tokenizers["text"].encode([region.prompt for region in flat])
        boxes = np.array([region.box for region in flat], dtype=np.float32).reshape(-1, 4)
        by_box = torch.tensor([region.by_box for region in flat], dtype=torch.bool)
        prompts = torch.from_numpy(ids), torch.from_numpy(mask)
        return (counts > 0, Ragged(counts), *prompts, torch.from_numpy(boxes), by_box)

    def _drawn(
        self, regions: Sequence[RegionTexts], source: int, rng: np.random.Generator | None
    ) -> list[RegionTexts]:
        told = [region for region in regions if self.says(region)]
        if rng is None:
            numbered = (_asked(region, place % 2 == 1) for place, region in enumerate(told))
            return [self.drawn(region, source, None) for region in numbered]
        places = sorted(self._first(told, rng.permutation(len(told)).tolist())[: self._most])
        chosen = (_asked(told[place], bool(rng.random() < 0.5)) for place in places)
        return [self.drawn(region, source, rng) for region in chosen]

    def _first(self, told: Sequence[RegionTexts], order: Sequence[int]) -> list[int]:
        """`order`, with enough abnormal regions among the first."""
        if self._abnormal is None:
            return list(order)
        abnormal = [place for place in order if told[place].is_abnormal][: round(self._most * self._abnormal)]
        return [*abnormal, *(place for place in order if place not in abnormal)]


class SaidOfRegions(RegionReader):
    """Reads the regions about which there is a sentence: those of anatomy, and the boxes of phrases."""

    def __init__(self, source: TargetSource, most: int) -> None:
        super().__init__(source, most)
        for regions, collection in zip(self.regions, source.collections, strict=True):
            for row, phrases in _of_phrases(collection).items():
                regions[row] = [*regions.get(row, []), *phrases]

    def says(self, region: RegionTexts) -> bool:
        """Whether there is a sentence."""
        return bool(region.sentences)


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


def _asked(region: RegionTexts, by_box: bool) -> RegionTexts:
    return replace(region, by_box=by_box or region.of_finding)


def regions_of(collection: Collection) -> dict[int, list[RegionTexts]]:
    """The regions with a box of every image, by its row."""
    boxes = boxes_by_image(collection, "region")
    images = collection.table("images")["image_id"].to_pylist()
    sentences, findings = _sentences(collection), region_findings(collection)
    return {
        row: [
            RegionTexts(
                prompt_of(name),
                named[name][0],
                sentences=sentences.get((images[row], name), ()),
                findings=_prompted(findings.get((images[row], name), {})),
            )
            for name in sorted(named)
        ]
        for row, named in boxes.items()
    }


def stated_areas(collection: Collection) -> dict[int, dict[str, Floats]]:
    """By row of the image and by the finding in words, the boxes of the regions that it is stated of; none
    for what is denied of every region that it is mentioned of."""
    areas: dict[int, dict[str, Floats]] = {}
    for row, regions in regions_of(collection).items():
        found: dict[str, list[Floats]] = {}
        stated = [(one.box, *pair) for one in regions for pair in (one.findings or {}).items()]
        for box, name, state in stated:
            if state is not State.UNCERTAIN:
                found.setdefault(name, []).extend([box] * (state is State.POSITIVE))
        areas[row] = {name: np.stack(boxes) if boxes else NO_BOXES for name, boxes in found.items()}
    return areas


def _prompted(findings: Mapping[str, State]) -> dict[str, State]:
    return {prompt_of(name): state for name, state in findings.items()}


def _sentences(collection: Collection) -> dict[tuple[str, str], tuple[str, ...]]:
    """The sentences about each region of an image, by image and region."""
    table = agreed_boxes(collection)
    table = table[table["kind"] == "phrase"]
    found: dict[tuple[str, str], dict[str, None]] = {}
    for image, name, phrase in zip(table["image_id"], table["name"], table["phrase"], strict=True):
        found.setdefault((str(image), str(name)), {})[str(phrase)] = None
    return {key: tuple(phrases) for key, phrases in found.items()}


def every_region(source: TargetSource) -> Iterator[RegionTexts]:
    """All regions of all images, for training tokenizers."""
    for collection in source.collections:
        for regions in regions_of(collection).values():
            yield from regions


def sentences_of_regions(source: TargetSource) -> Iterator[str]:
    """Every sentence about a region, and every prompt of one, for training tokenizers."""
    for region in every_region(source):
        yield from (region.prompt, *region.sentences)


def example_regions(items: int, tokens: int = 4) -> RegionFields:
    """The fields of a `RegionTarget` with two made-up regions on every image."""
    of = Ragged.even(items, 2)
    ids = torch.full((of.entries, tokens), 4)
    boxes = torch.tensor([0.2, 0.3, 0.6, 0.7]).repeat(of.entries, 1)
    return torch.ones(items, dtype=torch.bool), of, ids, ids > 0, boxes, of.place == 1

"""The findings that are stated of the regions of every image: affirmed or denied, in words.

With `data.not_mentioned: absent`, as published, a finding that is known of regions and not mentioned of one
is denied of it. With `data.finding_regions` the boxes of findings (VinDr-CXR, MS-CXR) are regions too, asked
with the box alone: their finding is affirmed, and those that the labels of the image deny are denied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from plainfilm.batches.padded_texts import padded_texts
from plainfilm.batches.prompted_boxes import by_prompt, denial_of, findings_by_image, prompt_of
from plainfilm.batches.region_texts import (
    MOST_REGIONS,
    RegionReader,
    RegionTarget,
    RegionTexts,
    every_region,
    example_regions,
)
from plainfilm.batches.targets.base import TargetSource
from plainfilm.types import State

TOKENIZER = "text"
MOST_FINDINGS = 10
"""Findings of a region in training, as published; those that are there come first."""


_NONE_FOUND = "No finding"


@dataclass(frozen=True)
class RegionFindings(RegionTarget):
    """S findings of each region. affirmed_ids, affirmed_mask, denied_ids, denied_mask: (E, S, L). is_there:
    (E, S) bool. is_known: (E, S) bool, whether a region has so many findings."""

    affirmed_ids: Tensor
    affirmed_mask: Tensor
    denied_ids: Tensor
    denied_mask: Tensor
    is_there: Tensor
    is_known: Tensor


class RegionFindingReader(RegionReader):
    """Reads the findings of regions."""

    def __init__(self, source: TargetSource) -> None:
        super().__init__(source, source.most("region_findings", MOST_REGIONS))
        is_absent = source.config.not_mentioned == "absent"
        self._absent = [_named(regions) if is_absent else [] for regions in self.regions]
        if source.config.finding_regions:
            for place, added in enumerate(_of_findings(source)):
                for row, regions in added.items():
                    self.regions[place][row] = [*self.regions[place].get(row, []), *regions]

    def says(self, region: RegionTexts) -> bool:
        """Whether a finding is affirmed or denied."""
        return bool(_known(region.findings or {}))

    def drawn(self, region: RegionTexts, source: int, rng: np.random.Generator | None) -> RegionTexts:
        """The region with the findings that are read."""
        stated = _known(region.findings or {})
        absent = [] if region.of_finding else self._absent[source]
        missing = {name: State.NEGATIVE for name in absent if name not in stated}
        names = sorted({**stated, **missing})
        if rng is not None:
            names = [names[place] for place in rng.permutation(len(names))]
        names.sort(key=lambda name: (stated.get(name) is not State.POSITIVE, name not in stated))
        both = {**missing, **stated}
        return replace(region, findings={name: both[name] for name in names[:MOST_FINDINGS]})

    def collate(self, values: Sequence[list[RegionTexts]]) -> RegionFindings:
        """The regions of B items with their findings."""
        findings = [region.findings or {} for regions in values for region in regions]
        names = [list(one) for one in findings]
        tokenizer = self.tokenizers["text"]
        affirmed = padded_texts(tokenizer, names)
        denied = padded_texts(tokenizer, [[denial_of(name) for name in one] for one in names])
        is_known = affirmed[1].any(dim=2)
        is_there = torch.zeros_like(is_known)
        states = [state is State.POSITIVE for one in findings for state in one.values()]
        is_there[is_known] = torch.tensor(states, dtype=torch.bool)
        return RegionFindings(*self.common(values), *affirmed, *denied, is_there, is_known)


def _of_findings(source: TargetSource) -> list[dict[int, list[RegionTexts]]]:
    """Of each collection the boxes of findings by row of their image."""
    rows, found = source.rows, [by_prompt(findings_by_image(collection)) for collection in source.collections]
    names = [prompt_of(name) for name in rows.observations]
    regions: list[dict[int, list[RegionTexts]]] = [{} for _ in found]
    for item in range(len(rows)):
        place, states = int(rows.source[item]), dict(zip(names, rows.states[item].tolist(), strict=True))
        states.pop(_NONE_FOUND, None)
        denied = {name: State.NEGATIVE for name, state in states.items() if state == State.NEGATIVE}
        for row in rows.images_of(item).tolist():
            regions[place][row] = [
                RegionTexts(name, box, findings={**denied, name: State.POSITIVE}, of_finding=True)
                for name, boxes in sorted(found[place].get(row, {}).items())
                for box in boxes
                if name not in denied
            ]
    return regions


def _known(findings: Mapping[str, State]) -> dict[str, State]:
    return {name: state for name, state in findings.items() if state is not State.UNCERTAIN}


def _named(regions: Mapping[int, Sequence[RegionTexts]]) -> list[str]:
    """Every finding of any region."""
    return sorted({name for of_image in regions.values() for one in of_image for name in one.findings or {}})


def open_target(source: TargetSource) -> RegionFindingReader:
    """A reader of the findings of the regions of every item."""
    return RegionFindingReader(source)


def texts(source: TargetSource) -> Iterator[str]:
    """Every finding of a region, affirmed and denied, and every prompt of one, for training a tokenizer."""
    found = _of_findings(source) if source.config.finding_regions else []
    of_findings = (region for one in found for regions in one.values() for region in regions)
    for region in (*every_region(source), *of_findings):
        for name in region.findings or {}:
            yield from (region.prompt, name, denial_of(name))


def example(items: int, source: TargetSource) -> RegionFindings:
    """Two regions with one finding each."""
    fields = example_regions(items)
    count = fields[1].entries
    ids = torch.full((count, 1, 4), 4)
    known = torch.ones((count, 1), dtype=torch.bool)
    there = (torch.arange(count) % 2 == 0)[:, None]
    return RegionFindings(*fields, ids, ids > 0, ids + 1, ids > 0, there, known)

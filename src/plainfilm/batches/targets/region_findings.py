"""The findings that are stated of the regions of every image: affirmed or denied, in words.

With `data.not_mentioned: absent`, as published, a finding that is known of regions and not mentioned of one
is denied of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from plainfilm.batches.padded_texts import padded_texts
from plainfilm.batches.prompted_boxes import denial_of
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

    def says(self, region: RegionTexts) -> bool:
        """Whether a finding is affirmed or denied."""
        return bool(_known(region.findings or {}))

    def drawn(self, region: RegionTexts, source: int, rng: np.random.Generator | None) -> RegionTexts:
        """The region with the findings that are read."""
        stated = _known(region.findings or {})
        missing = {name: State.NEGATIVE for name in self._absent[source] if name not in stated}
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
    for region in every_region(source):
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

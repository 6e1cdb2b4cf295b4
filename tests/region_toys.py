"""Region models for tests: targets with no entry to three for each row, and a model that writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from plainfilm.batches.prompted_boxes import PromptedBoxes
from plainfilm.batches.targets.finding_prompts import FindingPrompts
from plainfilm.batches.targets.finding_sentences import FindingSentences
from plainfilm.batches.targets.region_descriptions import RegionDescriptions
from plainfilm.batches.targets.region_findings import RegionFindings
from plainfilm.batches.targets.region_sentences import RegionSentences
from plainfilm.batches.targets.report_sentences import ReportSentences
from plainfilm.batches.targets.written_sentences import WrittenSentences
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models import region
from plainfilm.models.base import Facts, build_model
from plainfilm.nn.decoding import Decoding
from plainfilm.nn.projection import ProjectionConfig
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.regions.detector import DetectorConfig
from plainfilm.nn.regions.post_decoder import PostDecoderConfig
from plainfilm.text.tokenizers import Tokenizer

VOCABULARY, LENGTH = 50, 5


class Draw:
    """Draws the fields of targets of `rows` items."""

    def __init__(self, rows: int, generator: torch.Generator) -> None:
        self.of = Ragged(torch.arange(rows) % 4)
        self.present = self.of.counts > 0
        self._generator = generator

    def ids(self, *shape: int) -> tuple[Tensor, Tensor]:
        """Texts (..., L) of uneven length."""
        ids = torch.randint(5, VOCABULARY, (*shape, LENGTH), generator=self._generator)
        lengths = torch.randint(2, LENGTH + 1, shape, generator=self._generator)
        mask = torch.arange(LENGTH) < lengths.unsqueeze(-1)
        return ids * mask, mask

    def boxes(self, *shape: int) -> Tensor:
        """Boxes (..., 4)."""
        corners = torch.rand(*shape, 2, 2, generator=self._generator)
        return corners.sort(dim=-2).values.flatten(-2)

    def bools(self, *shape: int) -> Tensor:
        """Anything."""
        return torch.rand(*shape, generator=self._generator) < 0.5

    @property
    def count(self) -> int:
        """The number of entries."""
        return self.of.entries

    def some(self) -> Tensor:
        """(E, 3): one to three of each entry."""
        return torch.arange(3) < 1 + (torch.arange(self.count) % 3)[:, None]

    def region(self) -> tuple[Any, ...]:
        """The fields of a `RegionTarget`."""
        return self.present, self.of, *self.ids(self.count), self.boxes(self.count), self.bools(self.count)

    def written(self) -> tuple[Tensor, Tensor, Tensor]:
        """Texts to be written, from the start token 2 on, and whether they are complete."""
        ids, mask = self.ids(self.count)
        ids[:, 0] = 2
        return ids, mask, self.bools(self.count)


def _prompted(draw: Draw) -> PromptedBoxes:
    there = torch.arange(2) < (torch.arange(draw.count) % 3)[:, None]
    boxes = draw.boxes(draw.count, 2)
    unplaced = draw.bools(draw.count) & ~there.any(dim=1)
    shown = (there.any(dim=1) | unplaced) & (draw.of.counts[draw.of.item] > 1)
    opposite = torch.where(shown, draw.of.counts[draw.of.item] - 1 - draw.of.place, -1)
    return PromptedBoxes(draw.present, draw.of, *draw.ids(draw.count), boxes, there, unplaced, opposite)


def _finding_prompts(draw: Draw) -> FindingPrompts:
    words = *draw.ids(draw.count), *draw.ids(draw.count)
    return FindingPrompts(draw.present, draw.of, *words, draw.bools(draw.count))


def _region_findings(draw: Draw) -> RegionFindings:
    known = draw.some()
    words = *draw.ids(*known.shape), *draw.ids(*known.shape)
    return RegionFindings(*draw.region(), *words, draw.bools(*known.shape), known)


def _region_sentences(draw: Draw) -> RegionSentences:
    there = draw.some()
    ids, mask = draw.ids(*there.shape)
    return RegionSentences(*draw.region(), ids, mask & there.unsqueeze(-1), there)


def _report_sentences(draw: Draw) -> ReportSentences:
    return ReportSentences(draw.present, draw.of, *draw.ids(draw.count), torch.arange(draw.count) * 5)


def _written_sentences(draw: Draw) -> WrittenSentences:
    read = _report_sentences(draw)
    fields = (read.token_ids, read.token_mask, read.keys)
    return WrittenSentences(draw.present, draw.of, *fields, *draw.written())


REGION_TARGETS: dict[str, Callable[[Draw], Any]] = {
    "finding_boxes": _prompted,
    "region_boxes": _prompted,
    "phrase_boxes": _prompted,
    "finding_areas": _prompted,
    "finding_prompts": _finding_prompts,
    "region_findings": _region_findings,
    "finding_sentences": lambda draw: FindingSentences(
        draw.present, draw.of, *draw.ids(draw.count), *draw.written()
    ),
    "region_sentences": _region_sentences,
    "region_descriptions": lambda draw: RegionDescriptions(*draw.region(), *draw.written()),
    "report_sentences": _report_sentences,
    "written_sentences": _written_sentences,
}


SENTENCES = [
    *("No pleural effusion.", "Small left pleural effusion.", "The right lung is clear.", "Cardiomegaly."),
    *("Consolidation in the right lower lobe.", "No pneumothorax.", "The heart is of normal size."),
]


def write_region_model(folder: Path, side: int = 64) -> Path:
    """An untrained region model that writes, with weights that matter, as a folder."""
    tokenizer = Tokenizer.train(SENTENCES * 4, 400, 24)
    decoder = {"use": "report_decoder", "width": 16, "depth": 1, "heads": 2, "max_tokens": 24}
    config = region.Config(
        image={"use": "compact", "width": 4, "grid": 2, "channels": 1},
        text={"use": "compact", "width": 16, "depth": 1, "heads": 2, "max_tokens": 24},
        projection=ProjectionConfig(dimension=8),
        detector=DetectorConfig(depth=1, heads=2),
        post_decoder=PostDecoderConfig(depth=1, heads=2),
        sentence=decoder,
        decoding=Decoding(max_tokens=12),
    )
    tokenizers = dict.fromkeys(config.tokenizers(), tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(config, Facts(tokenizers=tokenizer_facts(tokenizers)))
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.4)
    preprocessing = Preprocessing(size=side, channels=1)
    save_model(folder, model, tokenizers, ModelConfig(architecture=config, preprocessing=preprocessing))
    return folder

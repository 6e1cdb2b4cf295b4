"""Finding the boxes of findings, and nothing where the labels deny them (ChEX, arXiv:2404.15770).

The loss is that of `nn.regions.detection_loss` with the published weights: distance 5, overlap 2, and 3 for
the two halves of the score together. With `opposite`, which was not published, what lies on one side alone
has to score higher there than asked for with the other side: also where a finding is so faint that both
scores are low.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.batches.prompted_boxes import PromptedBoxes
from plainfilm.config import Settings
from plainfilm.nn.regions.detection_loss import detection_counts, detection_sums, opposite_sum
from plainfilm.objectives.base import Encoded, PerItem
from plainfilm.objectives.regions.encoding import nothing, of_present, prompted, region_model

NEEDS = ("finding_boxes",)


class Config(Settings):
    """The weights of the terms: the distance and the overlap of boxes, whether they are there, and whether
    they score higher than those of the other side."""

    use: str = "finding_detection"
    distance: float = Field(default=5.0, ge=0)
    overlap: float = Field(default=2.0, ge=0)
    there: float = Field(default=1.5, ge=0)
    not_there: float = Field(default=1.5, ge=0)
    opposite: float = Field(default=0.0, ge=0)


class Detection(PerItem):
    """The loss of the boxes of the prompts of `target`."""

    def __init__(self, config: Config, target: str, regions: int) -> None:
        super().__init__()
        self.config = config
        self._target = target
        self._regions = regions

    def weights(self) -> Mapping[str, float]:
        """The weight of each term."""
        return self.config.model_dump(exclude={"use"})

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of values of each term."""
        asked: PromptedBoxes = batch.targets[self._target]
        present = of_present(asked)
        counts = detection_counts(asked.there[present], self._regions, asked.unplaced[present])
        return {**counts, "opposite": (present & (asked.opposite >= 0)).sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The sum of each term over the prompts of a slice."""
        asked: PromptedBoxes = encoded.batch.targets[self._target]
        present = of_present(asked)
        if not bool(present.any()):
            return dict.fromkeys(self.weights(), nothing(encoded))
        boxes, logits, _ = prompted(encoded, self._target)
        own = (boxes, logits, asked.boxes, asked.there, asked.unplaced)
        other = asked.of.starts[asked.of.item] + asked.opposite
        opposite = opposite_sum(logits, present & (asked.opposite >= 0), other)
        return {**detection_sums(*(values[present] for values in own)), "opposite": opposite}


def detecting(config: Config, target: str, model: nn.Module) -> Detection:
    """The objective for a model that detects.

    Raises:
        UsageError: it does not.
    """
    settings: Any = region_model(config.use, model, "detect").config
    return Detection(config, target, settings.detector.regions)


def build(config: Config, model: nn.Module) -> Detection:
    """The objective for `model`; see `detecting` for the error."""
    return detecting(config, NEEDS[0], model)

"""Finding the boxes of regions of anatomy (ChEX, arXiv:2404.15770); see `objectives.finding_detection`."""

from __future__ import annotations

from torch import nn

from plainfilm.objectives import finding_detection
from plainfilm.objectives.finding_detection import Detection, detecting

NEEDS = ("region_boxes",)


class Config(finding_detection.Config):
    """The weights of the terms; a region that is named is there, so its score counts nothing as published."""

    use: str = "region_detection"
    there: float = 0.0
    not_there: float = 0.0


def build(config: Config, model: nn.Module) -> Detection:
    """The objective for `model`; see `finding_detection.detecting` for the error."""
    return detecting(config, NEEDS[0], model)

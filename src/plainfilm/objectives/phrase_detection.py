"""Finding the boxes of phrases of the report (MS-CXR); see `objectives.finding_detection`."""

from __future__ import annotations

from torch import nn

from plainfilm.objectives import finding_detection
from plainfilm.objectives.finding_detection import Detection, detecting

NEEDS = ("phrase_boxes",)


class Config(finding_detection.Config):
    """The weights of the terms."""

    use: str = "phrase_detection"


def build(config: Config, model: nn.Module) -> Detection:
    """The objective for `model`; see `finding_detection.detecting` for the error."""
    return detecting(config, NEEDS[0], model)

"""Writing what the report says of a region of anatomy (ChEX, arXiv:2404.15770), asked for with its name or
its box; see `objectives.sentence_generation`."""

from __future__ import annotations

from torch import nn

from plainfilm.config import Settings
from plainfilm.objectives.regions.encoding import region_model
from plainfilm.objectives.sentence_generation import Generation

NEEDS = ("region_descriptions",)


class Config(Settings):
    """No settings of its own."""

    use: str = "region_generation"


def build(config: Config, model: nn.Module) -> Generation:
    """The objective for `model`.

    Raises:
        UsageError: the model writes no sentences.
    """
    region_model(config.use, model, "sentence_logits")
    return Generation(NEEDS[0], regions=True)

"""Writing what the report says of a finding, asked for with its name: affirmed, possible or denied.

This is how a grounded report is written; the published model is asked for sentences of the report themselves
(`objectives.sentence_generation`).
"""

from __future__ import annotations

from torch import nn

from plainfilm.config import Settings
from plainfilm.objectives.regions.encoding import region_model
from plainfilm.objectives.sentence_generation import Generation

NEEDS = ("finding_sentences",)


class Config(Settings):
    """No settings of its own."""

    use: str = "finding_generation"


def build(config: Config, model: nn.Module) -> Generation:
    """The objective for `model`.

    Raises:
        UsageError: the model writes no sentences.
    """
    region_model(config.use, model, "sentence_logits")
    return Generation(NEEDS[0])

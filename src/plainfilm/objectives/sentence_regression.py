"""Features of what is found for a sentence, drawn to the sentence (ChEX, arXiv:2404.15770).

The squared distance, summed over features, of the refined feature of a prompt and the vector of the text that
the decoder is trained to write from.
"""

from __future__ import annotations

from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.config import Settings
from plainfilm.nn.base import in_full_precision
from plainfilm.objectives.base import Encoded, PerItem
from plainfilm.objectives.regions.encoding import nothing, of_present, prompted, region_model, texts

NEEDS = ("report_sentences",)


class Config(Settings):
    """No settings of its own."""

    use: str = "sentence_regression"


class SentenceRegression(PerItem):
    """The squared distance of each sentence."""

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of sentences."""
        return {"sentences": of_present(batch.targets[NEEDS[0]]).sum()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The summed squared distance."""
        asked = encoded.batch.targets[NEEDS[0]]
        present = of_present(asked)
        if not bool(present.any()):
            return {"sentences": nothing(encoded)}
        found = prompted(encoded, NEEDS[0])[2]
        said = texts(encoded, asked.token_ids, asked.token_mask, "prompt_vectors").detach()
        return {"sentences": (in_full_precision(found) - said).square().sum(dim=1)[present].sum()}


def build(config: Config, model: nn.Module) -> SentenceRegression:
    """The objective for `model`.

    Raises:
        UsageError: the model does not detect boxes.
    """
    region_model(config.use, model, "detect")
    return SentenceRegression()

"""A contrast of studies with their reports, over all processes.

InfoNCE (`objectives.infonce`) between the fused vector of all films of a study and its text. With the
published settings of REFERS (Zhou et al. 2022, arXiv:2111.03452) the two directions have weights 0.75 (study
to text) and 0.25, and no gradient flows through the second:

    {use: study_report, weight_of_studies: 0.75, text_gradient: false, same_study_negatives: true,
     same_text_negatives: true}, with model.temperature 0.1 and learn_temperature false
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Keys
from plainfilm.models.base import EncodesStudies, ability
from plainfilm.objectives import infonce
from plainfilm.objectives.base import Coupled, Encoded, Features, LossReport
from plainfilm.objectives.infonce import (
    false_negative_mask,
    limit_scale,
    pair_parts,
    reads_texts,
)
from plainfilm.types import Better

NEEDS = ("text",)
FILMS = "all"


class Config(infonce.Config):
    """weight_of_studies: of the direction from studies to texts; the other has the rest of 1. text_gradient:
    whether the direction from texts to studies is differentiated (it is not in the published code)."""

    use: str = "study_report"
    weight_of_studies: float = Field(default=0.5, ge=0, le=1)
    text_gradient: bool = True


class StudyReport(Coupled):
    """Cross entropy over the similarities of studies and texts of the batch."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    def encode(self, encoded: Encoded) -> Features:
        """Unit vectors `studies` and `texts`, (B, D) each."""
        studies = encoded.model("study_vectors", encoded.studies())
        return {"studies": studies, "texts": encoded.text_vectors(most=1)[:, 0]}

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The weighted sum of both directions; parts: `accuracy` of finding a study's own text, `scale`."""
        scale = reads_texts(model).scale()
        ignored = false_negative_mask(keys, self.config)
        similarity = features["studies"] @ features["texts"].T
        logits = (similarity * scale).masked_fill(ignored, -torch.inf)
        own, share = logits.diagonal(), self.config.weight_of_studies
        from_studies = (logits.logsumexp(dim=1) - own).mean()
        from_texts = self._of_texts((logits.logsumexp(dim=0) - own).mean())
        total = share * from_studies + (1 - share) * from_texts
        return LossReport(total, pair_parts(similarity, ignored, scale))

    def metrics(self) -> dict[str, Better]:
        """The share of studies whose own text is the most similar."""
        return {"accuracy": "higher"}

    def after_step(self, model: nn.Module) -> None:
        """Clamp the temperature to its limits."""
        limit_scale(model)

    def _of_texts(self, loss: Tensor) -> Tensor:
        return loss if self.config.text_gradient else loss.detach()


def build(config: Config, model: nn.Module) -> StudyReport:
    """The objective for `model`.

    Raises:
        UsageError: the model encodes no studies or no texts.
    """
    ability(model, EncodesStudies, "a contrast of studies and reports", "use model study_encoder")
    reads_texts(model)
    return StudyReport(config)

"""Writing the report of a study, token by token (Desai and Johnson 2021, arXiv:2006.06666).

The mean cross entropy of every token given the films and the tokens before it. A model with a second stack
of layers for texts from their end (`bidirectional`) adds the same for the reversed text, as a second term.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from plainfilm.batches.batch import Batch
from plainfilm.batches.targets.report import ReportTarget
from plainfilm.config import Settings
from plainfilm.errors import UsageError
from plainfilm.objectives.base import Encoded, PerItem

NEEDS = ("report",)
FILMS = "all"


class Config(Settings):
    """label_smoothing: share of the probability that is spread over all tokens."""

    use: str = "captioning"
    label_smoothing: float = 0.0


class Captioning(PerItem):
    """Teacher forcing with the report of each item."""

    def __init__(self, config: Config, directions: Mapping[str, bool]) -> None:
        super().__init__()
        self.config = config
        self._backward = directions

    def weights(self) -> Mapping[str, float]:
        """Each of two directions counts fully."""
        return dict.fromkeys(self._backward, 1.0) if len(self._backward) > 1 else {}

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of tokens to be written, in each direction."""
        report = batch.targets["report"]
        return {name: _wanted(report, backward).sum() for name, backward in self._backward.items()}

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The summed cross entropy of these tokens."""
        return {name: self._sum(encoded, backward) for name, backward in self._backward.items()}

    def _sum(self, encoded: Encoded, backward: bool) -> Tensor:
        report: ReportTarget = encoded.batch.targets["report"]
        ids = reversed_texts(report) if backward else report.token_ids
        wanted = _wanted(report, backward)
        logits = encoded.model("report_logits", encoded.studies(), ids[:, :-1], wanted, backward)
        return nn.functional.cross_entropy(
            logits.float(),
            ids[:, 1:][wanted],
            reduction="sum",
            label_smoothing=self.config.label_smoothing,
        )


def _wanted(report: ReportTarget, backward: bool) -> Tensor:
    """(B, L - 1) bool: the places whose next token is to be written. A text that was cut has no end to be
    learned; from its end, its first word would be made up."""
    wanted = report.token_mask[:, 1:] & report.present[:, None]
    if backward:
        return wanted & report.complete[:, None]
    places = torch.arange(1, report.token_mask.shape[1], device=wanted.device)
    last = report.token_mask.sum(dim=1, keepdim=True) - 1
    return wanted & (report.complete[:, None] | (places < last))


def reversed_texts(report: ReportTarget) -> Tensor:
    """The token ids (B, L) of each text from its end, between the same start and end tokens."""
    lengths = report.token_mask.sum(dim=1, keepdim=True)
    places = torch.arange(report.token_ids.shape[1], device=lengths.device).expand_as(report.token_ids)
    inside = (places > 0) & (places < lengths - 1)
    return report.token_ids.gather(1, torch.where(inside, lengths - 1 - places, places))


def build(config: Config, model: nn.Module) -> Captioning:
    """The objective for `model`.

    Raises:
        UsageError: the model has no decoder of reports.
    """
    if not hasattr(model, "report_logits"):
        raise UsageError(
            "captioning: the model has no decoder of reports: use model study_encoder with model.report set"
        )
    directions = {"tokens": False}
    if model.config.report.bidirectional:  # type: ignore[union-attr]
        directions["reversed_tokens"] = True
    return Captioning(config, directions)

"""The contrastive objective of CLIP and ConVIRT: an image's own text against all other texts, and vice versa.

With similarities X = I·Tᵀ (B, B), scale s and N(i) the items that count as negatives of item i,

    L = -1/2B Σ_i [ log( e^{sX_ii} / (e^{sX_ii} + Σ_{j∈N(i)} e^{sX_ij}) )
                  + log( e^{sX_ii} / (e^{sX_ii} + Σ_{j∈N(i)} e^{sX_ji}) ) ]

N(i) excludes items of the same study and items with the same text, as they are false negatives. With both
options on, N(i) is every item but i, as published (van den Oord et al. 2018, arXiv:1807.03748;
Radford et al. 2021, arXiv:2103.00020).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from plainfilm.batches.batch import Keys
from plainfilm.config import Settings
from plainfilm.models.base import EncodesTexts, ability
from plainfilm.objectives.base import Coupled, Encoded, Features, LossReport
from plainfilm.types import Better

NEEDS = ("text",)
PATCHES = False


class Config(Settings):
    """Whether items of the same study, with the same text (both as published), or with texts made from the
    same labels in any words, are negatives of each other.
    """

    use: str = "infonce"
    same_study_negatives: bool = False
    same_text_negatives: bool = False
    same_label_negatives: bool = True


class InfoNCE(Coupled):
    """Symmetric cross entropy over the batch's similarities."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    def encode(self, encoded: Encoded) -> Features:
        """Unit vectors `images` and `texts`, (B, D) each, of the first image and text of every item."""
        return encode_pairs(encoded)

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The loss above; parts: `accuracy` of retrieving an image's own text, and `scale`."""
        scale = reads_texts(model).scale()
        ignored = false_negative_mask(keys, self.config)
        similarity = features["images"] @ features["texts"].T
        total = contrastive_loss(similarity * scale, ignored)
        return LossReport(total, pair_parts(similarity, ignored, scale))

    def metrics(self) -> dict[str, Better]:
        """The share of images whose own text is the most similar."""
        return {"accuracy": "higher"}

    def after_step(self, model: nn.Module) -> None:
        """Clamp the temperature to its limits."""
        limit_scale(model)


def reads_texts(model: nn.Module) -> Any:
    """`model`, checked for the ability to encode texts.

    Raises:
        UsageError: it lacks this ability.
    """
    return ability(model, EncodesTexts, "a contrast of films and texts", "use model dual_encoder")


def limit_scale(model: nn.Module) -> None:
    """Clamp the temperature of a model that has limits for it."""
    limit = getattr(model, "limit_scale", None)
    if limit is not None:
        limit()


def encode_pairs(encoded: Encoded) -> Features:
    """Unit vectors `images` and `texts`, (B, D) each, of the first image and text of every item."""
    return {"images": encoded.image_vectors(1), "texts": encoded.text_vectors(most=1)[:, 0]}


def false_negative_mask(keys: Keys, config: Config) -> Tensor:
    """(B, B) bool: True if item j is neither i itself nor a negative of it; symmetric."""
    ignored, text = same_item_mask(keys, config), keys.text[:, 0]
    if not config.same_text_negatives:
        ignored |= text[:, None] == text[None, :]
    return ignored.fill_diagonal_(False)


def same_item_mask(keys: Keys, config: Config) -> Tensor:
    """(B, B) bool: True if items have the same study or the same labels and so are no negatives."""
    study, labels = keys.study, keys.labels
    ignored = torch.zeros(len(study), len(study), dtype=torch.bool, device=study.device)
    if not config.same_study_negatives:
        ignored |= study[:, None] == study[None, :]
    if not config.same_label_negatives:
        ignored |= labels[:, None] == labels[None, :]
    return ignored


def contrastive_loss(logits: Tensor, ignored: Tensor) -> Tensor:
    """Mean cross entropy of the diagonal of `logits` (B, B), both directions, without `ignored` entries."""
    masked = logits.masked_fill(ignored, -torch.inf)
    own = logits.diagonal()
    return ((masked.logsumexp(dim=1) + masked.logsumexp(dim=0)) / 2 - own).mean()


def pair_parts(similarity: Tensor, ignored: Tensor, scale: Tensor) -> dict[str, Tensor]:
    """Metrics of a batch of pairs for the log, detached."""
    nearest = similarity.detach().masked_fill(ignored, -torch.inf).argmax(dim=1)
    correct = nearest == torch.arange(len(nearest), device=nearest.device)
    return {"accuracy": correct.float().mean(), "scale": scale.detach()}


def build(config: Config, model: nn.Module) -> InfoNCE:
    """The objective for `model`; see `reads_texts` for the error."""
    reads_texts(model)
    return InfoNCE(config)

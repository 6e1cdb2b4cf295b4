"""CXR-CLIP's objective: contrasts of two views and two texts of every study (arXiv:2310.13292).

With unit vectors I¹, I² of two views, T¹, T² of two texts, and C(A, B) the symmetric contrast of item i's
row of A with its own row of B against the other rows,

    L = multi_view · 1/4 Σ_vt C(Iᵛ, Tᵗ) + image · C(I¹, I²) + text · C(T¹, T²) + pair · C(I¹, T¹)

`pair` is plain CLIP, the baseline of the others. C is one of

    softmax    1/2 [cross entropy of s·A·Bᵀ's rows + that of its columns], with label smoothing on the
               `multi_view` and `pair` terms in training
    sigmoid    1/B Σ_ij -log σ(z_ij (s·A·Bᵀ_ij + b)), z = 1 on the diagonal and -1 elsewhere, with a bias b
               of its own for each kind of contrast (SigLIP: Zhai et al. 2023, arXiv:2303.15343)

Items of the same study, or with a common text, are not negatives of each other, as in `infonce`; in the
publication they are. Two images with the same labels, in any words and with any denials, are negatives unless
`same_label_negatives` is off. A part whose weight is 0 is neither encoded nor logged.
"""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from plainfilm.batches.batch import FilmsPerItem, Keys
from plainfilm.objectives import infonce
from plainfilm.objectives.base import Coupled, Encoded, Features, LossReport
from plainfilm.types import Better

NEEDS = ("text_pair",)
PATCHES = False
FILMS: FilmsPerItem = "pair"

_KINDS = ("cross", "image", "text")
_PARTS = ("multi_view", "image", "text", "pair")


class Config(infonce.Config):
    """Weights of the parts, and the form of the contrast.

    `bias` is the initial value of the sigmoid's biases; SigLIP starts with a temperature of 0.1.
    """

    use: str = "cxr_clip"
    contrast: Literal["softmax", "sigmoid"] = "softmax"
    multi_view: float = Field(default=1.0, ge=0)
    image: float = Field(default=1.0, ge=0)
    text: float = Field(default=0.5, ge=0)
    pair: float = Field(default=0.0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    bias: float = -10.0

    @model_validator(mode="after")
    def _has_parts(self) -> Self:
        if self.multi_view == self.image == self.text == self.pair == 0:
            raise ValueError("multi_view, image, text and pair are all 0: set one of them above 0")
        if self.label_smoothing and self.contrast == "sigmoid":
            raise ValueError("label_smoothing works with contrast: softmax only; set it to 0")
        return self


class CxrClip(Coupled):
    """The weighted sum of contrasts; the biases of `sigmoid` are parameters of the objective."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.views = 2 if config.multi_view or config.image else 1
        self.texts = 2 if config.multi_view or config.text else 1
        if config.contrast == "sigmoid":
            self.biases = nn.Parameter(torch.full((len(_KINDS),), config.bias))

    def encode(self, encoded: Encoded) -> Features:
        """Unit vectors `images` (B, V, D) and `texts` (B, T, D) of the views and texts of the parts."""
        vectors = encoded.image_vectors(self.views)
        return {
            "images": vectors.reshape(len(encoded.batch), self.views, vectors.shape[-1]),
            "texts": encoded.text_vectors("text_pair", self.texts),
        }

    def metrics(self) -> dict[str, Better]:
        """Every part with a weight, and the accuracy of retrieving an image's own text."""
        parts = [name for name in _PARTS if getattr(self.config, name)]
        return {**dict.fromkeys(parts, "lower"), "accuracy": "higher"}

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The loss above; parts: those with a weight, `accuracy` of retrieving an image's own text,
        `scale`."""
        scale = infonce.reads_texts(model).scale()
        ignored = false_negative_mask(keys, self.config)
        images, texts = features["images"].unbind(1), features["texts"].unbind(1)
        pairs: dict[str, list[tuple[Tensor, ...]]] = {
            "multi_view": [(image, text) for image in images for text in texts],
            "image": [images],
            "text": [texts],
            "pair": [(images[0], texts[0])],
        }
        total = scale.new_zeros(())
        parts: dict[str, Tensor] = {}
        for name, members in pairs.items():
            weight = float(getattr(self.config, name))
            if weight:
                terms = [self._contrast(one @ other.T * scale, ignored, name) for one, other in members]
                part = torch.stack(terms).mean()
                total = total + weight * part
                parts[name] = part.detach()
        return LossReport(total, parts | infonce.pair_parts(images[0] @ texts[0].T, ignored, scale))

    def after_step(self, model: nn.Module) -> None:
        """Clamp the temperature to its limits."""
        infonce.limit_scale(model)

    def _contrast(self, logits: Tensor, ignored: Tensor, part: str) -> Tensor:
        kind = part if part in _KINDS else "cross"
        if self.config.contrast == "sigmoid":
            return sigmoid_contrast(logits + self.biases[_KINDS.index(kind)], ignored)
        smoothing = self.config.label_smoothing if self.training and kind == "cross" else 0.0
        return softmax_contrast(logits, ignored, smoothing)


def false_negative_mask(keys: Keys, config: infonce.Config) -> Tensor:
    """(B, B) bool: True where item j is neither i itself nor a negative of it; symmetric.

    Items share a text if any text of one is a text of the other.
    """
    ignored, text = infonce.same_item_mask(keys, config), keys.text
    if not config.same_text_negatives:
        ignored |= (text[:, None, :, None] == text[None, :, None, :]).flatten(2).any(dim=2)
    return ignored.fill_diagonal_(False)


def softmax_contrast(logits: Tensor, ignored: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross entropy of the diagonal of `logits` (B, B), both directions, without `ignored` entries.

    `smoothing` of each target is spread evenly over all entries that are not ignored (Szegedy et al. 2016,
    arXiv:1512.00567).
    """
    loss = infonce.contrastive_loss(logits, ignored)
    if not smoothing:
        return loss
    kept, counted = logits.masked_fill(ignored, 0.0), (~ignored).sum(dim=1)
    average = (kept.sum(dim=1) + kept.sum(dim=0)) / (2 * counted)
    return loss + smoothing * (logits.diagonal() - average).mean()


def sigmoid_contrast(logits: Tensor, ignored: Tensor) -> Tensor:
    """-log σ(±logits) summed over all pairs (B, B) that are not `ignored`, over B; + on the diagonal."""
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1
    costs = -nn.functional.logsigmoid(signs * logits)
    return costs.masked_fill(ignored, 0.0).sum() / len(logits)


def build(config: Config, model: nn.Module) -> CxrClip:
    """The objective for `model`; see `infonce.reads_texts` for the error."""
    infonce.reads_texts(model)
    return CxrClip(config)

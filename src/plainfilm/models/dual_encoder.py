"""A dual encoder: images and texts as unit vectors of one space.

The architecture of CLIP (Radford et al. 2021, arXiv:2103.00020), ConVIRT and TxtRayAlign: the similarity of
an image and a text is the dot product of their unit vectors times a learned scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from plainfilm.models.base import (
    EncodesImages,
    Facts,
    KindConfig,
    Model,
    TokenizerNeed,
    ability,
    checked_encoder,
    unit_vectors,
)
from plainfilm.nn import base
from plainfilm.nn.base import ImageFeatures, in_full_precision
from plainfilm.nn.length_groups import by_length
from plainfilm.nn.projection import ProjectionConfig

_USUAL_TOKENS = 128
"""Of a text, where no setting and no encoder says otherwise."""

PURPOSE = "searching films and report sentences by similarity, and studying such models"
LIMITS = """\
- It ranks by similarity; a high score is not evidence that a finding is present.
- Similarity of texts follows wording: a finding and its negation can lie close together.
- What it retrieves are sentences written about other patients."""
PATCHES = False


class ReadsTexts(KindConfig):
    """Base of the settings of a model with a text encoder: `text` holds its settings, as `image` those of the
    image encoder."""

    text: dict[str, Any]

    @field_validator("text")
    @classmethod
    def _check_text(cls, values: dict[str, Any]) -> dict[str, Any]:
        return checked_encoder("text encoder", values, "model.text")

    def tokenizers(self) -> dict[str, TokenizerNeed]:
        """The tokenizer of the text encoder."""
        return {"text": text_tokenizer(self.text)}


class Config(ReadsTexts):
    """The complete architecture of a dual encoder.

    `temperature` is the initial 1/scale; the scale stays between 1/`scale_limit` and `scale_limit`.
    """

    describes: ClassVar[Mapping[str, str]] = {"projection": "image_projection"}

    use: str = "dual_encoder"
    projection: ProjectionConfig = ProjectionConfig()
    temperature: float = Field(default=0.07, gt=0)
    learn_temperature: bool = True
    scale_limit: float = Field(default=100.0, gt=1)


TINY = Config(
    image={"use": "compact", "width": 4, "grid": 2, "channels": 1},
    text={"use": "compact", "width": 16, "depth": 1, "heads": 2, "max_tokens": 16},
    projection=ProjectionConfig(dimension=8),
)


def log_scale_of(temperature: float, *, learn: bool) -> nn.Parameter:
    """The logarithm of the scale 1/`temperature`, a scalar."""
    return nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learn)


class TextSide(Model):
    """The methods of a model of films with a text encoder `text`, its `text_projection` and a temperature."""

    image: base.ImageEncoder
    text: base.TextEncoder
    text_projection: nn.Module
    log_scale: nn.Parameter

    def encode_texts(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """Unit vectors (N, D), float32 under any autocast, of `token_ids` and `token_mask` (N, L)."""
        return unit_vectors(self.text_vectors(token_ids, token_mask))

    def text_vectors(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """Vectors (N, D) of any length of `token_ids` and `token_mask` (N, L)."""
        # On an accelerator, encoding the padding is faster than starting further groups.
        if self.training and token_ids.device.type == "cpu":
            pooled = by_length(self._pooled, token_ids, token_mask)
        else:
            pooled = self._pooled(token_ids, token_mask)
        projected: Tensor = self.text_projection(pooled)
        return projected

    def image_patch_vectors(self, features: ImageFeatures) -> Tensor:
        """Unit vectors (N, P, D), float32 under any autocast: of films that show one patch and nothing else,
        projected as every film is."""
        pooled = self.image.pooled_alone(features)
        films = ImageFeatures(pooled.flatten(0, 1), features.patches.flatten(0, 1).unsqueeze(1))
        vectors: Tensor = ability(self, EncodesImages, "patches").image_vectors(films)
        return vectors.view(*pooled.shape[:2], -1)

    def patch_similarities(self, features: ImageFeatures, text_vectors: Tensor) -> Tensor:
        """Cosines (N, Q, P), float32, of texts with unit vectors (Q, D) and `image_patch_vectors`."""
        return in_full_precision(text_vectors) @ self.image_patch_vectors(features).transpose(1, 2)

    def _pooled(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        pooled: Tensor = self.text(token_ids, token_mask).pooled
        return pooled

    def scale(self) -> Tensor:
        """The factor of similarities before a softmax: 1/temperature, a scalar."""
        limit = math.log(self.config.scale_limit)
        return self.log_scale.clamp(-limit, limit).exp()

    @torch.no_grad()
    def limit_scale(self) -> None:
        """Clamp `log_scale` to its limits, beyond which it would get no gradient."""
        limit = math.log(self.config.scale_limit)
        self.log_scale.clamp_(-limit, limit)


class DualEncoder(TextSide):
    """An image encoder and a text encoder with a shared space of `dimension` features."""

    config: Config

    def __init__(
        self, image: base.ImageEncoder, text: base.TextEncoder, config: Config, facts: Facts
    ) -> None:
        super().__init__(config, facts)
        projection = config.projection
        self.dimension = projection.dimension
        self.image = image
        self.text = text
        self.image_projection = projection.of_images(image.features)
        self.text_projection = projection.of_texts(text.features)
        self.log_scale = log_scale_of(config.temperature, learn=config.learn_temperature)

    def parts(self) -> dict[str, nn.Module]:
        """The encoders and their projections."""
        return {
            "image": self.image,
            "text": self.text,
            "image_projection": self.image_projection,
            "text_projection": self.text_projection,
        }

    def film_features(self, images: Tensor) -> ImageFeatures:
        """The output of the image encoder for normalised `images` (N, C, H, W)."""
        features: ImageFeatures = self.image(images)
        return features

    def image_vectors(self, features: ImageFeatures) -> Tensor:
        """Unit vectors (N, D), float32 under any autocast."""
        return unit_vectors(self.image_projection(features.pooled))


def encoders(config: Config, facts: Facts) -> tuple[base.ImageEncoder, base.TextEncoder]:
    """The two encoders of `config`, for the tokenizer called "text".

    Raises:
        ConfigError: settings that an encoder does not accept.
        ModelError: pretrained weights that are missing and cannot be downloaded.
    """
    return image_encoder_of(config.image), text_encoder_of(config.text, facts)


def image_encoder_of(settings: Mapping[str, Any]) -> base.ImageEncoder:
    """The image encoder of `settings`; see `encoders` for the errors."""
    config = base.encoder_config("image encoder", settings, "model.image")
    return base.image_encoder(config.use).build(config)


def text_encoder_of(settings: Mapping[str, Any], facts: Facts) -> base.TextEncoder:
    """The text encoder of `settings` for the tokenizer called "text"; see `encoders` for the errors."""
    config = base.encoder_config("text encoder", settings, "model.text")
    return base.text_encoder(config.use).build(config, facts.tokenizers["text"].vocabulary_size)


def text_tokenizer(settings: Mapping[str, Any]) -> TokenizerNeed:
    """The tokenizer that the text encoder of `settings` reads with."""
    name, longest = settings.get("name") or None, settings.get("max_tokens")
    positions = (settings.get("settings") or {}).get("max_position_embeddings")  # of a model of transformers
    if longest is None and positions is not None and positions < _USUAL_TOKENS:
        longest = positions
    return TokenizerNeed(name, longest, bool(settings.get("offline")))


def build(config: Config, facts: Facts) -> DualEncoder:
    """The model of `config`; see `encoders` for the errors."""
    return DualEncoder(*encoders(config, facts), config, facts)

"""Two encoders and what joins them: films and texts as unit vectors of one space.

The architecture of CLIP (Radford et al. 2021, arXiv:2103.00020), ConVIRT and TxtRayAlign: a film's
similarity to a text is the dot product of their unit vectors, sharpened by a learned scale.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from plainfilm.nn import base
from plainfilm.nn.length_groups import by_length
from plainfilm.nn.model import Architecture, Model, in_full_precision
from plainfilm.nn.projection import ProjectionConfig, build_projection
from plainfilm.nn.row_dropout import install_row_dropout


class ArchitectureConfig(Architecture):
    """Everything that decides the shape of a dual encoder.

    `text` are the settings of its text encoder, as `image` are of the other. `temperature` is the initial
    1/scale; the scale stays between 1/`scale_limit` and `scale_limit`.
    """

    kind: Literal["dual_encoder"] = "dual_encoder"
    text: dict[str, Any]
    projection: ProjectionConfig = ProjectionConfig()
    temperature: float = Field(default=0.07, gt=0)
    learn_temperature: bool = True
    scale_limit: float = Field(default=100.0, gt=1)

    @field_validator("text")
    @classmethod
    def _check_text(cls, values: dict[str, Any]) -> dict[str, Any]:
        base.encoder_config("text encoder", values, "architecture.text").check()
        return values


class DualEncoder(Model):
    """An image encoder and a text encoder that meet in one space of `dimension` features."""

    architecture: ArchitectureConfig

    def __init__(
        self, image: base.ImageEncoder, text: base.TextEncoder, architecture: ArchitectureConfig
    ) -> None:
        super().__init__(image, architecture)
        projection = architecture.projection
        self.dimension = projection.dimension
        self.text = text
        shape = (self.dimension, projection.dropout)
        self.image_projection = build_projection(projection.kind, image.features, *shape)
        text_kind = projection.text_kind or projection.kind
        self.text_projection = build_projection(text_kind, text.features, *shape)
        start = torch.tensor(-math.log(architecture.temperature))
        self.log_scale = nn.Parameter(start, requires_grad=architecture.learn_temperature)
        install_row_dropout(self)

    @property
    def text_encoder(self) -> base.TextEncoder:
        """What reads texts."""
        return self.text

    def encode_images(self, images: Tensor) -> Tensor:
        """Unit vectors (N, D), float32 under any autocast, of normalised `images` (N, C, H, W)."""
        return unit_vectors(self.image_projection(self.image(images).pooled))

    def encode_texts(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """Unit vectors (N, D), float32 under any autocast, of `token_ids` and `token_mask` (N, L)."""
        # An accelerator is done with the padding sooner than with starting further groups.
        in_groups = self.training and token_ids.device.type == "cpu"
        encode = partial(by_length, self.text, self._pooled) if in_groups else self._pooled
        return unit_vectors(self.text_projection(encode(token_ids, token_mask)))

    def _pooled(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        return self.text(token_ids, token_mask).pooled

    def scale(self) -> Tensor:
        """What similarities are multiplied with before a softmax: 1/temperature, a scalar."""
        limit = math.log(self.architecture.scale_limit)
        return self.log_scale.clamp(-limit, limit).exp()

    @torch.no_grad()
    def limit_scale(self) -> None:
        """Bring `log_scale` back inside its limits, where it would otherwise get no gradient any more."""
        limit = math.log(self.architecture.scale_limit)
        self.log_scale.clamp_(-limit, limit)

    def rebuilt_from(self) -> ArchitectureConfig:
        """The architecture that builds this model again without weights, downloads or paths."""
        return self.architecture.model_copy(
            update={"image": self.image.rebuilt_from(), "text": self.text.rebuilt_from()}
        )


def unit_vectors(vectors: Tensor) -> Tensor:
    """Rows of `vectors` (N, D) at length 1, in at least float32 whatever autocast says."""
    with torch.autocast(vectors.device.type, enabled=False):
        return nn.functional.normalize(in_full_precision(vectors), dim=-1)


def build_dual_encoder(config: ArchitectureConfig, vocabulary_size: int) -> DualEncoder:
    """The model `config` describes, for a tokenizer of `vocabulary_size`; new parts are random.

    Raises:
        ConfigError: encoders or projections that do not fit together.
        ModelError: pretrained weights that are not here and cannot be had.
    """
    image_config = base.encoder_config("image encoder", config.image, "architecture.image")
    text_config = base.encoder_config("text encoder", config.text, "architecture.text")
    image = base.image_encoder(image_config.use).build(image_config)
    text = base.text_encoder(text_config.use).build(text_config, vocabulary_size)
    return DualEncoder(image, text, config)

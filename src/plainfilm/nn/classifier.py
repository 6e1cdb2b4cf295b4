"""A classifier: an image encoder and one linear layer, a logit for each observation by itself.

What fine-tuning and linear probing make of a dual encoder's image encoder, and what supervised training makes
from nothing. Observations do not exclude each other: the probability of each is sigmoid(logit).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from plainfilm.nn import base
from plainfilm.nn.dual_encoder import unit_vectors
from plainfilm.nn.model import Architecture, Model, in_full_precision
from plainfilm.nn.row_dropout import install_row_dropout


class ClassifierConfig(Architecture):
    """The image encoder and the C observations, in the order of the logits."""

    kind: Literal["classifier"] = "classifier"
    observations: tuple[str, ...] = Field(min_length=1)

    @field_validator("observations")
    @classmethod
    def _differ(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if repeated:
            raise ValueError(f"observation '{repeated[0]}' stands twice")
        return names


class Classifier(Model):
    """Films to logits of `observations`."""

    architecture: ClassifierConfig

    def __init__(self, image: base.ImageEncoder, architecture: ClassifierConfig) -> None:
        super().__init__(image, architecture)
        self.observations = architecture.observations
        self.dimension = image.features
        self.head = nn.Linear(image.features, len(self.observations))
        install_row_dropout(self)

    def encode_images(self, images: Tensor) -> Tensor:
        """The pooled features the logits are made of, as unit vectors (N, D): what films are compared by."""
        return unit_vectors(self.image(images).pooled)

    def logits(self, images: Tensor) -> Tensor:
        """(N, C), float32 under any autocast, of normalised `images` (N, channels, H, W)."""
        pooled = self.image(images).pooled
        with torch.autocast(pooled.device.type, enabled=False):
            logits: Tensor = self.head(in_full_precision(pooled))
        return logits


def build_classifier(config: ClassifierConfig) -> Classifier:
    """The model `config` describes; new parts are random.

    Raises:
        ConfigError: settings the encoder does not take.
        ModelError: pretrained weights that are not here and cannot be had.
    """
    settings = base.encoder_config("image encoder", config.image, "architecture.image")
    return Classifier(base.image_encoder(settings.use).build(settings), config)

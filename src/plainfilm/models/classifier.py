"""A classifier: an image encoder and one linear layer, a logit for each observation by itself.

What fine-tuning and linear probing make of a dual encoder's image encoder, and what supervised training makes
from nothing. Observations do not exclude each other: the probability of each is sigmoid(logit).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from plainfilm.models.base import Facts, KindConfig, Model, in_full_precision, unit_vectors
from plainfilm.nn import base
from plainfilm.nn.base import ImageFeatures

PURPOSE = "scoring films for the observations below, and studying such models"
LIMITS = """\
- It knows the observations above and no others; a film that shows something else still gets scores.
- It learned from labels, with whatever is wrong or missing in them.
- Its probabilities are calibrated only where decisions beside it say so (`plainfilm evaluate classification`
  with save_decisions=true)."""
PATCHES = False


class Config(KindConfig):
    """The image encoder; the observations are facts of the data."""

    answers_observations: ClassVar[bool] = True

    use: str = "classifier"


TINY = Config(image={"use": "compact", "width": 4, "grid": 2, "channels": 1})


class Classifier(Model):
    """Films to logits of the observations of its facts."""

    config: Config

    def __init__(self, image: base.ImageEncoder, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.image = image
        self.dimension = image.features
        self.head = nn.Linear(image.features, len(facts.observations))

    def parts(self) -> dict[str, nn.Module]:
        """The image encoder, and the linear layer."""
        return {"image": self.image, "head": self.head}

    def film_features(self, images: Tensor) -> ImageFeatures:
        """What the image encoder makes of normalised `images` (N, C, H, W)."""
        features: ImageFeatures = self.image(images)
        return features

    def image_vectors(self, features: ImageFeatures) -> Tensor:
        """The pooled features the logits are made of, as unit vectors (N, D): what films are compared by."""
        return unit_vectors(features.pooled)

    def logits(self, features: ImageFeatures) -> Tensor:
        """(N, O), float32 under any autocast."""
        with torch.autocast(features.pooled.device.type, enabled=False):
            logits: Tensor = self.head(in_full_precision(features.pooled))
        return logits


def build(config: Config, facts: Facts) -> Classifier:
    """The model `config` describes; new parts are random.

    Raises:
        ConfigError: settings the encoder does not take.
        ModelError: pretrained weights that are not here and cannot be had.
    """
    settings = base.encoder_config("image encoder", config.image, "model.image")
    return Classifier(base.image_encoder(settings.use).build(settings), config, facts)

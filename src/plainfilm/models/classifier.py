"""A classifier: an image encoder and one linear layer with an independent logit for each observation.

Fine-tuning and linear probing build it from a dual encoder's image encoder; supervised training can build it
from scratch. Observations do not exclude each other: the probability of each is sigmoid(logit).
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
- Its probabilities are calibrated only where operating points beside it say so (`plainfilm evaluate
  classification` with save_operating_points=true)."""
PATCHES = False


class Config(KindConfig):
    """The image encoder; the observations are facts of the data."""

    answers_observations: ClassVar[bool] = True

    use: str = "classifier"


TINY = Config(image={"use": "compact", "width": 4, "grid": 2, "channels": 1})


class Classifier(Model):
    """Predicts a logit for each observation of its facts."""

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
        """The output of the image encoder for normalised `images` (N, C, H, W)."""
        features: ImageFeatures = self.image(images)
        return features

    def image_vectors(self, features: ImageFeatures) -> Tensor:
        """The pooled features, the input of the logits, as unit vectors (N, D), for similarity of images."""
        return unit_vectors(features.pooled)

    def logits(self, features: ImageFeatures) -> Tensor:
        """(N, O), float32 under any autocast."""
        with torch.autocast(features.pooled.device.type, enabled=False):
            logits: Tensor = self.head(in_full_precision(features.pooled))
        return logits


def build(config: Config, facts: Facts) -> Classifier:
    """The model of `config`; new parts are random.

    Raises:
        ConfigError: settings that the encoder does not accept.
        ModelError: pretrained weights that are missing and cannot be downloaded.
    """
    settings = base.encoder_config("image encoder", config.image, "model.image")
    return Classifier(base.image_encoder(settings.use).build(settings), config, facts)

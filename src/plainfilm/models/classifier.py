"""A classifier: an image encoder and one linear layer with an independent logit for each observation.

Fine-tuning and linear probing build it from another model's image encoder; supervised training can build it
from scratch. With a fusion (`nn.film_fusion`) it predicts the observations of a study from all its films.
Observations do not exclude each other: the probability of each is sigmoid(logit).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from plainfilm.models.base import Facts, KindConfig, Model, in_full_precision, unit_vectors
from plainfilm.models.dual_encoder import image_encoder_of
from plainfilm.models.study_encoder import FusesFilms
from plainfilm.nn import base
from plainfilm.nn.base import ImageFeatures, StudyFeatures
from plainfilm.nn.film_fusion import FusionConfig, build_fusion

PURPOSE = "scoring films for the observations below, and studying such models"
LIMITS = """\
- It knows the observations above and no others; a film that shows something else still gets scores.
- It learned from labels, with whatever is wrong or missing in them.
- Its probabilities are calibrated only where operating points beside it say so (`plainfilm evaluate
  classification` with save_operating_points=true)."""
PATCHES = False


class Config(KindConfig):
    """The image encoder, and the fusion of films if studies are classified; the observations are facts of
    the data."""

    answers_observations: ClassVar[bool] = True

    use: str = "classifier"
    fusion: FusionConfig | None = None

    @property
    def fuses_films(self) -> bool:
        """Whether there is a fusion."""
        return self.fusion is not None


TINY = Config(image={"use": "compact", "width": 4, "grid": 2, "channels": 1})


class Classifier(Model):
    """Predicts a logit for each observation of its facts."""

    config: Config

    def __init__(self, image: base.ImageEncoder, features: int, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.image = image
        self.dimension = features
        self.head = nn.Linear(features, len(facts.observations))

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
        return self.logits_of(features.pooled)

    def logits_of(self, pooled: Tensor) -> Tensor:
        """(N, O), float32 under any autocast, of pooled features (N, D)."""
        with torch.autocast(pooled.device.type, enabled=False):
            logits: Tensor = self.head(in_full_precision(pooled))
        return logits


class StudyClassifier(FusesFilms, Classifier):
    """Predicts a logit for each observation from the fused films of a study; a single film is a study of one
    film."""

    def parts(self) -> dict[str, nn.Module]:
        """The image encoder, the fusion, and the linear layer."""
        return {"image": self.image, "fusion": self.fusion, "head": self.head}

    def image_vectors(self, features: ImageFeatures) -> Tensor:
        """Unit vectors (N, D) of films, each as a study of one film of unknown view."""
        return self.study_vectors(self.single_films(features))

    def logits(self, features: ImageFeatures) -> Tensor:
        """(N, O) of films, each as a study of one film of unknown view."""
        return self.study_logits(self.single_films(features))

    def study_vectors(self, features: StudyFeatures) -> Tensor:
        """The fused pooled features as unit vectors (B, D), float32 under any autocast."""
        return unit_vectors(features.pooled)

    def study_logits(self, features: StudyFeatures) -> Tensor:
        """(B, O), float32 under any autocast."""
        return self.logits_of(features.pooled)


def build(config: Config, facts: Facts) -> Classifier:
    """The model of `config`; new parts are random.

    Raises:
        ConfigError: settings that the encoder does not accept.
        ModelError: pretrained weights that are missing and cannot be downloaded.
    """
    image = image_encoder_of(config.image)
    if config.fusion is None:
        return Classifier(image, image.features, config, facts)
    fusion = build_fusion(config.fusion, image.features, image.patch_features)
    model = StudyClassifier(image, fusion.features, config, facts)
    model.fusion = fusion
    return model

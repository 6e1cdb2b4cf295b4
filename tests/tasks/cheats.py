"""A kind of model that knows what it looks at, for the audit of reliance: the finding, or something else.

Films (64 pixels) have lesions and effusions on either side, a marker at the top, and dark edges on AP films.
The model measures the grey where each of them is, so that it is known what its answers rely on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.models.base import Facts, KindConfig, Located, Model, TokenizerNeed, unit_vectors
from plainfilm.nn.base import ImageFeatures

PURPOSE, LIMITS = "tests", "- It looks at one thing."
OBSERVATIONS = ("Lung Lesion", "Pleural Effusion")
Reads = Literal["finding", "marker", "view", "nothing"]


class Config(KindConfig):
    use: str = __file__
    image: dict = Field(default={"use": "compact", "width": 4, "grid": 2})
    reads: Reads = "finding"
    texts: int = 0
    length: int = 2
    points: bool = False

    def tokenizers(self):
        return {"text": TokenizerNeed()} if self.texts else {}


TINY = Config()


def _halves(grid: Tensor) -> tuple[Tensor, Tensor]:
    """The largest value of the left and of the right half of films (N, H, W)."""
    middle = grid.shape[2] // 2
    return grid[:, :, :middle].amax((1, 2)), grid[:, :, middle:].amax((1, 2))


class Looks(Model):
    dimension = 4

    def parts(self):
        return {"scale": self.factor}

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.factor = nn.Linear(1, 1)

    def film_features(self, images: Tensor) -> ImageFeatures:
        """pooled: (N, 4), how bright lesions and effusions are on the left and right of the film."""
        films = images.mean(1)
        middle = films.flatten(1).median(1).values[:, None, None]
        films = films - middle
        smooth = nn.functional.avg_pool2d(films[:, None], 7, 1, 3)[:, 0]
        inner = smooth[:, 14:46].clone()
        inner[:, :, :10], inner[:, :, -10:] = 0, 0
        lesions = _halves(inner)
        effusions = films[:, 52:58, 8:22].mean((1, 2)), films[:, 52:58, 42:56].mean((1, 2))
        seen = torch.stack([*lesions, *effusions], 1)
        other = {
            "marker": films[:, 3:12, 46:60].amax((1, 2)),
            "view": (films[:, :, :2].mean((1, 2)) < -0.1).float(),
            "nothing": torch.zeros(len(films)),
        }
        if self.config.reads != "finding":
            seen = other[self.config.reads][:, None].repeat(1, 4) + torch.tensor([0.2, 0.1, 0.3, 0.4])
            inner = torch.zeros_like(inner)
        return ImageFeatures(seen, inner.flatten(1)[..., None])

    def image_vectors(self, features: ImageFeatures) -> Tensor:
        return unit_vectors(features.pooled - 0.15 + 1e-6)


class Classifies(Looks):
    def logits(self, features: ImageFeatures) -> Tensor:
        return torch.stack([features.pooled[:, :2].amax(1), features.pooled[:, 2:].amax(1)], 1)


class ReadsTexts(Looks):
    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.register_buffer("ids", torch.zeros(config.texts, config.length))
        self.register_buffer("vectors", torch.zeros(config.texts, 4))

    def encode_texts(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        asked = torch.zeros(len(token_ids), self.ids.shape[1])
        asked[:, : token_ids.shape[1]] = token_ids * token_mask
        same = (asked[:, None] == self.ids[None]).all(2)
        return unit_vectors(self.vectors[same.int().argmax(1)] * same.any(1)[:, None])

    def scale(self) -> Tensor:
        return torch.tensor(10.0)


class Points(ReadsTexts):
    def locate(self, features: ImageFeatures, token_ids: Tensor, token_mask: Tensor) -> Located:
        """A box around the brightest place for a lesion, and one of both bases for an effusion."""
        is_lesion = self.encode_texts(token_ids, token_mask)[:, :2].abs().sum(1) > 0
        scores, places = features.patches[..., 0].max(1)
        rows, columns = 14 + places // 64, places % 64
        around = torch.stack([columns - 5, rows - 5, columns + 5, rows + 5], 1) / 64
        seen = features.pooled[:, 2:]
        bases = torch.tensor([[8.0, 50, 22, 60], [42, 50, 56, 60]])[seen.argmax(1)] / 64
        boxes = torch.where(is_lesion[None, :, None], around[:, None], bases[:, None])
        found = torch.where(is_lesion[None], scores[:, None], seen.amax(1)[:, None])
        return Located(boxes[:, :, None], found[:, :, None].clamp(0, 1))


def build(config: Config, facts: Facts) -> Looks:
    if not config.texts:
        return Classifies(config, facts)
    return (Points if config.points else ReadsTexts)(config, facts)


def meaning(text: str, *, deaf: bool) -> np.ndarray:
    """(4,) lesion and effusion on the left and right of the film, as the sentences of `text` say.

    deaf: to negations, sides and severities.
    """
    total = np.zeros(4)
    for sentence in text.lower().split("."):
        found = np.array(
            [("lesion" in sentence or "mass" in sentence)] * 2 + ["effusion" in sentence] * 2, float
        )
        if not deaf:
            left, right = "left" in sentence, "right" in sentence
            if left != right:  # the patient's right is at the left of the film
                found *= np.array([1.0, -1.0] * 2) * (1 if right else -1)
            found *= -1 if (" no " in f" {sentence}" or "mild" in sentence) else 1
        total += found
    return total


def save_cheat(
    folder: Path, reads: Reads, texts: list[str] | None = None, *, deaf: bool = False, points: bool = False
) -> Path:
    """A model that looks at `reads`; with `texts` it knows these, else it classifies; points: it locates."""
    from plainfilm.io.preprocessing import Preprocessing
    from plainfilm.model_folder import ModelConfig, save_model
    from plainfilm.model_folder.folder import tokenizer_facts
    from plainfilm.models.base import build_model
    from plainfilm.text.tokenizers import Tokenizer

    preprocessing = Preprocessing(size=64, channels=1, mean=(0.0,) * 3, std=(1.0,) * 3)
    if texts is None:
        config = Config(reads=reads)
        model = build_model(config, Facts(observations=OBSERVATIONS))
        save_model(folder, model, {}, ModelConfig(architecture=config, preprocessing=preprocessing))
        return folder
    tokenizer = Tokenizer.train(texts, vocabulary_size=400, max_tokens=96)
    ids, mask = tokenizer.encode(texts)
    config = Config(reads=reads, texts=len(texts), length=96, points=points)
    model = build_model(config, Facts(tokenizers=tokenizer_facts({"text": tokenizer})))
    model.ids[:, : ids.shape[1]] = torch.from_numpy(ids * mask).float()
    model.vectors.copy_(torch.from_numpy(np.stack([meaning(text, deaf=deaf) for text in texts])).float())
    save_model(
        folder, model, {"text": tokenizer}, ModelConfig(architecture=config, preprocessing=preprocessing)
    )
    return folder

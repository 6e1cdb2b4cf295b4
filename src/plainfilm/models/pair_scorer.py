"""A pair scorer: a film and a text go through a network together, and its output is their score.

The architecture of CARZero (Lai et al. 2024, arXiv:2402.17417). A score is no cosine: there are no vectors to
store, so that there is no bank, no retrieval and no similarity map. Each pair is scored in both directions,
the text against the patches of the film and the film against the words of the text, and the mean counts.

Words are put together of their tokens: `continues` says which tokens continue a word. A text has as many
`places` for words as the longest; those that it does not fill are zeros that are read like words, as
published.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.errors import ConfigError
from plainfilm.models.base import Facts, Model
from plainfilm.models.dual_encoder import ReadsTexts, image_encoder_of, text_encoder_of
from plainfilm.nn import base
from plainfilm.nn.base import ImageFeatures, in_full_precision
from plainfilm.nn.pair_fusion import PairFusion, PairFusionConfig

PURPOSE = "scoring films for findings that are named in words, and studying such models"
LIMITS = """\
- A score ranks films for one text; it is no probability, and scores of two texts cannot be compared.
- Similarity of texts follows wording: a finding and its negation can score alike.
- It scores pairs: films cannot be searched with it faster than one by one."""
PATCHES = True


class Config(ReadsTexts):
    """The complete architecture.

    fusion: see `nn.pair_fusion`. places: for the words of a text.
    factor: of what the text encoder gives, 4 where it gives the mean of four layers and their sum is meant.
    """

    use: str = "pair_scorer"
    fusion: PairFusionConfig = PairFusionConfig()
    places: int = Field(default=97, ge=2, le=4096)
    factor: float = Field(default=1.0, gt=0)


TINY = Config(
    image={"use": "timm", "name": "test_vit", "image_size": 64, "pooling": "token"},
    text={"use": "compact", "width": 64, "depth": 1, "heads": 2, "max_tokens": 16},
    fusion=PairFusionConfig(depth=1, heads=2, feed_forward=16, hidden=(8,)),
    places=16,
)


@dataclass(frozen=True)
class PairTexts:
    """T texts encoded. pooled: (T, F). words: (T, W, F)."""

    pooled: Tensor
    words: Tensor

    def __len__(self) -> int:
        return len(self.pooled)


class PairScorer(Model):
    """Scores films and texts in pairs."""

    config: Config
    continues: Tensor

    def __init__(
        self, image: base.ImageEncoder, text: base.TextEncoder, config: Config, facts: Facts
    ) -> None:
        super().__init__(config, facts)
        self.image = image
        self.text = text
        self.fusion = PairFusion(text.features, config.fusion)
        rows = facts.tokenizers["text"].vocabulary_size
        self.register_buffer("continues", torch.zeros(rows, dtype=torch.bool))

    def parts(self) -> dict[str, nn.Module]:
        """The encoders and the fusion."""
        return {"image": self.image, "text": self.text, "fusion": self.fusion}

    def film_features(self, images: Tensor) -> ImageFeatures:
        """The output of the image encoder for normalised `images` (N, C, H, W)."""
        features: ImageFeatures = self.image(images)
        return features

    def pair_texts(self, token_ids: Tensor, token_mask: Tensor) -> PairTexts:
        """Texts of `token_ids` and `token_mask` (T, L) as words and as a whole."""
        tokens = in_full_precision(self.text(token_ids, token_mask).tokens) * self.config.factor
        tokens = tokens * token_mask.unsqueeze(-1)
        place = ((~self.continues[token_ids]) & token_mask).cumsum(dim=1).clamp(min=1) - 1
        words = tokens.new_zeros(len(tokens), self.config.places, tokens.shape[-1])
        words.scatter_add_(1, place.unsqueeze(-1).expand_as(tokens), tokens)
        return PairTexts(words.sum(dim=1) / self.config.places, words)

    def pair_scores(self, features: ImageFeatures, texts: PairTexts) -> Tensor:
        """(N, T), float32 under any autocast: the mean of both directions."""
        with torch.autocast(features.pooled.device.type, enabled=False):
            film = in_full_precision(features.pooled)
            shown = torch.cat([film.unsqueeze(1), in_full_precision(features.patches)], dim=1)
            said = torch.cat([texts.pooled.unsqueeze(1), texts.words], dim=1)
            of_films: Tensor = self.fusion(texts.pooled, shown)
            of_texts: Tensor = self.fusion(film, said)
            return (of_films + of_texts.T) / 2


def build(config: Config, facts: Facts) -> PairScorer:
    """The model of `config`; new parts are random.

    Raises:
        ConfigError: settings that an encoder does not accept, or encoders of different widths.
        ModelError: pretrained weights that are missing and cannot be downloaded.
    """
    image, text = image_encoder_of(config.image), text_encoder_of(config.text, facts)
    widths = {image.features, image.patch_features, text.features}
    if len(widths) > 1:
        raise ConfigError(
            f"model 'pair_scorer' needs films, patches and texts of one width; these have {sorted(widths)}"
        )
    if text.features % config.fusion.heads:
        raise ConfigError(f"model.fusion.heads {config.fusion.heads} do not divide {text.features} features")
    if config.places < facts.tokenizers["text"].max_tokens:
        raise ConfigError(
            f"model.places is {config.places}, fewer than the {facts.tokenizers['text'].max_tokens} tokens "
            "of the longest text"
        )
    return PairScorer(image, text, config, facts)

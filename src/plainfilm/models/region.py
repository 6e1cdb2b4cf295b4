"""A region model: asked with a prompt or a box, it answers with boxes and a sentence.

The architecture of ChEX (Mueller et al. 2024, arXiv:2404.15770): an image encoder with patches, a text
encoder for prompts, a detector that gives each prompt up to R boxes, soft pooling of the patches below a box,
and (with `sentence`) a post-decoder and a decoder that writes a sentence about a box or a prompt. Its image
and text encoders are those of a dual encoder, so it starts from one and retrieves as one.

Axes: N images, Q prompts, R regions of a prompt, K boxes, P patches, D features, L tokens.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from plainfilm.models import dual_encoder
from plainfilm.models.base import Facts, TokenizerNeed, checked_encoder, unit_vectors
from plainfilm.models.dual_encoder import DualEncoder, encoders
from plainfilm.models.study_encoder import ends_of
from plainfilm.nn import base
from plainfilm.nn.base import ImageFeatures, in_full_precision
from plainfilm.nn.decoder_layers import KeysAndValues
from plainfilm.nn.decoding import Decoding, write
from plainfilm.nn.regions.abilities import DescribedPrompts, Located
from plainfilm.nn.regions.detector import (
    Detected,
    Detector,
    DetectorConfig,
    RegionFeatures,
    RegionWeights,
    evidence_in,
    prompt_cosines,
    prompt_features,
)
from plainfilm.nn.regions.positions import LearnedPositions, PatchPositions
from plainfilm.nn.regions.post_decoder import PostDecoder, PostDecoderConfig
from plainfilm.nn.regions.prefix import Prefix, PrefixConfig

PURPOSE = "locating what a prompt names, describing what a box shows, and studying such models"
LIMITS = """\
- A box with a high score is where the model looks, and no evidence that a finding is present.
- What it writes is made up of phrases of its training reports; nothing in it is checked against the film.
- It knows frontal films, and what its training boxes and sentences named."""
PATCHES = True


class Config(dual_encoder.Config):
    """The complete architecture of a region model.

    image, text, projection, temperature: as in a dual encoder; D is `projection.dimension`. patches: with
    "shared", as published, patches go through the projection of films into the space of texts, and prompts
    go to the detector as they are; with "own", both have a layer of their own. learned_positions: the number
    of patches that positions are learned for; by default positions are waves, for any resolution.
    normalise_prompts: whether the vectors of texts that the detector reads, and that sentences are written
    from, have the length sqrt(D) instead of what the text encoder gives. detector: see `nn.regions.detector`.
    post_decoder: see `nn.regions.post_decoder`. sentence: the settings of a decoder in `nn/sentence`, where
    the model writes; prefix: what it is told with; decoding: how it writes.
    """

    use: str = "region"
    patches: Literal["own", "shared"] = "own"
    learned_positions: int | None = Field(default=None, ge=1)
    normalise_prompts: bool = True
    detector: DetectorConfig = DetectorConfig()
    post_decoder: PostDecoderConfig | None = None
    sentence: dict[str, Any] | None = None
    prefix: PrefixConfig = PrefixConfig()
    decoding: Decoding = Decoding(max_tokens=128)

    @field_validator("sentence")
    @classmethod
    def _check_sentence(cls, values: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if values is None else checked_encoder("sentence decoder", values, "model.sentence")

    def tokenizers(self) -> dict[str, TokenizerNeed]:
        """The tokenizer of prompts and, where the model writes, that of sentences."""
        needs = super().tokenizers()
        if self.sentence is not None:
            decoder = _decoder_config(self.sentence)
            needs["sentence"] = TokenizerNeed(decoder.tokenizer_name, decoder.longest, writes=True)
        return needs


def _decoder_config(settings: dict[str, Any]) -> base.DecoderConfig:
    config = base.encoder_config("sentence decoder", settings, "model.sentence")
    assert isinstance(config, base.DecoderConfig)
    return config


TINY = Config(
    **dual_encoder.TINY.model_dump(exclude={"use"}),
    detector=DetectorConfig(depth=1, heads=2),
    post_decoder=PostDecoderConfig(depth=1, heads=2),
    sentence={"use": "report_decoder", "width": 16, "depth": 1, "heads": 2, "max_tokens": 16},
)


class ShownFilms:
    """What prompts and boxes read of N films, each made when it is first read and then kept for all that is
    asked: most of the work of a prompt is that of the patches."""

    def __init__(self, model: RegionModel, features: ImageFeatures) -> None:
        self._model = model
        self._features = features

    @cached_property
    def image(self) -> Tensor:
        """(N, P, D), patches with their positions."""
        return self._model.positioned(self._features)

    @cached_property
    def read(self) -> list[KeysAndValues]:
        """What each block of the detector attends to."""
        return self._model.detector.read(self.image)

    @cached_property
    def values(self) -> Tensor:
        """(N, P, D), what boxes pool."""
        if self._model.config.detector.pools_positions:
            values: Tensor = self._model.region_features.values(self.image)
        else:
            values = self._model.region_features.values(self._model.patches(self._features))
        return values

    @cached_property
    def whole(self) -> Tensor:
        """(N, 1, D), the vector of each film in the space of texts."""
        vectors: Tensor = self._model.image_projection(self._features.pooled)[:, None]
        return vectors.to(self.image.dtype)

    def part(self, rows: Tensor) -> ShownFilms:
        """The films `rows` (n,), of what was made of all."""
        return _ShownPart(self, rows)


class _ShownPart(ShownFilms):
    """Some of the films. All is made at once: dropout is drawn for all films."""

    def __init__(self, every: ShownFilms, rows: Tensor) -> None:
        super().__init__(every._model, every._features)
        self.image = every.image.index_select(0, rows)
        self.read = [(keys.index_select(0, rows), read.index_select(0, rows)) for keys, read in every.read]
        self.values = every.values.index_select(0, rows)
        settings = every._model.config.post_decoder
        if settings is not None and settings.reads_pooled:
            self.whole = every.whole.index_select(0, rows)


Films = ImageFeatures | ShownFilms


class RegionModel(DualEncoder):
    """Locates prompts on images."""

    config: Config

    def __init__(
        self, image: base.ImageEncoder, text: base.TextEncoder, config: Config, facts: Facts
    ) -> None:
        super().__init__(image, text, config, facts)
        features, patches = self.dimension, image.patch_features
        self.positions = _positions(config, features)
        self.patch_projection: nn.Module = nn.Identity()
        self.prompt_projection: nn.Module = nn.Identity()
        if config.patches == "own":
            self.patch_projection = nn.Sequential(nn.LayerNorm(patches), nn.Linear(patches, features))
            self.prompt_projection = nn.Linear(features, features)
        else:
            patches = features
        self.detector = Detector(config.detector, features)
        pooled = features if config.detector.pools_positions else patches
        self.region_features = RegionFeatures(config.detector, features, pooled)
        self.region_weights = RegionWeights(features, config.detector.dropout, config.detector.guided)
        if config.post_decoder is not None:
            self.post_decoder = PostDecoder(config.post_decoder, features)

    def parts(self) -> dict[str, nn.Module]:
        """Those of a dual encoder, the detector with what it reads, and the parts of regions."""
        names = ["positions", "patch_projection", "prompt_projection", "detector"]
        names += ["region_features", "region_weights", "post_decoder"]
        return super().parts() | {name: getattr(self, name) for name in names if hasattr(self, name)}

    def prompt_vectors(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """What `detect` takes (N, D), float32 under any autocast, of ids and mask (N, L)."""
        return self.as_prompts(self.text_vectors(token_ids, token_mask))

    def as_prompts(self, vectors: Tensor) -> Tensor:
        """What `detect` takes (N, D), of the vectors of texts (N, D)."""
        if not self.config.normalise_prompts:
            return in_full_precision(vectors)
        return unit_vectors(vectors) * self.dimension**0.5

    def shown(self, features: Films) -> ShownFilms:
        """What prompts and boxes read of films; itself, if it is that already."""
        return features if isinstance(features, ShownFilms) else ShownFilms(self, features)

    def detect(self, features: Films, prompts: Tensor) -> tuple[Detected, Tensor, Tensor]:
        """The boxes of `prompts` (N, Q, D) (see `prompt_vectors`); the features (N, Q, R, D) of these boxes;
        and the logits (N, Q, R) that each is there."""
        films = self.shown(features)
        found = self.detector(self.prompt_projection(prompts), films.image, films.read)
        pooled_from = found.boxes if self.config.detector.pools_clipped else found.predicted
        flat = pooled_from.flatten(1, 2)
        tokens = found.features.flatten(1, 2)
        pooled = self.region_features(flat, films.values, tokens).view_as(found.features)
        if found.similar is None:
            return found, pooled, self.region_weights(pooled)
        evidence = evidence_in(found.boxes, found.similar, self.config.detector.beta)
        return found, pooled, self.region_weights(pooled, evidence)

    def prompt_answers(self, features: Films, prompts: Tensor) -> tuple[Detected, Tensor, Tensor]:
        """The boxes of `prompts` (N, Q, D), the logits (N, Q, R) that each is there, and the refined features
        (N, Q, D) of the prompts."""
        films = self.shown(features)
        found, regions, logits = self.detect(films, prompts)
        aggregate = prompt_features(regions, logits.sigmoid())
        return found, logits, self.refined(films, aggregate, regions)

    def box_answers(self, features: Films, boxes: Tensor) -> Tensor:
        """The refined features (N, K, D) of boxes (N, K, 4)."""
        films = self.shown(features)
        pooled: Tensor = self.region_features(boxes, films.values)
        return self.refined(films, pooled, None, boxes)

    def region_vectors(self, features: Films, boxes: Tensor) -> Tensor:
        """Unit vectors (N, K, D), float32 under any autocast, of boxes (N, K, 4), in the space of texts."""
        return unit_vectors(self.box_answers(features, boxes))

    def refined(
        self, films: ShownFilms, aggregate: Tensor, regions: Tensor | None, boxes: Tensor | None = None
    ) -> Tensor:
        """The features (N, Q, D) of groups with `aggregate` (N, Q, D) and `regions` (N, Q, R, D), if any, or
        of `boxes` (N, Q, 4), after the post-decoder, if there is one."""
        if self.config.post_decoder is None:
            return aggregate
        image = films.image
        if self.config.post_decoder.reads_pooled:
            image = torch.cat([image, films.whole], dim=1)
        refined: Tensor = self.post_decoder(aggregate, regions, image, boxes)
        return refined

    def patches(self, features: ImageFeatures) -> Tensor:
        """The patches (N, P, F) that boxes are pooled from."""
        if self.config.patches == "own":
            return features.patches
        shared: Tensor = self.image_projection(features.patches)
        return shared

    def mean_patches(self, features: ImageFeatures) -> Tensor:
        """The mean patch (N, D) of each film, as the detector reads them."""
        mean: Tensor = self.patch_projection(self.patches(features)).mean(dim=1)
        return mean

    def positioned(self, features: ImageFeatures) -> Tensor:
        """Patches with their positions, (N, P, D)."""
        patches = self.patch_projection(self.patches(features))
        return patches + self.positions(patches.shape[1], patches.device).to(patches.dtype)

    def patch_cosines(self, features: Films, prompts: Tensor) -> Tensor:
        """Cosines (N, Q, P) of prompts (N, Q, D) (see `prompt_vectors`) with patches at their positions, as
        the detector reads both."""
        return prompt_cosines(self.prompt_projection(prompts), self.shown(features).image)

    def patch_similarities(self, features: ImageFeatures, text_vectors: Tensor) -> Tensor:
        """Cosines (N, Q, P), float32, of texts with unit vectors (Q, D) and patches: of a guided detector
        those that guide it, which were learned for this; of any other those of a dual encoder."""
        if not (self.config.detector.guided and self.config.normalise_prompts):
            return super().patch_similarities(features, text_vectors)
        prompts = self.as_prompts(text_vectors).expand(len(features), -1, -1)
        return self.patch_cosines(features, prompts)

    def locate(self, features: ImageFeatures, token_ids: Tensor, token_mask: Tensor) -> Located:
        """The boxes of Q prompts, ids and mask (Q, L), on each image, the most certain first."""
        prompts = self.prompt_vectors(token_ids, token_mask)
        found, _, logits = self.detect(features, prompts.expand(len(features), -1, -1))
        return _in_order(found.boxes, logits)


def _positions(config: Config, features: int) -> nn.Module:
    if config.learned_positions is None:
        return PatchPositions(features)
    return LearnedPositions(config.learned_positions, features)


def _in_order(boxes: Tensor, logits: Tensor) -> Located:
    """Boxes (N, Q, R, 4) with logits (N, Q, R), the most certain of each prompt first."""
    scores, order = logits.sigmoid().sort(dim=-1, descending=True, stable=True)
    return Located(boxes.gather(2, order.unsqueeze(-1).expand(-1, -1, -1, 4)), scores)


class _Writing(RegionModel):
    """A region model that describes boxes and prompts."""

    writes_with = "sentence"

    def __init__(
        self, image: base.ImageEncoder, text: base.TextEncoder, config: Config, facts: Facts
    ) -> None:
        super().__init__(image, text, config, facts)
        settings = _decoder_config(config.sentence or {})
        known = facts.tokenizers["sentence"]
        decoder = base.sentence_decoder(settings.use)
        self.sentence = decoder.build(settings, known.vocabulary_size, known.pad)
        self.prefix = Prefix(config.prefix, self.dimension, self.sentence.shape)
        self.ends = ends_of(facts, "sentence")

    def parts(self) -> dict[str, nn.Module]:
        """Those of a region model, and what writes."""
        return super().parts() | {"prefix": self.prefix, "sentence": self.sentence}

    def sentence_logits(self, vectors: Tensor, mask: Tensor, token_ids: Tensor, wanted: Tensor) -> Tensor:
        """Logits (K, V) of the token after each of the K `wanted` (S, L) places of `token_ids` (S, L),
        written from `vectors` (S, T, D) where `mask` (S, T) is True."""
        hidden = self.sentence(token_ids, *self.prefix(vectors, mask))
        logits: Tensor = self.sentence.logits(hidden[wanted])
        return logits

    def describe(self, features: ImageFeatures, boxes: Tensor, max_tokens: int) -> Tensor:
        """Token ids (N, K, L) of a sentence for each of the boxes (N, K, 4)."""
        return self.written(self.box_answers(features, boxes), max_tokens)

    def describe_prompts(
        self, features: ImageFeatures, token_ids: Tensor, token_mask: Tensor, max_tokens: int
    ) -> DescribedPrompts:
        """The boxes of Q prompts, ids and mask (Q, L), a sentence for each, and its vector."""
        prompts = self.prompt_vectors(token_ids, token_mask).expand(len(features), -1, -1)
        found, logits, refined = self.prompt_answers(features, prompts)
        located = _in_order(found.boxes, logits)
        return DescribedPrompts(located, unit_vectors(refined), self.written(refined, max_tokens))

    def written(self, refined: Tensor, max_tokens: int) -> Tensor:
        """Token ids (N, Q, L) of sentences written from `refined` (N, Q, D)."""
        vectors = refined.flatten(0, 1)[:, None]
        mask = torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device)
        most = min(max_tokens, self.config.decoding.max_tokens, self.sentence.max_tokens - 1)
        decoding = self.config.decoding.model_copy(update={"max_tokens": most})
        prefix, visible = self.prefix(vectors, mask)
        writer = self.sentence.writer(prefix, visible, most)
        ids = write(writer, len(vectors), self.ends, decoding, vectors.device)
        return ids.view(*refined.shape[:2], -1)


def build(config: Config, facts: Facts) -> RegionModel:
    """The model of `config`; see `dual_encoder.encoders` for the errors."""
    kind = RegionModel if config.sentence is None else _Writing
    return kind(*encoders(config, facts), config, facts)

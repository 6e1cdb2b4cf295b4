"""A region model: asked with a prompt or a box, it answers with boxes and a sentence.

The architecture of ChEX (Mueller et al. 2024, arXiv:2404.15770): an image encoder with patches, a text
encoder for prompts, a detector that gives each prompt up to R boxes, soft pooling of the patches below a box,
and (with `sentence`) a post-decoder and a decoder that writes a sentence about a box or a prompt. Its image
and text encoders are those of a dual encoder, so it starts from one and retrieves as one.

Axes: N images, Q prompts, R regions of a prompt, K boxes, P patches, D features, L tokens.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.models import dual_encoder
from plainfilm.models.base import Facts, Located, TokenizerNeed
from plainfilm.models.dual_encoder import DualEncoder, encoders
from plainfilm.models.study_encoder import ends_of
from plainfilm.nn import base
from plainfilm.nn.base import ImageFeatures
from plainfilm.nn.decoding import Decoding, write
from plainfilm.nn.regions.detector import (
    Detected,
    Detector,
    DetectorConfig,
    RegionFeatures,
    RegionWeights,
    prompt_features,
)
from plainfilm.nn.regions.positions import PatchPositions
from plainfilm.nn.regions.post_decoder import PostDecoder, PostDecoderConfig
from plainfilm.nn.report_decoder import ReportDecoder, ReportDecoderConfig

PURPOSE = "locating what a prompt names, describing what a box shows, and studying such models"
LIMITS = """\
- A box with a high score is where the model looks, and no evidence that a finding is present.
- What it writes is made up of phrases of its training reports; nothing in it is checked against the film.
- It knows frontal films, and what its training boxes and sentences named."""
PATCHES = True


class Config(dual_encoder.Config):
    """The complete architecture of a region model.

    image, text, projection, temperature: as in a dual encoder; D is `projection.dimension`. detector: see
    `nn.regions.detector`. post_decoder and sentence: where the model writes; decoding: how.
    """

    use: str = "region"
    detector: DetectorConfig = DetectorConfig()
    post_decoder: PostDecoderConfig | None = None
    sentence: ReportDecoderConfig | None = None
    sentence_memory: int = Field(default=5, ge=1)
    """Memory tokens that a sentence is written from, made of the feature of its region."""
    decoding: Decoding = Decoding(max_tokens=48)

    def tokenizers(self) -> dict[str, TokenizerNeed]:
        """The tokenizer of prompts and, where the model writes, that of sentences."""
        needs = super().tokenizers()
        if self.sentence is not None:
            needs["sentence"] = TokenizerNeed(self.sentence.tokenizer, self.sentence.max_tokens)
        return needs


TINY = Config(
    **dual_encoder.TINY.model_dump(exclude={"use"}),
    detector=DetectorConfig(depth=1, heads=2),
    post_decoder=PostDecoderConfig(depth=1, heads=2),
    sentence=ReportDecoderConfig(width=16, depth=1, heads=2, max_tokens=16),
)


class RegionModel(DualEncoder):
    """Locates prompts on images."""

    config: Config

    def __init__(
        self, image: base.ImageEncoder, text: base.TextEncoder, config: Config, facts: Facts
    ) -> None:
        super().__init__(image, text, config, facts)
        features, beta = self.dimension, config.detector.beta
        self.positions = PatchPositions(features)
        self.patch_projection = nn.Sequential(
            nn.LayerNorm(image.patch_features), nn.Linear(image.patch_features, features)
        )
        self.prompt_projection = nn.Linear(features, features)
        self.detector = Detector(config.detector, features)
        self.region_features = RegionFeatures(features, image.patch_features, beta)
        self.region_weights = RegionWeights(features)

    def parts(self) -> dict[str, nn.Module]:
        """Those of a dual encoder, the detector with what it reads, and the parts of regions."""
        names = ("positions", "patch_projection", "prompt_projection", "detector")
        regions = ("region_features", "region_weights")
        return super().parts() | {name: getattr(self, name) for name in (*names, *regions)}

    def detect(self, features: ImageFeatures, prompts: Tensor) -> tuple[Detected, Tensor, Tensor]:
        """The boxes of `prompts` (N, Q, D), unit vectors; the features (N, Q, R, D) of these boxes; and the
        logits (N, Q, R) that each is there."""
        found = self.detector(self.prompt_projection(prompts), self.positioned(features))
        flat = found.boxes.flatten(1, 2)
        tokens = found.features.flatten(1, 2)
        pooled = self.region_features(flat, features.patches, tokens).view_as(found.features)
        return found, pooled, self.region_weights(pooled)

    def box_features(self, features: ImageFeatures, boxes: Tensor) -> Tensor:
        """Features (N, K, D) of boxes (N, K, 4)."""
        pooled: Tensor = self.region_features(boxes, features.patches)
        return pooled

    def positioned(self, features: ImageFeatures) -> Tensor:
        """Patches with their positions, (N, P, D)."""
        patches = self.patch_projection(features.patches)
        return patches + self.positions(patches.shape[1], patches.device).to(patches.dtype)

    def locate(self, features: ImageFeatures, token_ids: Tensor, token_mask: Tensor) -> Located:
        """The boxes of Q prompts, ids and mask (Q, L), on each image, the most certain first."""
        prompts = self.encode_texts(token_ids, token_mask)
        found, _, logits = self.detect(features, prompts.expand(len(features), -1, -1))
        scores, order = logits.sigmoid().sort(dim=-1, descending=True, stable=True)
        boxes = found.boxes.gather(2, order.unsqueeze(-1).expand(-1, -1, -1, 4))
        return Located(boxes, scores)


class _Writing(RegionModel):
    """A region model that describes boxes and prompts."""

    writes_with = "sentence"

    def __init__(
        self, image: base.ImageEncoder, text: base.TextEncoder, config: Config, facts: Facts
    ) -> None:
        super().__init__(image, text, config, facts)
        sentence = config.sentence or ReportDecoderConfig()
        known = facts.tokenizers["sentence"]
        self.post_decoder = PostDecoder(config.post_decoder or PostDecoderConfig(), self.dimension)
        self.memory = nn.Sequential(
            nn.Linear(self.dimension, sentence.width),
            nn.GELU(),
            nn.Linear(sentence.width, config.sentence_memory * sentence.width),
        )
        self.sentence = ReportDecoder(sentence, sentence.width, known.vocabulary_size, known.pad)
        self.ends = ends_of(facts, "sentence")

    def parts(self) -> dict[str, nn.Module]:
        """Those of a region model, and what writes."""
        return super().parts() | {
            name: getattr(self, name) for name in ("post_decoder", "memory", "sentence")
        }

    def refined(self, features: ImageFeatures, aggregate: Tensor, regions: Tensor) -> Tensor:
        """The features (N, Q, D) that sentences are written from, of groups with `aggregate` (N, Q, D) and
        `regions` (N, Q, R, D)."""
        after, _ = self.post_decoder(aggregate, regions, self.positioned(features))
        refined: Tensor = after
        return refined

    def describe(self, features: ImageFeatures, boxes: Tensor, max_tokens: int) -> Tensor:
        """Token ids (N, K, L) of a sentence for each of the boxes (N, K, 4)."""
        own = self.box_features(features, boxes)
        return self.written(self.refined(features, own, own[:, :, None]), max_tokens)

    def describe_prompts(self, features: ImageFeatures, prompts: Tensor, max_tokens: int) -> Tensor:
        """Token ids (N, Q, L) of a sentence for each of the `prompts` (N, Q, D), unit vectors."""
        _, regions, logits = self.detect(features, prompts)
        aggregate = prompt_features(regions, logits.sigmoid())
        return self.written(self.refined(features, aggregate, regions), max_tokens)

    def written(self, refined: Tensor, max_tokens: int) -> Tensor:
        """Token ids (N, Q, L) of sentences written from `refined` (N, Q, D)."""
        memory, mask = self.sentence_memory(refined.flatten(0, 1))
        most = min(max_tokens, self.config.decoding.max_tokens, self.sentence.max_tokens - 1)
        decoding = self.config.decoding.model_copy(update={"max_tokens": most})
        ids = write(self.sentence.writer(memory, mask, most), len(memory), self.ends, decoding, memory.device)
        return ids.view(*refined.shape[:2], -1)

    def sentence_memory(self, refined: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (E, M, W) and mask (E, M) of the decoder for E `refined` features (E, D)."""
        memory = self.memory(refined).view(len(refined), self.config.sentence_memory, -1)
        return memory, torch.ones(memory.shape[:2], dtype=torch.bool, device=memory.device)


def build(config: Config, facts: Facts) -> RegionModel:
    """The model of `config`; see `dual_encoder.encoders` for the errors."""
    kind = RegionModel if config.sentence is None else _Writing
    return kind(*encoders(config, facts), config, facts)

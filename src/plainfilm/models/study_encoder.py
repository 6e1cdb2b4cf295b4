"""A study encoder: any number of films of a study as one vector and as visual tokens; it may read and write
reports.

The architecture of REFERS (Zhou et al. 2022, arXiv:2111.03452): an image encoder shared by all films, a
fusion of the films of a study, a contrast of studies with their reports (with `text`), and a decoder that
writes the report from the fused visual tokens (with `report`). A single film is a study of one film.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from plainfilm.errors import ConfigError
from plainfilm.models.base import Facts, KindConfig, Model, TokenizerNeed, checked_encoder, unit_vectors
from plainfilm.models.dual_encoder import (
    TextSide,
    image_encoder_of,
    log_scale_of,
    text_encoder_of,
    text_tokenizer,
)
from plainfilm.nn import base
from plainfilm.nn.base import ImageFeatures, StudyFeatures
from plainfilm.nn.decoding import Decoding, Ends, write
from plainfilm.nn.film_fusion import Fusion, FusionConfig, build_fusion
from plainfilm.nn.projection import ProjectionConfig
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.report_decoder import ReportDecoder, ReportDecoderConfig
from plainfilm.types import View

PURPOSE = "writing reports of studies, pre-training for films with few labels, and studying such models"
LIMITS = """\
- What it writes is made up of phrases of its training reports; nothing in it is checked against the film.
- It writes of findings that are not there and is silent on findings that are; it replaces no radiologist.
- A finding that only another study shows, or a change since then, cannot be seen by it."""

_UNKNOWN = tuple(View).index(View.UNKNOWN)


class Config(KindConfig):
    """The complete architecture of a study encoder.

    fusion: see `nn.film_fusion`. text: the settings of the text encoder, if the model reads reports; then
    `projection`, `temperature`, `learn_temperature` and `scale_limit` are as in a dual encoder. report: those
    of the decoder, if it writes reports; decoding: how it writes them unless asked otherwise.
    """

    use: str = "study_encoder"
    fusion: FusionConfig = FusionConfig()
    text: dict[str, Any] | None = None
    report: ReportDecoderConfig | None = None
    decoding: Decoding = Decoding(use="beam", beams=3)
    projection: ProjectionConfig = ProjectionConfig()
    temperature: float = Field(default=0.07, gt=0)
    learn_temperature: bool = True
    scale_limit: float = Field(default=100.0, gt=1)

    @field_validator("text")
    @classmethod
    def _check_text(cls, values: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if values is None else checked_encoder("text encoder", values, "model.text")

    @property
    def fuses_films(self) -> bool:
        """All films of a study become one."""
        return True

    def tokenizers(self) -> dict[str, TokenizerNeed]:
        """The tokenizer of the text encoder and that of the decoder, where there are any."""
        needs = {} if self.text is None else {"text": text_tokenizer(self.text)}
        if self.report is not None:
            needs["report"] = TokenizerNeed(self.report.tokenizer, self.report.max_tokens, writes=True)
        return needs


TINY = Config(
    image={"use": "compact", "width": 4, "grid": 2, "channels": 1},
    fusion=FusionConfig(heads=2),
    text={"use": "compact", "width": 16, "depth": 1, "heads": 2, "max_tokens": 16},
    report=ReportDecoderConfig(width=16, depth=1, heads=2, max_tokens=16),
    projection=ProjectionConfig(dimension=8),
)


class FusesFilms(Model):
    """The methods of a model with a `fusion` of films."""

    fusion: Fusion

    @property
    def most_films(self) -> int | None:
        """The largest number of films of a study, if there is one."""
        return self.fusion.most_films

    def study_features(self, features: ImageFeatures, films: Ragged, projections: Tensor) -> StudyFeatures:
        """The fused features of B studies, whose N films are assigned by `films`; `projections` (N,) are
        codes of `types.View`."""
        fused: StudyFeatures = self.fusion(features, films, projections)
        return fused

    def single_films(self, features: ImageFeatures) -> StudyFeatures:
        """N films as N studies of one film of unknown view."""
        films = Ragged.even(len(features), 1, features.pooled.device)
        return self.study_features(features, films, torch.full_like(films.counts, _UNKNOWN))


class StudyEncoder(FusesFilms):
    """An image encoder and a fusion, with vectors of `dimension` features."""

    config: Config
    image_projection: nn.Module

    def __init__(self, image: base.ImageEncoder, fusion: Fusion, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.image = image
        self.fusion = fusion
        self.dimension = fusion.features
        self.image_projection = nn.Identity()

    def parts(self) -> dict[str, nn.Module]:
        """The image encoder and the fusion, then what the model has beside them."""
        named = {"image": self.image, "fusion": self.fusion}
        names = ("text", "image_projection", "text_projection", "report")
        return named | {name: getattr(self, name) for name in names if hasattr(self, name)}

    def film_features(self, images: Tensor) -> ImageFeatures:
        """The output of the image encoder for normalised `images` (N, C, H, W)."""
        features: ImageFeatures = self.image(images)
        return features

    def image_vectors(self, features: ImageFeatures) -> Tensor:
        """Unit vectors (N, D) of films, each as a study of one film of unknown view."""
        return self.study_vectors(self.single_films(features))

    def study_vectors(self, features: StudyFeatures) -> Tensor:
        """Unit vectors (B, D), float32 under any autocast."""
        return unit_vectors(self.image_projection(features.pooled))


class _WithTexts(TextSide, StudyEncoder):
    """A study encoder that reads reports."""


class _Writing(StudyEncoder):
    """A study encoder that writes reports."""

    report: ReportDecoder
    writes_with = "report"

    def report_logits(
        self, features: StudyFeatures, token_ids: Tensor, wanted: Tensor, backward: bool = False
    ) -> Tensor:
        """Logits (T, V) of the token after each of the T `wanted` (B, L) places of `token_ids` (B, L)."""
        hidden = self.report(features.memory, features.mask, token_ids, backward, features.pooled)
        return self.report.logits(hidden[wanted])

    def write_reports(
        self, features: ImageFeatures, films: Ragged, projections: Tensor, decoding: Decoding
    ) -> Tensor:
        """Token ids (B, L) of a report for each study, as `decoding` says."""
        study = self.study_features(features, films, projections)
        most = min(decoding.max_tokens, self.report.max_tokens - 1)
        limited = decoding.model_copy(
            update={"max_tokens": most, "min_tokens": min(decoding.min_tokens, most)}
        )
        writer = self.report.writer(study.memory, study.mask, most, study.pooled)
        return write(writer, len(study), ends_of(self.facts, "report"), limited, study.memory.device)


class _WithTextsWriting(_WithTexts, _Writing):
    """A study encoder that reads and writes reports."""


def ends_of(facts: Facts, tokenizer: str) -> Ends:
    """The special tokens of a tokenizer that a decoder writes with.

    Raises:
        ConfigError: it has no start or end token.
    """
    known = facts.tokenizers[tokenizer]
    if known.start is None or known.end is None:
        raise ConfigError(f"tokenizer '{tokenizer}' has no start or end token: a decoder needs both")
    # Where one token starts, ends and pads texts, as in GPT-2, it is written to end one.
    return Ends(known.start, known.end, tuple({known.pad, known.start} - {known.end}))


def build(config: Config, facts: Facts) -> StudyEncoder:
    """The model of `config`; new parts are random.

    Raises:
        ConfigError: settings that an encoder does not accept, or a tokenizer without a start or end token.
        ModelError: pretrained weights that are missing and cannot be downloaded.
    """
    kinds = {
        (False, False): StudyEncoder,
        (True, False): _WithTexts,
        (False, True): _Writing,
        (True, True): _WithTextsWriting,
    }
    image = image_encoder_of(config.image)
    fusion = build_fusion(config.fusion, image.features, image.patch_features)
    model = kinds[config.text is not None, config.report is not None](image, fusion, config, facts)
    if isinstance(model, _WithTexts):
        _add_texts(model, config, facts)
    if isinstance(model, _Writing):
        _add_decoder(model, config, facts)
    return model


def _add_texts(model: _WithTexts, config: Config, facts: Facts) -> None:
    model.dimension = config.projection.dimension
    model.text = text_encoder_of(config.text or {}, facts)
    model.image_projection = config.projection.of_images(model.fusion.features)
    model.text_projection = config.projection.of_texts(model.text.features)
    model.log_scale = log_scale_of(config.temperature, learn=config.learn_temperature)


def _add_decoder(model: _Writing, config: Config, facts: Facts) -> None:
    if config.report is None:
        return
    known = facts.tokenizers["report"]
    shape = (model.fusion.memory_features, known.vocabulary_size)
    model.report = ReportDecoder(config.report, *shape, known.pad, model.fusion.features)
    ends_of(facts, "report")

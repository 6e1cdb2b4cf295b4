"""Text encoders of the transformers library, by hub name, local folder or `package:NAME/folder`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from plainfilm.errors import ConfigError, ModelError
from plainfilm.io.packages import local_path
from plainfilm.nn.base import EncoderConfig, TextEncoder, TextFeatures
from plainfilm.nn.library_settings import check_library_settings
from plainfilm.nn.pooling import POOLING, TextPooling
from plainfilm.nn.size import check_fits_in_memory
from plainfilm.nn.transformers_models import LibraryModel, settings_of


class Config(EncoderConfig):
    """The model, and whether to load its weights.

    With `pretrained: false` only the architecture is used, with the tokenizer's vocabulary. `settings` gives
    the architecture directly (the library's own keys, including `model_type`) and needs no file. `dropout`
    replaces the model's hidden dropout. Dropout inside attention is always 0: it is drawn inside fused
    kernels, where it cannot be repeated by row. `pooling` "pooler" is the model's own layer over its first
    token (BERT's, trained on pairs of sentences) or its last (SigLIP's); with any other the model has no such
    layer. `layers` pools the mean of several layers in the place of the last: 0 are the embeddings, 1 the
    first layer, -1 the last. With `padded_to` texts are filled up to so many tokens, and padding is read as
    text is, as SigLIP was trained.
    """

    use: str = "transformers"
    name: str = ""
    pretrained: bool = True
    offline: bool = False
    settings: dict[str, Any] | None = None
    dropout: float | None = Field(default=None, ge=0, lt=1)
    pooling: TextPooling | Literal["pooler"] = "mean"
    layers: tuple[int, ...] | None = None
    padded_to: int | None = Field(default=None, ge=2, le=4096)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.settings is None and not self.name:
            raise ValueError("name is missing: a hub name, a local folder or package:NAME/folder")
        if self.settings is not None and self.pretrained:
            raise ValueError("settings describe a model without weights: set pretrained to false")
        if self.settings is not None and "model_type" not in self.settings:
            raise ValueError("settings lack model_type, e.g. bert")
        return self

    def check(self) -> None:
        """Raise an error for settings that the library does not know, or a model that needs a download in
        spite of `offline`.
        """
        if self.settings is not None:
            check_library_settings(self.settings, "text.settings")
        if self.settings is not None or self.offline or local_path(self.name) is not None:
            self.model.described()

    @property
    def model(self) -> LibraryModel:
        """The model of the library."""
        origin = (self.name, self.pretrained, self.offline, self.settings)
        return LibraryModel("text model", "text", *origin)


_POOLERS = ("pooler", "head")
"""What the library calls a model's own layer over the pooled token."""

TINY = Config(
    pretrained=False,
    settings={
        "model_type": "bert",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
    },
)


class TransformersEncoder(TextEncoder):
    """A transformers encoder with Plainfilm's pooling, or with its own pooler."""

    config: Config

    def __init__(self, config: Config, encoder: Any) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.features = int(encoder.config.hidden_size)
        if config.pooling == "pooler":
            self.features = int(getattr(encoder.config, "projection_size", None) or self.features)
        self.max_tokens = min(_longest(encoder), config.padded_to or _longest(encoder))
        self.pool = None if config.pooling == "pooler" else POOLING[config.pooling]

    def forward(self, token_ids: Tensor, token_mask: Tensor) -> TextFeatures:
        """Features of `token_ids` (N, L); raises `ModelError` if L exceeds `max_tokens`."""
        if token_ids.shape[1] > self.max_tokens:
            raise ModelError(
                f"a text of {token_ids.shape[1]} tokens, but this encoder takes {self.max_tokens}: "
                "set the tokenizer's max_tokens to that of the encoder"
            )
        length = token_ids.shape[1]
        if self.config.padded_to is not None:
            missing = self.config.padded_to - length
            token_ids = nn.functional.pad(
                token_ids, (0, missing), value=int(self.encoder.config.pad_token_id)
            )
            token_mask = torch.ones_like(token_ids, dtype=torch.bool)
        several = self.config.layers
        output = self.encoder(
            input_ids=token_ids, attention_mask=token_mask.long(), output_hidden_states=several is not None
        )
        tokens = output.last_hidden_state
        if several is not None:
            tokens = torch.stack([output.hidden_states[place] for place in several]).mean(dim=0)
        pooled = output.pooler_output if self.pool is None else self.pool(tokens, token_mask)
        return TextFeatures(pooled, tokens[:, :length])

    def layers(self) -> Sequence[nn.Module]:
        """The embeddings, then each block.

        Raises:
            ConfigError: the model's blocks are not in a single list.
        """
        count = self.encoder.config.num_hidden_layers
        lists = (module for module in self.encoder.modules() if isinstance(module, nn.ModuleList))
        blocks = next((module for module in lists if len(module) == count), None)
        if blocks is None:
            raise ConfigError(
                f"{self.config.name}: blocks not in one list: freeze it whole or not, without layer_decay"
            )
        return [getattr(self.encoder, "embeddings", self.encoder.get_input_embeddings()), *blocks]

    def rebuilt_from(self) -> dict[str, Any]:
        """The same architecture by its settings, without weights."""
        changes = {"pretrained": False, "settings": settings_of(self.encoder)}
        return self.config.model_dump(mode="json") | changes


def build(config: Config, vocabulary_size: int) -> TransformersEncoder:
    """The encoder of `config`, for token ids below `vocabulary_size`.

    Raises:
        MissingDependency: the package transformers is not installed.
        ModelError: a model that is missing and cannot be downloaded, lacks weights, or knows fewer tokens.
    """
    model = config.model
    library = model.library()
    described = model.fitting(vocabulary_size, config.dropout)
    if described.model_type == "siglip_text_model":
        # `AutoModel` has the image tower of SigLIP alone.
        library.AutoModel.register(library.SiglipTextConfig, library.SiglipTextModel, exist_ok=True)
    what = f"text model '{config.name or described.model_type}'"
    check_fits_in_memory(lambda: model.without_weights(library.AutoModel, described), what)
    unused = () if config.pooling == "pooler" else ("pooler",)
    if config.pretrained:
        encoder = model.with_weights(library.AutoModel, described, unused)
    else:
        encoder = model.without_weights(library.AutoModel, described)
    if described.is_encoder_decoder:
        encoder = encoder.get_encoder()
    if not hasattr(encoder.config, "hidden_size"):
        raise ConfigError(
            f"text model '{described.model_type}': is not a text encoder alone; use its text tower "
            f"(for clip: clip_text_model)"
        )
    _check_layers(config, int(encoder.config.num_hidden_layers))
    name = next((name for name in _POOLERS if getattr(encoder, name, None) is not None), None)
    if config.pooling == "pooler" and name is None:
        raise ConfigError(f"text model '{described.model_type}': has no pooler; set pooling to start")
    if config.pooling != "pooler" and name is not None:
        setattr(encoder, name, None if name == "pooler" else nn.Identity())  # unused, and would be stored
    return TransformersEncoder(config, encoder)


def _check_layers(config: Config, depth: int) -> None:
    wrong = next((place for place in config.layers or () if not -depth - 1 <= place <= depth), None)
    if wrong is not None or config.layers == ():
        raise ConfigError(
            f"text.layers {list(config.layers or ())}: from {-depth - 1} to {depth} in this model"
        )


def _longest(encoder: Any) -> int:
    positions = int(getattr(encoder.config, "max_position_embeddings", 512))
    # RoBERTa counts positions from one past its padding id, so that many positions are unused.
    offset = getattr(getattr(encoder, "embeddings", None), "padding_idx", None)
    return positions if offset is None else positions - int(offset) - 1

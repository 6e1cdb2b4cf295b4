"""Decoders of the transformers library: GPT-2 and what is built like it, by name, folder or settings."""

from __future__ import annotations

from typing import Any, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from plainfilm.errors import ConfigError
from plainfilm.io.hub import transformers_library
from plainfilm.io.packages import local_path
from plainfilm.nn.base import DecoderConfig, PrefixShape, SentenceDecoder
from plainfilm.nn.library_settings import check_library_settings
from plainfilm.nn.size import check_fits_in_memory
from plainfilm.nn.transformers_models import LibraryModel, settings_of


class Config(DecoderConfig):
    """The model, and whether to load its weights; see `nn.text.transformers` for the keys.

    tokenizer: another than that of `name`. max_tokens: the longest text.
    """

    use: str = "transformers"
    name: str = ""
    pretrained: bool = True
    offline: bool = False
    settings: dict[str, Any] | None = None
    dropout: float | None = Field(default=None, ge=0, lt=1)
    tokenizer: str | None = None
    max_tokens: int = Field(default=128, ge=4)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.settings is None and not self.name:
            raise ValueError("name is missing: a hub name, a local folder or package:NAME/folder")
        if self.settings is not None and self.pretrained:
            raise ValueError("settings describe a model without weights: set pretrained to false")
        if self.settings is not None and "model_type" not in self.settings:
            raise ValueError("settings lack model_type, e.g. gpt2")
        return self

    def check(self) -> None:
        """Raise an error for settings that the library does not know, or a model that needs a download in
        spite of `offline`."""
        if self.settings is not None:
            check_library_settings(self.settings, "sentence.settings")
        if self.settings is not None or self.offline or local_path(self.name) is not None:
            self.model.described()

    @property
    def model(self) -> LibraryModel:
        """The model of the library."""
        origin = (self.name, self.pretrained, self.offline, self.settings)
        return LibraryModel("sentence decoder", "sentence", *origin)

    @property
    def tokenizer_name(self) -> str | None:
        """The stated tokenizer, else the model's own."""
        return self.tokenizer or self.name or None

    @property
    def longest(self) -> int:
        """The stated number."""
        return self.max_tokens


TINY = Config(
    pretrained=False,
    settings={"model_type": "gpt2", "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32},
    max_tokens=16,
)


class TransformersDecoder(SentenceDecoder):
    """A causal language model of the library."""

    config: Config

    def __init__(self, config: Config, decoder: Any) -> None:
        super().__init__()
        self.config = config
        self.decoder = decoder
        described = decoder.config
        self.max_tokens = min(config.max_tokens, int(getattr(described, "max_position_embeddings", 2**31)))
        heads = getattr(described, "num_key_value_heads", None) or described.num_attention_heads
        size = getattr(described, "head_dim", None) or described.hidden_size // described.num_attention_heads
        self.shape = PrefixShape(int(described.num_hidden_layers), int(heads), int(size))

    def forward(self, token_ids: Tensor, prefix: Tensor, mask: Tensor) -> Tensor:
        """See `SentenceDecoder.forward`."""
        positions = torch.arange(token_ids.shape[1], device=token_ids.device)
        return self.after(_cache(prefix), token_ids, positions, mask)

    def after(self, cache: Any, token_ids: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Hidden vectors (N, L, W) of `token_ids` (N, L) at `positions` (L,), which are added to `cache`, of
        whose first places `mask` (N, P) says which may be read; all later ones may."""
        count, length = token_ids.shape
        seen = mask.new_ones(count, cache.get_seq_length() + length - mask.shape[1])
        output = self.decoder.base_model(
            input_ids=token_ids,
            past_key_values=cache,
            attention_mask=torch.cat([mask, seen], dim=1).long(),
            position_ids=positions.expand(count, -1),
            use_cache=True,
        )
        hidden: Tensor = output.last_hidden_state
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden vectors (..., W)."""
        logits: Tensor = self.decoder.get_output_embeddings()(hidden)
        return logits

    def writer(self, prefix: Tensor, mask: Tensor, most: int) -> TransformersWriter:
        """See `SentenceDecoder.writer`."""
        return TransformersWriter(self, prefix, mask)

    def rebuilt_from(self) -> dict[str, Any]:
        """The same architecture by its settings, without weights."""
        changes = {"pretrained": False, "settings": settings_of(self.decoder)}
        return self.config.model_dump(mode="json") | changes


class TransformersWriter:
    """R texts in the middle of being written (`nn.decoding.Writer`)."""

    def __init__(self, decoder: TransformersDecoder, prefix: Tensor, mask: Tensor) -> None:
        self._decoder = decoder
        self._prefix = prefix
        self._mask = mask
        self._cache: Any = None
        self._position = torch.zeros(1, dtype=torch.int64, device=mask.device)

    def next_logits(self, token_ids: Tensor) -> Tensor:
        """Logits (R, V) of the token after `token_ids` (R,)."""
        if self._cache is None:
            beams = len(token_ids) // len(self._mask)
            self._cache = _cache(self._prefix.repeat_interleave(beams, dim=2))
            self._mask = self._mask.repeat_interleave(beams, dim=0)
        hidden = self._decoder.after(self._cache, token_ids[:, None], self._position, self._mask)
        self._position = self._position + 1
        return self._decoder.logits(hidden).squeeze(1)

    def reorder(self, rows: Tensor) -> None:
        """Continue with the texts `rows` (R,)."""
        self._cache.reorder_cache(rows)


def _cache(prefix: Tensor) -> Any:
    cache = transformers_library("this sentence decoder").DynamicCache()
    for number, (keys, values) in enumerate(prefix):
        cache.update(keys, values, number)
    return cache


def build(config: Config, vocabulary_size: int, pad: int) -> TransformersDecoder:
    """The decoder of `config`, for token ids below `vocabulary_size`.

    Raises:
        ConfigError: no decoder, or settings that the library does not accept.
        MissingDependency: the package transformers is not installed.
        ModelError: a model that is missing and cannot be downloaded, lacks weights, or knows fewer tokens.
    """
    model = config.model
    kind = model.library().AutoModelForCausalLM
    described = model.fitting(vocabulary_size, config.dropout)
    if described.is_encoder_decoder:
        raise ConfigError(f"sentence decoder '{described.model_type}': is no decoder alone, as gpt2 is")
    what = f"sentence decoder '{config.name or described.model_type}'"
    check_fits_in_memory(lambda: model.without_weights(kind, described), what)
    make = model.with_weights if config.pretrained else model.without_weights
    return TransformersDecoder(config, make(kind, described))

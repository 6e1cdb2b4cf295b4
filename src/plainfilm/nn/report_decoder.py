"""A transformer decoder that writes a report from visual tokens.

The report transformer of REFERS and VirTex (Desai and Johnson 2021, arXiv:2006.06666): token and position
embeddings, layers of causal self-attention, attention to the visual tokens (the memory) and a perceptron, and
output weights that are those of the token embedding. With `bidirectional`, a second stack of layers with the
same embeddings reads texts from their end (bicaptioning); it is used in training only.

Axes: B texts, L tokens, M visual tokens, F memory features, W width, V pieces, K beams of a text, R = B K.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.errors import ConfigError
from plainfilm.nn.decoder_layers import DecoderLayer, KeysAndValues, LayerCache, PrefixBefore

_PUBLISHED_EPSILON = 1e-8
"""Of the normalisation of embeddings, as published."""
_PUBLISHED_DEVIATION, _PUBLISHED_WIDTH = 0.02, 1024


class ReportDecoderConfig(Settings):
    """The architecture of a report decoder.

    tokenizer: name or path of a pretrained tokenizer (a SentencePiece `.model` file too); without it, one is
    trained on the reports. norm: whether the input of every layer ("before") or its output ("after", as
    published) is normalised. token_dropout: share of the earlier tokens that are hidden in training, so that
    the next one is read off the films (word dropout, Bowman et al. 2016, arXiv:1511.06349); their positions
    stay. memory_norm: whether the visual tokens are normalised first. study_vector: whether the fused vector
    of the study is added to every token: attention is slow to find it among all visual tokens.
    attention_dropout: of attention weights. feed_forward: hidden features of the perceptrons; `None` means 4
    `width`. max_tokens: the longest text, with its start and end.
    """

    width: int = Field(default=512, ge=8)
    depth: int = Field(default=4, ge=1)
    heads: int = Field(default=8, ge=1)
    feed_forward: int | None = Field(default=None, ge=1)
    norm: Literal["before", "after"] = "before"
    dropout: float = Field(default=0.1, ge=0, lt=1)
    token_dropout: float = Field(default=0.0, ge=0, lt=1)
    memory_norm: bool = False
    study_vector: bool = False
    attention_dropout: float = Field(default=0.0, ge=0, lt=1)
    bidirectional: bool = False
    max_tokens: int = Field(default=128, ge=4)
    tokenizer: str | None = None

    @model_validator(mode="after")
    def _heads_divide_width(self) -> ReportDecoderConfig:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class ReportDecoder(nn.Module):
    """Writes texts of a vocabulary of `vocabulary_size` pieces, from a memory with `memory_features` or, with
    `None`, from a prefix alone; with `study_vector`, also from a vector (`vector_features`) of each study."""

    def __init__(
        self,
        config: ReportDecoderConfig,
        memory_features: int | None,
        vocabulary_size: int,
        pad: int,
        vector_features: int | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.max_tokens = config.max_tokens
        self.pad = pad
        self.reads_memory = memory_features is not None
        if memory_features is not None:
            self.memory_norm = nn.LayerNorm(memory_features) if config.memory_norm else nn.Identity()
            self.memory_projection = nn.Linear(memory_features, config.width)
        self.vector_projection = _vector_projection(config, vector_features)
        self.tokens = nn.Embedding(vocabulary_size, config.width, padding_idx=pad)
        self.token_dropout = nn.Dropout1d(config.token_dropout)
        self.positions = nn.Embedding(config.max_tokens, config.width)
        self.embedding_norm = nn.LayerNorm(config.width, eps=_PUBLISHED_EPSILON)
        self.embedding_dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(DecoderLayer(config, self.reads_memory) for _ in range(config.depth))
        backward = config.depth if config.bidirectional else 0
        self.backward_layers = nn.ModuleList(DecoderLayer(config) for _ in range(backward))
        self.norm = nn.LayerNorm(config.width) if config.norm == "before" else nn.Identity()
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.apply(_initialise)

    def forward(
        self,
        memory: Tensor | None,
        mask: Tensor | None,
        token_ids: Tensor,
        backward: bool = False,
        vectors: Tensor | None = None,
        prefix: PrefixBefore | None = None,
    ) -> Tensor:
        """Hidden vectors (B, L, W), each of the token after `token_ids` (B, L) so far, from `memory` (B, M,
        F) where `mask` (B, M) is True, from `vectors` of the studies (B, F'), which are read with
        `study_vector` only, and after `prefix`. `backward` uses the layers for texts from their end."""
        length = token_ids.shape[1]
        hidden = self.embedded(token_ids, torch.arange(length, device=token_ids.device))
        hidden = self.with_vectors(hidden, vectors)
        visible = torch.ones(length, length, dtype=torch.bool, device=token_ids.device).tril()[None, None]
        if prefix is not None:
            before = prefix.mask[:, None, None].expand(-1, 1, length, -1)
            visible = torch.cat([before, visible.expand(len(before), -1, -1, -1)], dim=3)
        memories = self.memories(memory, backward)
        masked = None if mask is None else mask[:, None, None, :]
        for number, layer in enumerate(self.stack(backward)):
            own = None if prefix is None else prefix.layer(number)
            hidden = layer(hidden, memories[number], masked, visible, own)
        normalised: Tensor = self.norm(hidden)
        return normalised

    def memories(self, memory: Tensor | None, backward: bool = False) -> list[KeysAndValues | None]:
        """What the attention to `memory` (B, M, F) reads in each layer."""
        layers = self.stack(backward)
        if memory is None:
            return [None for _ in layers]
        seen = self.memory_projection(self.memory_norm(memory))
        return [layer.memory_attention.keys_and_values(seen) for layer in layers]

    def stack(self, backward: bool = False) -> list[DecoderLayer]:
        """The layers of one direction."""
        layers = self.backward_layers if backward else self.layers
        return [cast(DecoderLayer, layer) for layer in layers]

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of the hidden vectors (..., W)."""
        return nn.functional.linear(hidden, self.tokens.weight, self.bias)

    def writer(
        self,
        memory: Tensor | None,
        mask: Tensor | None,
        most: int,
        vectors: Tensor | None = None,
        prefix: PrefixBefore | None = None,
    ) -> ReportWriter:
        """A writer of texts of at most `most` tokens for B memories or prefixes, as many of each as rows
        pass."""
        return ReportWriter(self, memory, mask, min(most, self.max_tokens), vectors, prefix)

    def embedded(self, token_ids: Tensor, positions: Tensor) -> Tensor:
        """`token_ids` (B, L) at `positions` (L,) → (B, L, W); zeros on padding."""
        tokens = self.token_dropout(self.tokens(token_ids))
        embedded = self.embedding_norm(tokens + self.positions(positions))
        dropped: Tensor = self.embedding_dropout(embedded)
        return dropped * (token_ids != self.pad).unsqueeze(-1).to(dropped.dtype)

    def with_vectors(self, hidden: Tensor, vectors: Tensor | None) -> Tensor:
        """`hidden` (R, L, W) plus what the `vectors` (B, F') of their studies say, those of one study beside
        each other."""
        if self.vector_projection is None or vectors is None:
            return hidden
        added = self.vector_projection(vectors).to(hidden.dtype)
        return hidden + added.repeat_interleave(len(hidden) // len(added), dim=0)[:, None]


class ReportWriter:
    """R texts in the middle of being written (`nn.decoding.Writer`)."""

    def __init__(
        self,
        decoder: ReportDecoder,
        memory: Tensor | None,
        mask: Tensor | None,
        most: int,
        vectors: Tensor | None = None,
        prefix: PrefixBefore | None = None,
    ) -> None:
        self._decoder = decoder
        self._mask = None if mask is None else mask[:, None, None, :]
        self._vectors = vectors
        self._prefix_mask = None if prefix is None else prefix.mask
        self._memories = decoder.memories(memory)
        befores = [prefix and prefix.layer(number) for number in range(len(self._memories))]
        self._caches = [LayerCache(most, before) for before in befores]
        self._position = torch.zeros(1, dtype=torch.int64, device=decoder.bias.device)

    def next_logits(self, token_ids: Tensor) -> Tensor:
        """Logits (R, V) of the token after `token_ids` (R,)."""
        decoder, visible = self._decoder, self._visible(len(token_ids))
        hidden = decoder.embedded(token_ids[:, None], self._position)
        hidden = decoder.with_vectors(hidden, self._vectors)
        for layer, memory, cache in zip(decoder.stack(), self._memories, self._caches, strict=True):
            hidden = layer.next(hidden, memory, self._mask, cache, visible)
        self._position = self._position + 1
        return decoder.logits(decoder.norm(hidden)).squeeze(1)

    def _visible(self, rows: int) -> Tensor | None:
        """(R, 1, 1, P + T): which places of the prefix may be read, and all tokens so far."""
        if self._prefix_mask is None:
            return None
        before = self._prefix_mask.repeat_interleave(rows // len(self._prefix_mask), dim=0)
        so_far = before.new_ones(rows, int(self._position) + 1)
        return torch.cat([before, so_far], dim=1)[:, None, None]

    def reorder(self, rows: Tensor) -> None:
        """Continue with the texts `rows` (R,)."""
        for cache in self._caches:
            cache.reorder(rows)


def _vector_projection(config: ReportDecoderConfig, features: int | None) -> nn.Module | None:
    if not config.study_vector:
        return None
    if features is None:
        raise ConfigError("study_vector: this decoder writes of no study; leave it out")
    return nn.Sequential(nn.LayerNorm(features), nn.Linear(features, config.width))


def _initialise(module: nn.Module) -> None:
    """As published at the published width: weights from a normal distribution with deviation 0.02. Narrower
    layers start with larger weights, or what differs between films reaches the decoder a hundred times weaker
    than its words."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(
            module.weight, std=_PUBLISHED_DEVIATION * (_PUBLISHED_WIDTH / module.in_features) ** 0.5
        )
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=_PUBLISHED_DEVIATION)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()

"""A transformer decoder that writes a report from visual tokens.

The report transformer of REFERS and VirTex (Desai and Johnson 2021, arXiv:2006.06666): token and position
embeddings, layers of causal self-attention, attention to the visual tokens (the memory) and a perceptron, and
output weights that are those of the token embedding. With `bidirectional`, a second stack of layers with the
same embeddings reads texts from their end (bicaptioning); it is used in training only.

Axes: B texts, L tokens, M visual tokens, F memory features, W width, V pieces, K beams of a text, R = B K.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.errors import ConfigError
from plainfilm.nn.attention import attended

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


class Attention(nn.Module):
    """Multi-head attention whose keys and values can be kept."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def split(self, values: Tensor) -> Tensor:
        """(N, L, W) → (N, heads, L, W / heads)."""
        return values.view(*values.shape[:2], self.heads, -1).transpose(1, 2)

    def keys_and_values(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What `attend` reads of `inputs` (N, L, W)."""
        return self.split(self.keys(inputs)), self.split(self.values(inputs))

    def attend(self, inputs: Tensor, read: tuple[Tensor, Tensor], visible: Tensor | None) -> Tensor:
        """The output (N, L, W) for `inputs` (N, L, W), which attend to `read` where `visible` (N or 1, 1, L
        or 1, M) is True."""
        mixed = attended(self.split(self.queries(inputs)), *read, visible, self.dropout)
        return self.output(mixed.transpose(1, 2).flatten(2))


class DecoderLayer(nn.Module):
    """Self-attention, attention to the memory, a perceptron: each with a residual connection and a
    normalisation before or after it."""

    def __init__(self, config: ReportDecoderConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.feed_forward or 4 * config.width
        self.before = config.norm == "before"
        self.self_attention = Attention(width, config.heads, config.attention_dropout)
        self.memory_attention = Attention(width, config.heads, config.attention_dropout)
        self.perceptron = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(hidden, width)
        )
        self.self_norm, self.memory_norm, self.perceptron_norm = (nn.LayerNorm(width) for _ in range(3))
        self.self_dropout, self.memory_dropout, self.perceptron_dropout = (
            nn.Dropout(config.dropout) for _ in range(3)
        )

    def forward(self, tokens: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor, visible: Tensor) -> Tensor:
        """`tokens` (B, L, W); `memory` are keys and values of its attention, `mask` (B, 1, 1, M); `visible`
        (1, 1, L, L) is True where a token may be read."""

        def own(inputs: Tensor) -> Tensor:
            read = self.self_attention.keys_and_values(inputs)
            return self.self_dropout(self.self_attention.attend(inputs, read, visible))

        def other(inputs: Tensor) -> Tensor:
            return self.memory_dropout(self.memory_attention.attend(inputs, memory, mask))

        tokens = self._residual(tokens, own, self.self_norm)
        tokens = self._residual(tokens, other, self.memory_norm)
        return self._residual(tokens, self._perceive, self.perceptron_norm)

    def next(self, token: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor, cache: LayerCache) -> Tensor:
        """The last token (R, 1, W) of texts whose earlier tokens are in `cache`; the K beams of a text read
        the same `memory` of B texts."""

        def own(inputs: Tensor) -> Tensor:
            read = cache.extended(self.self_attention.keys_and_values(inputs))
            return self.self_attention.attend(inputs, read, None)

        def other(inputs: Tensor) -> Tensor:
            beside = inputs.view(len(mask), -1, inputs.shape[2])
            return self.memory_attention.attend(beside, memory, mask).view_as(inputs)

        token = self._residual(token, own, self.self_norm)
        token = self._residual(token, other, self.memory_norm)
        return self._residual(token, self._perceive, self.perceptron_norm)

    def _perceive(self, inputs: Tensor) -> Tensor:
        return self.perceptron_dropout(self.perceptron(inputs))

    def _residual(self, tokens: Tensor, function: Callable[[Tensor], Tensor], norm: nn.Module) -> Tensor:
        if self.before:
            return tokens + function(norm(tokens))
        normalised: Tensor = norm(tokens + function(tokens))
        return normalised


class LayerCache:
    """The keys and values of the tokens that R texts have so far, (R, heads, T, W / heads) each; room for
    `most` tokens is taken at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._length = 0
        self._kept: tuple[Tensor, Tensor] | None = None

    def extended(self, new: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """All keys and values, those of one more token at their end."""
        if self._kept is None:
            count, heads, _, size = new[0].shape
            keys, values = (one.new_empty((count, heads, self._most, size)) for one in new)
            self._kept = keys, values
        for kept, one in zip(self._kept, new, strict=True):
            kept[:, :, self._length : self._length + 1] = one
        self._length += 1
        return self._kept[0][:, :, : self._length], self._kept[1][:, :, : self._length]

    def reorder(self, rows: Tensor) -> None:
        """Continue with the texts `rows` (R,)."""
        for kept in self._kept or ():
            kept[:, :, : self._length] = kept[rows, :, : self._length]


class ReportDecoder(nn.Module):
    """Writes texts of a vocabulary of `vocabulary_size` pieces from a memory with `memory_features`; with
    `study_vector`, also from a vector of `vector_features` of each study."""

    def __init__(
        self,
        config: ReportDecoderConfig,
        memory_features: int,
        vocabulary_size: int,
        pad: int,
        vector_features: int | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.max_tokens = config.max_tokens
        self.pad = pad
        self.memory_norm = nn.LayerNorm(memory_features) if config.memory_norm else nn.Identity()
        self.memory_projection = nn.Linear(memory_features, config.width)
        self.vector_projection = _vector_projection(config, vector_features)
        self.tokens = nn.Embedding(vocabulary_size, config.width, padding_idx=pad)
        self.token_dropout = nn.Dropout1d(config.token_dropout)
        self.positions = nn.Embedding(config.max_tokens, config.width)
        self.embedding_norm = nn.LayerNorm(config.width, eps=_PUBLISHED_EPSILON)
        self.embedding_dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.depth))
        backward = config.depth if config.bidirectional else 0
        self.backward_layers = nn.ModuleList(DecoderLayer(config) for _ in range(backward))
        self.norm = nn.LayerNorm(config.width) if config.norm == "before" else nn.Identity()
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.apply(_initialise)

    def forward(
        self,
        memory: Tensor,
        mask: Tensor,
        token_ids: Tensor,
        backward: bool = False,
        vectors: Tensor | None = None,
    ) -> Tensor:
        """Hidden vectors (B, L, W), each of the token after `token_ids` (B, L) so far, from `memory` (B, M,
        F) where `mask` (B, M) is True, and from `vectors` of the studies (B, F'), which are read with
        `study_vector` only. `backward` uses the layers for texts from their end."""
        length = token_ids.shape[1]
        hidden = self.embedded(token_ids, torch.arange(length, device=token_ids.device))
        hidden = self.with_vectors(hidden, vectors)
        visible = torch.ones(length, length, dtype=torch.bool, device=token_ids.device).tril()[None, None]
        seen = self.seen(memory)
        for layer in self.stack(backward):
            read = layer.memory_attention.keys_and_values(seen)
            hidden = layer(hidden, read, mask[:, None, None, :], visible)
        normalised: Tensor = self.norm(hidden)
        return normalised

    def stack(self, backward: bool = False) -> list[DecoderLayer]:
        """The layers of one direction."""
        layers = self.backward_layers if backward else self.layers
        return [cast(DecoderLayer, layer) for layer in layers]

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of the hidden vectors (..., W)."""
        return nn.functional.linear(hidden, self.tokens.weight, self.bias)

    def writer(self, memory: Tensor, mask: Tensor, most: int, vectors: Tensor | None = None) -> ReportWriter:
        """A writer of texts of at most `most` tokens for B memories, as many of each as rows pass."""
        return ReportWriter(self, memory, mask, min(most, self.max_tokens), vectors)

    def seen(self, memory: Tensor) -> Tensor:
        """What the layers attend to: (B, M, F) → (B, M, W)."""
        projected: Tensor = self.memory_projection(self.memory_norm(memory))
        return projected

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
        self, decoder: ReportDecoder, memory: Tensor, mask: Tensor, most: int, vectors: Tensor | None
    ) -> None:
        self._decoder = decoder
        self._mask = mask[:, None, None, :]
        self._vectors = vectors
        seen = decoder.seen(memory)
        self._memories = [layer.memory_attention.keys_and_values(seen) for layer in decoder.stack()]
        self._caches = [LayerCache(most) for _ in decoder.stack()]
        self._position = torch.zeros(1, dtype=torch.int64, device=memory.device)

    def next_logits(self, token_ids: Tensor) -> Tensor:
        """Logits (R, V) of the token after `token_ids` (R,)."""
        decoder = self._decoder
        hidden = decoder.embedded(token_ids[:, None], self._position)
        hidden = decoder.with_vectors(hidden, self._vectors)
        for layer, memory, cache in zip(decoder.stack(), self._memories, self._caches, strict=True):
            hidden = layer.next(hidden, memory, self._mask, cache)
        self._position = self._position + 1
        return decoder.logits(decoder.norm(hidden)).squeeze(1)

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

"""A transformer decoder that writes a report from visual tokens.

The report transformer of REFERS and VirTex (Desai and Johnson 2021, arXiv:2006.06666): token and position
embeddings, layers of causal self-attention, attention to the visual tokens (the memory) and a perceptron, and
output weights that are those of the token embedding. With `bidirectional`, a second stack of layers with the
same embeddings reads texts from their end (bicaptioning); it is used in training only.

Axes: B texts, L tokens, M visual tokens, F memory features, W width, V pieces, K beams of a text, R = B K.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from plainfilm.config import Settings

_PUBLISHED_EPSILON = 1e-8
"""Of the normalisation of embeddings, as published."""


class ReportDecoderConfig(Settings):
    """The architecture of a report decoder.

    tokenizer: name or path of a pretrained tokenizer (a SentencePiece `.model` file too); without it, one is
    trained on the reports. norm: whether the input of every layer ("before") or its output ("after", as
    published) is normalised. attention_dropout: of attention weights. feed_forward: hidden features of the
    perceptrons; `None` means 4 `width`. max_tokens: the longest text, with its start and end.
    """

    width: int = Field(default=512, ge=8)
    depth: int = Field(default=4, ge=1)
    heads: int = Field(default=8, ge=1)
    feed_forward: int | None = Field(default=None, ge=1)
    norm: Literal["before", "after"] = "before"
    dropout: float = Field(default=0.1, ge=0, lt=1)
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
        queries, (keys, values) = self.split(self.queries(inputs)), read
        if self.training and self.dropout.p:
            scores = queries @ keys.transpose(2, 3) * queries.shape[-1] ** -0.5
            scores = scores if visible is None else scores.masked_fill(~visible, -torch.inf)
            # By token before by head: what is drawn for a token does not depend on how many there are.
            weights = self.dropout(scores.softmax(dim=-1).transpose(1, 2)).transpose(1, 2)
            mixed = weights @ values
        else:
            mixed = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=visible)
        return self.output(mixed.transpose(1, 2).flatten(2))


KeysAndValues = tuple[Tensor, Tensor]
"""Of one attention: (N, heads, L, W / heads) each."""


def with_prefix(prefix: KeysAndValues | None, read: KeysAndValues) -> KeysAndValues:
    """Keys and values with those of a prefix before them."""
    if prefix is None:
        return read
    keys, values = (torch.cat(pair, dim=2) for pair in zip(prefix, read, strict=True))
    return keys, values


class DecoderLayer(nn.Module):
    """Self-attention, attention to the memory (if there is any), a perceptron: each with a residual
    connection and a normalisation before or after it."""

    def __init__(self, config: ReportDecoderConfig, reads_memory: bool = True) -> None:
        super().__init__()
        width, hidden = config.width, config.feed_forward or 4 * config.width
        self.before = config.norm == "before"
        self.self_attention = Attention(width, config.heads, config.attention_dropout)
        if reads_memory:
            self.memory_attention = Attention(width, config.heads, config.attention_dropout)
        self.perceptron = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(hidden, width)
        )
        self.self_norm, self.perceptron_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_dropout, self.perceptron_dropout = nn.Dropout(config.dropout), nn.Dropout(config.dropout)
        if reads_memory:
            self.memory_norm, self.memory_dropout = nn.LayerNorm(width), nn.Dropout(config.dropout)

    def forward(
        self,
        tokens: Tensor,
        memory: KeysAndValues | None,
        mask: Tensor | None,
        visible: Tensor,
        prefix: KeysAndValues | None = None,
    ) -> Tensor:
        """`tokens` (B, L, W); `memory` are keys and values of its attention, `mask` (B, 1, 1, M); `prefix`
        are those of T tokens before the text; `visible` (1 or B, 1, L, T + L) is True where a token may be
        read."""

        def own(inputs: Tensor) -> Tensor:
            read = with_prefix(prefix, self.self_attention.keys_and_values(inputs))
            return self.self_dropout(self.self_attention.attend(inputs, read, visible))

        tokens = self._residual(tokens, own, self.self_norm)
        if memory is not None:
            kept = memory

            def other(inputs: Tensor) -> Tensor:
                return self.memory_dropout(self.memory_attention.attend(inputs, kept, mask))

            tokens = self._residual(tokens, other, self.memory_norm)
        return self._residual(tokens, self._perceive, self.perceptron_norm)

    def next(
        self,
        token: Tensor,
        memory: KeysAndValues | None,
        mask: Tensor | None,
        cache: LayerCache,
        visible: Tensor | None = None,
    ) -> Tensor:
        """The last token (R, 1, W) of texts whose earlier tokens are in `cache`, of which `visible` (R, 1, 1,
        T) may be read; the K beams of a text read the same `memory` of B texts."""

        def own(inputs: Tensor) -> Tensor:
            read = cache.extended(self.self_attention.keys_and_values(inputs))
            return self.self_attention.attend(inputs, read, visible)

        token = self._residual(token, own, self.self_norm)
        if memory is not None and mask is not None:
            kept, masked = memory, mask

            def other(inputs: Tensor) -> Tensor:
                beside = inputs.view(len(masked), -1, inputs.shape[2])
                return self.memory_attention.attend(beside, kept, masked).view_as(inputs)

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
    """The keys and values of the tokens that R texts have so far, (R, heads, T, W / heads) each, after those
    of a `prefix` of B texts, if any; room for `most` tokens is taken at once."""

    def __init__(self, most: int, prefix: KeysAndValues | None = None) -> None:
        self._most = most
        self._prefix = prefix
        self._length = 0
        self._kept: KeysAndValues | None = None

    def extended(self, new: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """All keys and values, those of one more token at their end."""
        if self._kept is None:
            count, heads, _, size = new[0].shape
            self._length = 0 if self._prefix is None else self._prefix[0].shape[2]
            keys, values = (one.new_empty((count, heads, self._length + self._most, size)) for one in new)
            for kept, before in zip((keys, values), self._prefix or (), strict=False):
                kept[:, :, : self._length] = before.repeat_interleave(count // len(before), dim=0)
            self._kept = keys, values
        for kept, one in zip(self._kept, new, strict=True):
            kept[:, :, self._length : self._length + 1] = one
        self._length += 1
        return self._kept[0][:, :, : self._length], self._kept[1][:, :, : self._length]

    def reorder(self, rows: Tensor) -> None:
        """Continue with the texts `rows` (R,)."""
        for kept in self._kept or ():
            kept[:, :, : self._length] = kept[rows, :, : self._length]


@dataclass(frozen=True)
class PrefixBefore:
    """What is read before the first token of B texts: `read` (layers, 2, B, heads, P, W / heads) are keys and
    values, `mask` (B, P) is True where they may be read."""

    read: Tensor
    mask: Tensor

    def layer(self, number: int) -> KeysAndValues:
        """The keys and values of a layer."""
        return self.read[number, 0], self.read[number, 1]


class ReportDecoder(nn.Module):
    """Writes texts of a vocabulary of `vocabulary_size` pieces, from a memory with `memory_features` or, with
    `None`, from a prefix alone."""

    def __init__(
        self, config: ReportDecoderConfig, memory_features: int | None, vocabulary_size: int, pad: int
    ) -> None:
        super().__init__()
        self.config = config
        self.max_tokens = config.max_tokens
        self.pad = pad
        self.reads_memory = memory_features is not None
        if memory_features is not None:
            self.memory_projection = nn.Linear(memory_features, config.width)
        self.tokens = nn.Embedding(vocabulary_size, config.width, padding_idx=pad)
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
        prefix: PrefixBefore | None = None,
    ) -> Tensor:
        """Hidden vectors (B, L, W), each of the token after `token_ids` (B, L) so far, from `memory` (B, M,
        F) where `mask` (B, M) is True, and after `prefix`. `backward` uses the layers for texts from their
        end."""
        length = token_ids.shape[1]
        hidden = self.embedded(token_ids, torch.arange(length, device=token_ids.device))
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
        seen = self.memory_projection(memory)
        return [layer.memory_attention.keys_and_values(seen) for layer in layers]

    def stack(self, backward: bool = False) -> list[DecoderLayer]:
        """The layers of one direction."""
        layers = self.backward_layers if backward else self.layers
        return [cast(DecoderLayer, layer) for layer in layers]

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of the hidden vectors (..., W)."""
        return nn.functional.linear(hidden, self.tokens.weight, self.bias)

    def writer(
        self, memory: Tensor | None, mask: Tensor | None, most: int, prefix: PrefixBefore | None = None
    ) -> ReportWriter:
        """A writer of texts of at most `most` tokens for B memories or prefixes, as many of each as rows
        pass."""
        return ReportWriter(self, memory, mask, min(most, self.max_tokens), prefix)

    def embedded(self, token_ids: Tensor, positions: Tensor) -> Tensor:
        """`token_ids` (B, L) at `positions` (L,) → (B, L, W); zeros on padding."""
        embedded = self.embedding_norm(self.tokens(token_ids) + self.positions(positions))
        dropped: Tensor = self.embedding_dropout(embedded)
        return dropped * (token_ids != self.pad).unsqueeze(-1).to(dropped.dtype)


class ReportWriter:
    """R texts in the middle of being written (`nn.decoding.Writer`)."""

    def __init__(
        self,
        decoder: ReportDecoder,
        memory: Tensor | None,
        mask: Tensor | None,
        most: int,
        prefix: PrefixBefore | None = None,
    ) -> None:
        self._decoder = decoder
        self._mask = None if mask is None else mask[:, None, None, :]
        self._prefix_mask = None if prefix is None else prefix.mask
        self._memories = decoder.memories(memory)
        befores = [prefix and prefix.layer(number) for number in range(len(self._memories))]
        self._caches = [LayerCache(most, before) for before in befores]
        self._position = torch.zeros(1, dtype=torch.int64, device=decoder.bias.device)

    def next_logits(self, token_ids: Tensor) -> Tensor:
        """Logits (R, V) of the token after `token_ids` (R,)."""
        decoder, visible = self._decoder, self._visible(len(token_ids))
        hidden = decoder.embedded(token_ids[:, None], self._position)
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


def _initialise(module: nn.Module) -> None:
    """As published: weights from a normal distribution with deviation 0.02."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()

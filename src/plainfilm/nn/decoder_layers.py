"""The layers of the report decoder: attention whose keys and values are kept while a text is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plainfilm.nn.attention import attended

if TYPE_CHECKING:
    from plainfilm.nn.report_decoder import ReportDecoderConfig


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

    def attend(
        self,
        inputs: Tensor,
        read: tuple[Tensor, Tensor],
        visible: Tensor | None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """The output (N, L, W) for `inputs` (N, L, W), which attend to `read` where `visible` (N or 1, 1, L
        or 1, M) is True; `bias` (N, heads, L, M) is added to the products of queries and keys."""
        mixed = attended(self.split(self.queries(inputs)), *read, visible, self.dropout, bias)
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

"""The text-writing head of VirTex and REFERS, as a `ReportDecoder`.

PyTorch's own decoder layers keep queries, keys and values in one matrix, and the output weights, the same
tensor as the embedding of tokens, are stored once more; a head for texts from their end shares all but its
layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.checkpoints.reading.vit import heads_of
from plainfilm.errors import ModelError
from plainfilm.nn.decoding import Decoding
from plainfilm.nn.report_decoder import ReportDecoderConfig

FORWARD, BACKWARD = "textual.", "backward_textual."
WORDS = "embedding.words.weight"
_DROPOUT = 0.1
_SHARED = ("visual_projection.weight", "visual_projection.bias", "output.weight", "output.bias")
_EMBEDDING = (WORDS, "embedding.positions.weight", "embedding.layer_norm.weight", "embedding.layer_norm.bias")
_LAYER = "transformer.layers."
_PARTS = ("queries", "keys", "values")
_OUTSIDE = {
    "memory_projection": "visual_projection",
    "tokens": "embedding.words",
    "positions": "embedding.positions",
    "embedding_norm": "embedding.layer_norm",
}
_IN_LAYER = {
    "self_attention": "self_attn",
    "memory_attention": "multihead_attn",
    "perceptron.0": "linear1",
    "perceptron.3": "linear2",
    "self_norm": "norm1",
    "memory_norm": "norm2",
    "perceptron_norm": "norm3",
}


def decoder_config(tensors: Mapping[str, Tensor], heads: int | None, where: str) -> ReportDecoderConfig:
    """The decoder with these `tensors`: normalised after each layer, as every published one. Attention heads
    are `heads`, or one for every 64 features.

    Raises:
        ModelError: not such a head, or heads that do not divide its width.
    """
    _, width = shape_of(tensors, FORWARD + WORDS, 2, where)
    longest, _ = shape_of(tensors, f"{FORWARD}embedding.positions.weight", 2, where)
    hidden, _ = shape_of(tensors, f"{FORWARD}{_LAYER}0.linear1.weight", 2, where)
    return ReportDecoderConfig(
        width=width,
        depth=count(tensors, rf"{re.escape(FORWARD + _LAYER)}(\d+)\."),
        heads=heads_of(width, heads, "report", where),
        feed_forward=hidden,
        norm="after",
        dropout=_DROPOUT,
        attention_dropout=_DROPOUT,
        bidirectional=any(name.startswith(BACKWARD) for name in tensors),
        max_tokens=longest,
    )


def published_decoding(longest: int) -> Decoding:
    """As VirTex and REFERS write: five beams, the sums of their log probabilities, no token twice in a
    row."""
    return Decoding(use="beam", beams=5, length_penalty=0.0, repeat_token=False, max_tokens=longest)


def taken_apart(tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """`tensors` with queries, keys and values by themselves, and without what is stored a second time.

    Raises:
        ModelError: something that is missing, or two tensors that are the same in such a model and differ.
    """
    found = dict(tensors)
    words = FORWARD + WORDS
    shape_of(tensors, words, 2, where)
    _drop_copy(found, f"{FORWARD}output.weight", words, where)
    if any(name.startswith(BACKWARD) for name in tensors):
        for name in (*_SHARED, *_EMBEDDING):
            own = words if name == "output.weight" else FORWARD + name
            _drop_copy(found, BACKWARD + name, own, where)
    for name in [name for name in found if re.search(r"attn\.in_proj_(weight|bias)$", name)]:
        joined = found.pop(name)
        if joined.ndim == 0 or len(joined) % len(_PARTS):
            raise ModelError(
                f"{where}: tensor '{name}' is {tuple(joined.shape)}, not queries, keys and values"
            )
        found |= {f"{name}.{part}": one for part, one in zip(_PARTS, joined.chunk(len(_PARTS)), strict=True)}
    return found


def _drop_copy(found: dict[str, Tensor], copy: str, own: str, where: str) -> None:
    for name in (copy, own):
        if name not in found:
            raise ModelError(f"{where}: tensor '{name}' is missing")
    if found[copy].shape != found[own].shape or not torch.equal(found[copy], found[own]):
        raise ModelError(f"{where}: tensors '{copy}' and '{own}' differ; in such a model they are one")
    del found[copy]


def check_layers(tensors: Mapping[str, Tensor], where: str) -> None:
    """Refuses a head whose layers lack what is taken apart, by its published name.

    Raises:
        ModelError: see there.
    """
    for prefix in (FORWARD, BACKWARD):
        for layer in range(count(tensors, rf"{re.escape(prefix + _LAYER)}(\d+)\.")):
            for attention in ("self_attn", "multihead_attn"):
                stem = f"{prefix}{_LAYER}{layer}.{attention}.in_proj_"
                shape_of(tensors, f"{stem}weight", 2, where)
                shape_of(tensors, f"{stem}bias", 1, where)


def published_names(name: str) -> tuple[str, ...]:
    """The names, in what `taken_apart` gives, of what a `ReportDecoder` calls `name`."""
    if name == "bias":
        return (f"{FORWARD}output.bias",)
    layer = re.fullmatch(r"(backward_)?layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if layer is None:
        stem, _, kind = name.rpartition(".")
        return (f"{FORWARD}{_OUTSIDE[stem]}.{kind}",)
    there = f"{BACKWARD if layer[1] else FORWARD}{_LAYER}{layer[2]}"
    part, _, inner = layer[3].partition(".")
    kind = layer[4]
    if part.endswith("attention"):
        stem = f"{there}.{_IN_LAYER[part]}"
        return (f"{stem}.out_proj.{kind}" if inner == "output" else f"{stem}.in_proj_{kind}.{inner}",)
    return (f"{there}.{_IN_LAYER[layer[3]]}.{kind}",)

"""Vision transformers as ViT-pytorch (jeonsworld) and Google's `.npz` files name them, as a timm backbone.

All three are the architecture of Dosovitskiy et al. 2021 (arXiv:2010.11929): queries, keys and values are
apart there and one matrix in timm; in Google's files they have an axis for the heads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.errors import ModelError

NAME = "vit_base_patch16_224"
POSITIONS = "embeddings.position_embeddings"
_PATCHES = "embeddings.patch_embeddings.weight"
HEAD_WIDTH = 64
"""Features of an attention head in every published size."""

Interpolation = Literal["linear", "bicubic"]

_BASE = {"embed_dim": 768, "depth": 12, "num_heads": 12, "patch_size": 16, "mlp_ratio": 4.0}
_DROPOUT = {"pos_drop_rate": 0.1, "proj_drop_rate": 0.1}
_OUTSIDE = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": POSITIONS,
    "patch_embed.proj.weight": "embeddings.patch_embeddings.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.bias",
    "norm.weight": "encoder.encoder_norm.weight",
    "norm.bias": "encoder.encoder_norm.bias",
}
_IN_BLOCK = {
    "norm1": "attention_norm",
    "norm2": "ffn_norm",
    "attn.proj": "attn.out",
    "mlp.fc1": "ffn.fc1",
    "mlp.fc2": "ffn.fc2",
}


def vit_image(
    tensors: Mapping[str, Tensor], prefix: str, heads: int | None, image_size: int | None, where: str
) -> dict[str, Any]:
    """The settings of an image encoder with the `tensors` below `prefix`; its pooled feature is the class
    token.

    Shapes say everything but the number of attention heads: `heads`, or one for every 64 features.
    `image_size` is that of the films, where it is not the one the positions were learned for.

    Raises:
        ModelError: not a vision transformer with a class token and a square grid of positions, or heads that
            do not divide its width.
    """
    width, colours, patch, _ = shape_of(tensors, prefix + _PATCHES, 4, where)
    inner, _ = shape_of(tensors, f"{prefix}encoder.layer.0.ffn.fc1.weight", 2, where)
    if colours != 3:
        raise ModelError(f"{where}: its image encoder takes {colours} channels, such a model 3")
    wanted = heads_of(width, heads, "image", where)
    settings = {
        "embed_dim": width,
        "depth": count(tensors, rf"{re.escape(prefix)}encoder\.layer\.(\d+)\."),
        "num_heads": wanted,
        "patch_size": patch,
        "mlp_ratio": inner / width,
    }
    size = image_size or _grid(tensors, prefix, where) * patch
    if size % patch:
        raise ModelError(f"{where}: image_size {size} is no multiple of its patches of {patch} px")
    changed = {key: value for key, value in settings.items() if value != _BASE[key]}
    return {
        "use": "timm",
        "name": NAME,
        "pooling": "token",
        "image_size": size,
        "settings": {**changed, **_DROPOUT},
    }


def heads_of(width: int, heads: int | None, part: str, where: str) -> int:
    """The attention heads of a part that is `width` features wide: `heads`, or one for every 64 features.

    Raises:
        ModelError: they do not divide it.
    """
    wanted = heads or max(1, width // HEAD_WIDTH)
    if width % wanted or (heads is None and width % HEAD_WIDTH):
        raise ModelError(
            f"{where}: its {part} part has {width} features, which {wanted} attention heads do not divide "
            f"as published; give {part}_heads=N"
        )
    return wanted


def with_positions_for(
    tensors: Mapping[str, Tensor], prefix: str, image_size: int, how: Interpolation, where: str
) -> dict[str, Tensor]:
    """`tensors` with the grid of positions below `prefix` resized for films of `image_size` pixels; that of
    the class token stays.

    "linear" keeps the corners of the grid where they are, as the published code does
    (`scipy.ndimage.zoom` of order 1); "bicubic" its edges, with antialiasing, as timm does.
    """
    _, _, patch, _ = shape_of(tensors, prefix + _PATCHES, 4, where)
    old, side = _grid(tensors, prefix, where), image_size // patch
    if old == side:
        return dict(tensors)
    positions = tensors[prefix + POSITIONS].float()
    own, grid = positions[:, :1], positions[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    options: dict[str, Any] = {"mode": "bilinear", "align_corners": True}
    if how == "bicubic":
        options = {"mode": "bicubic", "antialias": True}
    resized = torch.nn.functional.interpolate(grid, size=(side, side), **options)
    return {**tensors, prefix + POSITIONS: torch.cat([own, resized.flatten(2).transpose(1, 2)], dim=1)}


def _grid(tensors: Mapping[str, Tensor], prefix: str, where: str) -> int:
    _, places, _ = shape_of(tensors, prefix + POSITIONS, 3, where)
    side = math.isqrt(places - 1)
    if side * side != places - 1 or side == 0:
        raise ModelError(f"{where}: its {places} positions are no class token and a square grid")
    return side


def published_names(name: str) -> tuple[str, ...]:
    """The names in a checkpoint of what a timm vision transformer calls `name`."""
    block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name)
    if block is None:
        return (_OUTSIDE[name],)
    there, part, kind = f"encoder.layer.{block[1]}", block[2], block[3]
    if part == "attn.qkv":
        return tuple(f"{there}.attn.{which}.{kind}" for which in ("query", "key", "value"))
    return (f"{there}.{_IN_BLOCK[part]}.{kind}",)


_JAX = {
    r"cls": "embeddings.cls_token",
    r"embedding/kernel": "embeddings.patch_embeddings.weight",
    r"embedding/bias": "embeddings.patch_embeddings.bias",
    r"Transformer/posembed_input/pos_embedding": POSITIONS,
    r"Transformer/encoder_norm/scale": "encoder.encoder_norm.weight",
    r"Transformer/encoder_norm/bias": "encoder.encoder_norm.bias",
}
_JAX_IN_BLOCK = {
    "LayerNorm_0/scale": "attention_norm.weight",
    "LayerNorm_0/bias": "attention_norm.bias",
    "LayerNorm_2/scale": "ffn_norm.weight",
    "LayerNorm_2/bias": "ffn_norm.bias",
    "MlpBlock_3/Dense_0/kernel": "ffn.fc1.weight",
    "MlpBlock_3/Dense_0/bias": "ffn.fc1.bias",
    "MlpBlock_3/Dense_1/kernel": "ffn.fc2.weight",
    "MlpBlock_3/Dense_1/bias": "ffn.fc2.bias",
    **{
        f"MultiHeadDotProductAttention_1/{which}/{kind}": f"attn.{which}.{ours}"
        for which in ("query", "key", "value", "out")
        for kind, ours in (("kernel", "weight"), ("bias", "bias"))
    },
}


def of_jax(arrays: Mapping[str, NDArray[Any]], where: str) -> tuple[dict[str, Tensor], int]:
    """The tensors of one of Google's files by the names of ViT-pytorch, and the number of attention heads.

    A name that is not the image encoder's stays as it is.

    Raises:
        ModelError: an array has another number of axes, or there are no queries.
    """
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    query = "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel"
    _, heads, _ = shape_of(tensors, query, 3, where)
    return {_of_jax_name(name): _of_jax(name, tensors, where) for name in tensors}, heads


def _of_jax_name(name: str) -> str:
    block = re.fullmatch(r"Transformer/encoderblock_(\d+)/(.+)", name)
    if block is None:
        return _JAX.get(name, name)
    known = _JAX_IN_BLOCK.get(block[2])
    return name if known is None else f"encoder.layer.{block[1]}.{known}"


def _of_jax(name: str, tensors: Mapping[str, Tensor], where: str) -> Tensor:
    if _of_jax_name(name) == name:
        return tensors[name]
    for ending, (axes, change) in _CHANGES.items():
        if name.endswith(ending):
            shape_of(tensors, name, axes, where)
            return change(tensors[name]).contiguous()
    return tensors[name]


_CHANGES: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
    "embedding/kernel": (4, lambda kernel: kernel.permute(3, 2, 0, 1)),
    "out/kernel": (3, lambda kernel: kernel.flatten(0, 1).T),
    **{f"{which}/kernel": (3, lambda kernel: kernel.flatten(1).T) for which in ("query", "key", "value")},
    **{f"{which}/bias": (2, torch.flatten) for which in ("query", "key", "value")},
    **{f"Dense_{number}/kernel": (2, lambda kernel: kernel.T) for number in (0, 1)},
}
"""By the end of a name in Google's files: the axes of the array, and how it becomes a tensor of PyTorch."""

"""Swin as the transformers library (before its version 5) names it, as a timm backbone.

Both are ports of one reference (Liu et al. 2021, arXiv:2103.14030). timm keeps queries, keys and values in
one matrix, and merges patches at the start of a stage, not at the end of the one before; the order in which
four patches are merged is the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.errors import ModelError

NAME = "swin_tiny_patch4_window7_224"
UNUSED = (r"encoder\.layers\.\d+\.blocks\.\d+\.attention\.self\.relative_position_index",)
"""Follows from the size of the window alone."""

_TINY = {
    "patch_size": 4,
    "embed_dim": 96,
    "depths": [2, 2, 6, 2],
    "num_heads": [3, 6, 12, 24],
    "window_size": 7,
    "mlp_ratio": 4.0,
}
_IN_BLOCK = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
_OUTSIDE = {
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "patch_embed.norm": "embeddings.norm",
    "norm": "layernorm",
}


def swin_settings(tensors: Mapping[str, Tensor], where: str) -> dict[str, Any]:
    """The settings of timm's Swin-Tiny that fit these `tensors`: none for one of the usual size.

    Raises:
        ModelError: not a Swin.
    """
    width, _, _, patch = shape_of(tensors, "embeddings.patch_embeddings.projection.weight", 4, where)
    stages = range(count(tensors, r"encoder\.layers\.(\d+)\."))
    tables = [
        shape_of(
            tensors, f"encoder.layers.{stage}.blocks.0.attention.self.relative_position_bias_table", 2, where
        )
        for stage in stages
    ]
    if not tables:
        raise ModelError(f"{where}: its image encoder has no stages, a Swin has four")
    inner, outer = shape_of(tensors, "encoder.layers.0.blocks.0.intermediate.dense.weight", 2, where)
    found = {
        "patch_size": patch,
        "embed_dim": width,
        "depths": [count(tensors, rf"encoder\.layers\.{stage}\.blocks\.(\d+)\.") for stage in stages],
        "num_heads": [heads for _, heads in tables],
        "window_size": (math.isqrt(tables[0][0]) + 1) // 2,
        "mlp_ratio": inner / outer,
    }
    return {key: value for key, value in found.items() if value != _TINY[key]}


def published_names(name: str) -> tuple[str, ...]:
    """The names in a checkpoint of what a timm Swin calls `name`."""
    stem, _, kind = name.rpartition(".")
    merging = re.fullmatch(r"layers\.(\d+)\.downsample\.(norm|reduction)", stem)
    if merging:
        return (f"encoder.layers.{int(merging[1]) - 1}.downsample.{merging[2]}.{kind}",)
    block = re.fullmatch(r"layers\.(\d+)\.blocks\.(\d+)\.(.+)", name)
    if block is None:
        return (f"{_OUTSIDE[stem]}.{kind}",)
    there = f"encoder.layers.{block[1]}.blocks.{block[2]}"
    if block[3] == "attn.relative_position_bias_table":
        return (f"{there}.attention.self.relative_position_bias_table",)
    part = block[3].removesuffix(f".{kind}")
    if part == "attn.qkv":
        return tuple(f"{there}.attention.self.{which}.{kind}" for which in ("query", "key", "value"))
    return (f"{there}.{_IN_BLOCK[part]}.{kind}",)

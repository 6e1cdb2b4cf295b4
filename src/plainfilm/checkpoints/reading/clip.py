"""The towers of OpenAI's CLIP (Radford et al. 2021, arXiv:2103.00020) as its code names them.

The image tower becomes a timm backbone, the text tower a model of the transformers library. Queries, keys and
values are one tensor there, which the latter keeps apart; projections are stored with their input first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.checkpoints.reading.vit import heads_of
from plainfilm.errors import ModelError

IMAGE_NAME, IMAGE_NAME_GELU = "vit_base_patch32_clip_quickgelu_224", "vit_base_patch32_clip_224"
TOKENIZER = "openai/clip-vit-base-patch32"
WORDS, SCALE = "token_embedding.weight", "logit_scale"
UNUSED = (r"input_resolution", r"context_length", r"vocab_size")
"""Numbers that the scripted files of OpenAI carry beside the weights."""

_BASE = {"embed_dim": 768, "depth": 12, "num_heads": 12, "patch_size": 32, "mlp_ratio": 4.0}
_BLOCK = "transformer.resblocks."
_OUTSIDE_IMAGE = {
    "cls_token": "class_embedding",
    "pos_embed": "positional_embedding",
    "patch_embed.proj.weight": "conv1.weight",
}
_OUTSIDE_TEXT = {
    "embeddings.token_embedding.weight": WORDS,
    "embeddings.position_embedding.weight": "positional_embedding",
}
_IN_BLOCK = {
    "norm1": "ln_1",
    "norm2": "ln_2",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "attn.proj": "attn.out_proj",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_NORMS = {"norm_pre": "ln_pre", "norm": "ln_post", "final_layer_norm": "ln_final"}


def clip_image(tensors: Mapping[str, Tensor], prefix: str, heads: int | None, where: str) -> dict[str, Any]:
    """The settings of an image encoder with the `tensors` below `prefix`; its pooled feature is the class
    token. Shapes say everything but the number of attention heads: `heads`, or one for every 64 features.

    Raises:
        ModelError: not such a tower: it lacks a tensor, takes other channels, or has no square grid.
    """
    width, colours, patch, _ = shape_of(tensors, f"{prefix}conv1.weight", 4, where)
    positions, _ = shape_of(tensors, f"{prefix}positional_embedding", 2, where)
    inner, _ = shape_of(tensors, f"{prefix}{_BLOCK}0.mlp.c_fc.weight", 2, where)
    side = math.isqrt(positions - 1)
    if colours != 3 or side * side != positions - 1:
        raise ModelError(
            f"{where}: its image tower takes {colours} channels and has {positions} positions; CLIP's takes "
            "3 and has one more than a square number"
        )
    settings = {
        "embed_dim": width,
        "depth": count(tensors, rf"{re.escape(prefix + _BLOCK)}(\d+)\."),
        "num_heads": heads_of(width, heads, "image", where),
        "patch_size": patch,
        "mlp_ratio": inner / width,
    }
    return {
        "use": "timm",
        "name": IMAGE_NAME,
        "pooling": "token",
        "image_size": side * patch,
        "settings": {key: value for key, value in settings.items() if value != _BASE[key]},
    }


def clip_text(tensors: Mapping[str, Tensor], prefix: str, heads: int | None, where: str) -> dict[str, Any]:
    """The settings of a text encoder with the `tensors` below `prefix`: causal, with QuickGELU, and pooled at
    the end token, which is the last of the vocabulary.

    Raises:
        ModelError: not such a tower.
    """
    rows, width = shape_of(tensors, prefix + WORDS, 2, where)
    positions, _ = shape_of(tensors, f"{prefix}positional_embedding", 2, where)
    inner, _ = shape_of(tensors, f"{prefix}{_BLOCK}0.mlp.c_fc.weight", 2, where)
    return {
        "use": "transformers",
        "name": TOKENIZER,
        "pretrained": False,
        "pooling": "end",
        "settings": {
            "model_type": "clip_text_model",
            "vocab_size": rows,
            "hidden_size": width,
            "intermediate_size": inner,
            "num_hidden_layers": count(tensors, rf"{re.escape(prefix + _BLOCK)}(\d+)\."),
            "num_attention_heads": heads_of(width, heads, "text", where),
            "max_position_embeddings": positions,
            "hidden_act": "quick_gelu",
            "bos_token_id": rows - 2,
            "eos_token_id": rows - 1,
        },
    }


def taken_apart(tensors: Mapping[str, Tensor], image: str, text: str, where: str) -> dict[str, Tensor]:
    """`tensors` in the shapes of our towers, below the prefixes `image` and `text`.

    Raises:
        ModelError: one that is changed is missing or has other axes.
    """
    return text_apart(image_apart(tensors, image, where), text, where)


def image_apart(tensors: Mapping[str, Tensor], prefix: str, where: str) -> dict[str, Tensor]:
    """`tensors` with those of the image tower below `prefix` in the shapes of ours; see `taken_apart`."""
    found = _turned(tensors, f"{prefix}proj", where)
    for name, axes in ((f"{prefix}class_embedding", 1), (f"{prefix}positional_embedding", 2)):
        shape_of(found, name, axes, where)
        found[name] = found[name].reshape(1, -1, found[name].shape[-1])
    return found


def text_apart(tensors: Mapping[str, Tensor], prefix: str, where: str) -> dict[str, Tensor]:
    """The same for the text tower; its projection may be a layer, which is as ours."""
    projection = f"{prefix}text_projection"
    is_layer = f"{projection}.weight" in tensors
    found = dict(tensors) if is_layer else _turned(tensors, projection, where)
    return with_attention_apart(found, rf"{re.escape(prefix)}{re.escape(_BLOCK)}\d+\.attn\.", where)


def _turned(tensors: Mapping[str, Tensor], name: str, where: str) -> dict[str, Tensor]:
    shape_of(tensors, name, 2, where)
    return {**tensors, name: tensors[name].T.contiguous()}


def with_attention_apart(tensors: Mapping[str, Tensor], pattern: str, where: str) -> dict[str, Tensor]:
    """`tensors` with every `in_proj_weight` and `in_proj_bias` whose name begins with `pattern` as those of
    queries, keys and values (`q_proj.weight`, ...).

    Raises:
        ModelError: one that is not three of a kind.
    """
    found = dict(tensors)
    for name in tensors:
        match = re.fullmatch(rf"({pattern})in_proj_(weight|bias)", name)
        if match is None:
            continue
        rows, *_ = shape_of(tensors, name, 2 if match[2] == "weight" else 1, where)
        if rows % 3:
            raise ModelError(f"{where}: tensor '{name}' has {rows} rows, which are not three of a kind")
        parts = found.pop(name).chunk(3)
        found |= {
            f"{match[1]}{which}_proj.{match[2]}": part for which, part in zip("qkv", parts, strict=True)
        }
    return found


def image_name(name: str) -> str:
    """The name in CLIP's image tower of what timm calls `name`."""
    if name in _OUTSIDE_IMAGE:
        return _OUTSIDE_IMAGE[name]
    fused = re.fullmatch(r"blocks\.(\d+)\.attn\.qkv\.(weight|bias)", name)
    if fused:
        return f"{_BLOCK}{fused[1]}.attn.in_proj_{fused[2]}"
    return _renamed(name, r"blocks\.(\d+)\.(.+)\.(weight|bias)")


def text_name(name: str) -> str:
    """The name in CLIP's text tower, taken apart, of what the transformers library calls `name`."""
    if name in _OUTSIDE_TEXT:
        return _OUTSIDE_TEXT[name]
    apart = re.fullmatch(r"encoder\.layers\.(\d+)\.self_attn\.([qkv]_proj\..+)", name)
    if apart:
        return f"{_BLOCK}{apart[1]}.attn.{apart[2]}"
    return _renamed(name, r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


def _renamed(name: str, pattern: str) -> str:
    block = re.fullmatch(pattern, name)
    if block:
        return f"{_BLOCK}{block[1]}.{_IN_BLOCK[block[2]]}.{block[3]}"
    stem, _, kind = name.rpartition(".")
    return f"{_NORMS[stem]}.{kind}"

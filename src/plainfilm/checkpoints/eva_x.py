"""EVA-X (Yao et al., npj Digital Medicine 8, 2025): EVA-02 vision transformers of chest films.

A file is a state dict of masked-image pre-training (`eva_x_base_patch16_merged520k_mim.pt`, and its smaller
sizes): names of EVA-02's own code, which are those of timm but for its perceptron. It encodes films and reads
no texts, so it becomes a study encoder whose films are averaged. As upstream, the pooled feature is the mean
of the patches after a normalisation that takes over the weights of the last one of pre-training.

The training data are 520 thousand films of ChestX-ray14, CheXpert and MIMIC-CXR. The repository has a badge
of the MIT licence and no licence file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field
from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading.films_alone import films_alone, square_grid
from plainfilm.checkpoints.reading.opened import below
from plainfilm.checkpoints.reading.source import Source, Stated, imported, open_source, refuse
from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.checkpoints.reading.vit import heads_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing

LICENCE = "MIT by a badge of the repository, which has no licence file"
ROOTS = (
    "blocks",
    "patch_embed",
    "cls_token",
    "pos_embed",
    "norm",
    "fc_norm",
    "mask_token",
    "lm_head",
    "rope",
)
NAME = "eva02_base_patch16_clip_224"
DATA = ("ChestX-ray14", "CheXpert", "MIMIC-CXR")

_UNUSED = (r"(blocks\.\d+\.attn\.)?rope\..*", r"mask_token", r"lm_head\..*", r"head\..*")
"""Angles that follow from the grid, and what guesses hidden patches."""
_MEAN, _STD = 0.49185243, 0.28509309
_PARTS = (
    ("mlp.ffn_ln", "mlp.norm"),
    ("attn.inner_attn_ln", "attn.norm"),
    ("mlp.w12", "mlp.fc1"),
    ("mlp.w1", "mlp.fc1_g"),
    ("mlp.w2", "mlp.fc1_x"),
    ("mlp.w3", "mlp.fc2"),
)
"""EVA-02's names of a block's parts, and timm's."""


class Config(CheckpointConfig):
    """What only a person knows. image_heads: attention heads, where they are not 64 features wide. tokenizer
    is of no use."""

    image_heads: int | None = Field(default=None, ge=1)


def read(path: Path, config: Config) -> Imported:
    """The image encoder of a checkpoint of EVA-X.

    Raises:
        ModelError: not an EVA-02, or a damaged one.
    """
    source = open_source(path, "eva-x", ROOTS, config, {})
    refuse(source, "it reads no texts", tokenizer=config.tokenizer)
    source = source.with_tensors(_renamed(source))
    image = _image(source, config)
    stated = Stated(preprocessing(int(image["image_size"])), data=DATA)
    return imported(source, films_alone(image), _published_names, _UNUSED, stated)


def preprocessing(size: int) -> Preprocessing:
    """That of the published evaluation for an input of `size` pixels."""
    resized = int(size / (224 / 256)) if size <= 224 else size
    return Preprocessing(
        size=size,
        resize=resized,
        filter="bicubic",
        order="resize_first",
        mean=(_MEAN,) * 3,
        std=(_STD,) * 3,
    )


def _renamed(source: Source) -> dict[str, Tensor]:
    """The tensors by timm's names.

    Raises:
        ModelError: two of one name.
    """
    apart = "blocks.0.attn.q_proj.weight" in source.tensors
    found: dict[str, Tensor] = {}
    for name, tensor in source.tensors.items():
        for theirs, ours in _PARTS:
            name = name.replace(theirs, ours)
        if apart:
            name = re.sub(r"attn\.([qv])_bias$", r"attn.\1_proj.bias", name)
        if name in ("norm.weight", "norm.bias"):
            name = f"fc_{name}"
        if name in found:
            raise ModelError(f"{source.where}: has two tensors that are '{name}'")
        found[name] = tensor
    return found


def _image(source: Source, config: Config) -> dict[str, Any]:
    tensors, where = source.tensors, source.where
    width, side, patch = square_grid(tensors, "patch_embed.proj.weight", "pos_embed", where)
    return {
        "use": "timm",
        "name": NAME,
        "pooling": "native",
        "image_size": side * patch,
        "settings": {
            "embed_dim": width,
            "depth": count(tensors, r"blocks\.(\d+)\."),
            "num_heads": heads_of(width, config.image_heads, "image", where),
            "patch_size": patch,
            "ref_feat_shape": [side, side],
            "global_pool": "avg",
            **_of_blocks(below(tensors, "blocks.0."), width, where),
        },
    }


def _of_blocks(block: Mapping[str, Tensor], width: int, where: str) -> dict[str, Any]:
    """The settings that follow from which tensors the first block has."""
    _, inner = shape_of(block, "mlp.fc2.weight", 2, where)
    return {
        "qkv_fused": "attn.qkv.weight" in block,
        "mlp_ratio": (inner + 0.5) / width,  # timm rounds the product down
        "swiglu_mlp": True,
        "scale_mlp": "mlp.norm.weight" in block,
        "scale_attn_inner": "attn.norm.weight" in block,
    }


def _published_names(name: str) -> tuple[str, ...]:
    return (name.removeprefix("image.backbone."),)

"""CARZero (Lai et al. 2024, arXiv:2402.17417): ViT-B/16, BERT, and attention that scores a film and a text.

A file is a Lightning checkpoint (`CARZero_best_model.ckpt`), its tensors below `CARZero.`. A score is no
cosine, so that the model makes no bank. Layers for self-attention that upstream builds and never uses are
left out.

A text is the sum of the last four layers of its BERT, put together to words; as in GLoRIA, whose code it
descends from, it is small letters, digits and spaces alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from plainfilm.checkpoints.base import Imported
from plainfilm.checkpoints.reading import bert
from plainfilm.checkpoints.reading.films_alone import square_grid
from plainfilm.checkpoints.reading.layered_bert import LayeredConfig, layered_bert
from plainfilm.checkpoints.reading.opencv_films import padded_by_opencv
from plainfilm.checkpoints.reading.opened import check_family
from plainfilm.checkpoints.reading.source import Source, Stated, imported, open_source
from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.checkpoints.reading.vit import heads_of
from plainfilm.models import pair_scorer
from plainfilm.nn.pair_fusion import PairFusionConfig

LICENCE = "Apache-2.0 (code; the weights are linked from it)"
ROOTS = ("img_encoder", "text_encoder", "fusion_module")
TOKENIZER = "Laihaoran/BioClinicalMPBERT"

_IMAGE, _TEXT, _FUSION = "img_encoder.model.", "text_encoder.model.", "fusion_module."
_CONTINUES = "continues"
"""Not of the file: which tokens continue a word, from the tokenizer."""
_UNUSED = (
    *(rf"text_encoder\.model\.{pattern}" for pattern in bert.UNUSED),
    r"fusion_module\.logit_scale",
    r"fusion_module\.decoder\.layers\.\d+\.(self_attn|norm1)\..*",
    r"fusion_module\.decoder\.norm\.(weight|bias)",
)
_PLACES, _LAYERS, _FUSION_HEADS = 97, (-4, -3, -2, -1), 4
_MEAN, _STD = 0.4978, 0.2449
_IN_BLOCK = {
    "attention": "multihead_attn",
    "attention_norm": "norm2",
    "inner": "linear1",
    "outer": "linear2",
    "perceptron_norm": "norm3",
}


class Config(LayeredConfig):
    """What only a person knows; see `LayeredConfig`.

    image_heads: attention heads, where they are not 64 features wide. fusion_heads: of the fusion.
    """

    image_heads: int | None = Field(default=None, ge=1)
    fusion_heads: int = Field(default=_FUSION_HEADS, ge=1)


def read(path: Path, config: Config) -> Imported:
    """The pair scorer of a checkpoint of CARZero.

    Raises:
        ModelError: not such a checkpoint, or a damaged one.
    """
    source = open_source(path, "carzero", ROOTS, config, {})
    where = source.where
    check_family(source.tensors, (f"{_FUSION}decoder_norm.weight",), "CARZero", where)
    text = layered_bert(
        source, _TEXT, _LAYERS, config, published=TOKENIZER, longest=_PLACES, cleaning="words"
    )
    architecture = pair_scorer.Config(
        image=_image(source, config),
        text=text.encoder,
        fusion=_fusion(source, config),
        places=_PLACES,
        factor=float(len(_LAYERS)),
    )
    tokenizer = text.tokenizer()
    continues = torch.tensor([tokenizer.continues_word(token) for token in range(text.rows)])
    stated = Stated(
        padded_by_opencv(int(architecture.image["image_size"]), _MEAN, _STD),
        data=("MIMIC-CXR",),
        text_rule="findings_impression",
        prompts="There is {finding}. One sentence for each finding, none for its absence",
    )

    return imported(
        source.with_tensors({**source.tensors, _CONTINUES: continues}),
        architecture,
        _published_names,
        _UNUSED,
        stated,
        rows=(text.rows, text.longest),
        tokenizer=lambda: tokenizer,
    )


def _image(source: Source, config: Config) -> dict[str, Any]:
    tensors, where = source.tensors, source.where
    width, side, patch = square_grid(tensors, f"{_IMAGE}patch_embed.proj.weight", f"{_IMAGE}pos_embed", where)
    inner, _ = shape_of(tensors, f"{_IMAGE}blocks.0.mlp.fc1.weight", 2, where)
    return {
        "use": "timm",
        "name": "vit_base_patch16_224",
        "pooling": "token",
        "image_size": side * patch,
        "settings": {
            "embed_dim": width,
            "depth": count(tensors, rf"{re.escape(_IMAGE)}blocks\.(\d+)\."),
            "num_heads": heads_of(width, config.image_heads, "image", where),
            "patch_size": patch,
            "mlp_ratio": inner / width,
        },
    }


def _fusion(source: Source, config: Config) -> PairFusionConfig:
    inner, _ = shape_of(source.tensors, f"{_FUSION}decoder.layers.0.linear1.weight", 2, source.where)
    head = sorted(
        (int(found[1]), tensor)
        for name, tensor in source.tensors.items()
        if (found := re.fullmatch(rf"{re.escape(_FUSION)}mlp_head\.(\d+)\.bias", name))
    )
    return PairFusionConfig(
        depth=max(1, count(source.tensors, rf"{re.escape(_FUSION)}decoder\.layers\.(\d+)\.")),
        heads=config.fusion_heads,
        feed_forward=inner,
        hidden=tuple(len(tensor) for _, tensor in head[:-1]),
    )


def _published_names(name: str) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    if part == "image":
        return (_IMAGE + rest.removeprefix("backbone."),)
    if part == "text":
        return (_TEXT + rest.removeprefix("encoder."),)
    if part != "fusion":
        return (_CONTINUES,)
    if rest.startswith("norm."):
        return (f"{_FUSION}decoder_{rest}",)
    if rest.startswith("head."):
        return (f"{_FUSION}mlp_{rest}",)
    _, number, layer, kind = rest.split(".", 3)
    return (f"{_FUSION}decoder.layers.{number}.{_IN_BLOCK[layer]}.{kind}",)

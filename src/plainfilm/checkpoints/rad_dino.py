"""RAD-DINO (Perez-Garcia et al., Nature Machine Intelligence 7, 2025): a DINOv2 ViT-B/14 of chest films.

What is published is a folder of the transformers library (`microsoft/rad-dino`: `model.safetensors`,
`config.json`, `preprocessor_config.json`); another DINOv2 of that library is read as well. It encodes films
and reads no texts, so it becomes a study encoder whose films are averaged: for `embed`, linear probes and as
the start of a training. Its feature is the class token after the last normalisation.

Films are resized by Pillow, as the image processor of transformers did when it was published.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading import dinov2
from plainfilm.checkpoints.reading.films_alone import films_alone, square_grid
from plainfilm.checkpoints.reading.hub_images import hub_preprocessing
from plainfilm.checkpoints.reading.opened import CONFIG, read_settings
from plainfilm.checkpoints.reading.source import Source, Stated, imported, open_source, refuse
from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.checkpoints.reading.training_images import read_training_images
from plainfilm.checkpoints.reading.vit import heads_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing

LICENCE = "MIT on the model card of today (earlier revisions: Microsoft's research licence, MSRLA)"
ROOTS = ("embeddings", "encoder", "layernorm")
NAME = "vit_base_patch14_dinov2"
DATA = ("BRAX", "ChestX-ray8", "CheXpert", "MIMIC-CXR", "PadChest")

_MEAN, _STD = 0.5307, 0.2583
_BASE = {"embed_dim": 768, "depth": 12, "num_heads": 12, "patch_size": 14, "mlp_ratio": 4.0}
_PATCHES = "embeddings.patch_embeddings.projection.weight"


class Config(CheckpointConfig):
    """What only a person knows.

    image_heads: attention heads, where they are not 64 features wide and no `config.json` lies beside the
    weights. training_images: the published list of training films (`training_images.csv`), so that an
    evaluation refuses patients among them. tokenizer is of no use.
    """

    image_heads: int | None = Field(default=None, ge=1)
    training_images: str | None = None


def read(path: Path, config: Config) -> Imported:
    """The image encoder of a checkpoint of RAD-DINO.

    Raises:
        ModelError: not a DINOv2 of the transformers library, or a damaged one.
    """
    source = open_source(path, "rad-dino", ROOTS, config, {})
    refuse(source, "it reads no texts", tokenizer=config.tokenizer)
    image = _image(source, config)
    seen = None if config.training_images is None else read_training_images(Path(config.training_images))
    more = {} if seen is None else {"training_images": seen.facts}
    stated = Stated(_preprocessing(source, int(image["image_size"])), data=DATA, more=more)
    found = imported(source, films_alone(image), _published_names, dinov2.UNUSED, stated)
    return found if seen is None else replace(found, patients=seen.keys)


def _image(source: Source, config: Config) -> dict[str, Any]:
    where, tensors = source.where, source.tensors
    width, side, patch = square_grid(tensors, _PATCHES, "embeddings.position_embeddings", where)
    inner, _ = shape_of(tensors, "encoder.layer.0.mlp.fc1.weight", 2, where)
    settings = {
        "embed_dim": width,
        "depth": count(tensors, r"encoder\.layer\.(\d+)\."),
        "num_heads": heads_of(width, _heads(source, config), "image", where),
        "patch_size": patch,
        "mlp_ratio": inner / width,
    }
    return {
        "use": "timm",
        "name": NAME,
        "pooling": "token",
        "image_size": side * patch,
        "settings": {key: value for key, value in settings.items() if value != _BASE[key]},
    }


def _heads(source: Source, config: Config) -> int | None:
    """The attention heads that a person or `config.json` states."""
    file = source.opened.folder / CONFIG
    if not source.opened.path.is_dir() and not file.is_file():
        return config.image_heads
    settings = read_settings(file)
    if settings.get("model_type") != "dinov2":
        raise ModelError(f"{file}: is of a '{str(settings.get('model_type'))[:40]}', RAD-DINO is a dinov2")
    heads = settings.get("num_attention_heads")
    return config.image_heads or (heads if isinstance(heads, int) and heads > 0 else None)


def _preprocessing(source: Source, size: int) -> Preprocessing:
    stated = hub_preprocessing(source.opened.folder, size)
    return stated or Preprocessing(
        size=size,
        filter="bicubic",
        order="resize_first",
        odd_margin="down",
        mean=(_MEAN,) * 3,
        std=(_STD,) * 3,
    )


def _published_names(name: str) -> tuple[str, ...]:
    return dinov2.published_names(name.removeprefix("image.backbone."))

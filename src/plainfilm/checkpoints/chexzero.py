"""CheXzero (Tiu et al., Nature Biomedical Engineering 6, 2022): a CLIP ViT-B/32 trained on MIMIC-CXR.

A file is the bare state dict of OpenAI's CLIP (`best_64_5e-05_original_22000_0.864.pt` and nine more); those
of OpenAI itself that hold a state dict are read as well. Code and weights are under the MIT licence.

Films are scaled to 320 pixels on the longer side (Lanczos), padded with black to a square, normalised, and
then scaled to 224 (bicubic, no antialiasing). A model of another input size takes the padded square as it is.
The published script computes the longer side as `int(x * (320 / x))`, which is 319 for two sizes in a
hundred (of 581 pixels, say); here it is always 320.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading import clip
from plainfilm.checkpoints.reading.source import Stated, imported, open_source
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.checkpoints.reading.tokenizer import tokenizer_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing, Resampling
from plainfilm.io.torch_files import number
from plainfilm.models import dual_encoder
from plainfilm.nn.projection import ProjectionConfig

ROOTS = (
    *("visual", "transformer", "token_embedding", "positional_embedding", "ln_final", "text_projection"),
    "logit_scale",
)
"""What the names of its tensors begin with."""

LICENCE = "MIT (code and weights)"
KNOWN = {
    "best_64_5e-05_original_22000_0.864.pt": (
        "567a2efbabc6a02370de6e18178afd22ee72d7e6f29a789db1535e5c798d6ae8"
    ),
}
"""SHA-256 of a published file, the one that ChEX starts from."""

_IMAGE, _TEXT = "visual.", ""
_PADDED_SIDE, _PRETRAINED_SIDE = 320, 224
_GREY_MEAN, _GREY_STD = 101.48761, 83.43944


class Config(CheckpointConfig):
    """What only a person knows. tokenizer: by default CLIP's. image_heads, text_heads: attention heads, where
    they are not 64 features wide.
    """

    image_heads: int | None = Field(default=None, ge=1)
    text_heads: int | None = Field(default=None, ge=1)


def read(path: Path, config: Config) -> Imported:
    """The dual encoder of a checkpoint of CheXzero.

    Raises:
        ModelError: not such a checkpoint, or a damaged one.
    """
    source = open_source(path, "chexzero", ROOTS, config, KNOWN)
    architecture = _architecture(source.tensors, config, source.where)
    settings = architecture.text["settings"]
    rows, longest = int(settings["vocab_size"]), int(settings["max_position_embeddings"])
    stated = Stated(
        preprocessing(int(architecture.image["image_size"])),
        objective="infonce",
        data=("MIMIC-CXR",),
        text_rule="impression",
        prompts="{finding} and no {finding}; upstream compares plain cosines and averages ten models",
    )
    name = config.tokenizer or clip.TOKENIZER

    return imported(
        source.with_tensors(clip.taken_apart(source.tensors, _IMAGE, _TEXT, source.where)),
        architecture,
        _published_names,
        clip.UNUSED,
        stated,
        rows=(rows, longest),
        tokenizer=lambda: tokenizer_of(name, longest, rows, offline=config.offline),
    )


def _architecture(tensors: Mapping[str, Tensor], config: Config, where: str) -> dual_encoder.Config:
    dimension = shape_of(tensors, f"{_IMAGE}proj", 2, where)[1]
    scale = number(tensors.get(clip.SCALE))
    if scale is None or not math.isfinite(scale):
        raise ModelError(f"{where}: tensor '{clip.SCALE}' is missing or no finite number")
    return dual_encoder.Config(
        image=clip.clip_image(tensors, _IMAGE, config.image_heads, where),
        text=clip.clip_text(tensors, _TEXT, config.text_heads, where),
        projection=ProjectionConfig(kind="linear", dimension=dimension, bias=False),
        temperature=math.exp(-scale),
        scale_limit=max(100.0, math.ceil(math.exp(abs(scale)))),
    )


def _published_names(name: str) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    if part == "image":
        return (_IMAGE + clip.image_name(rest.removeprefix("backbone.")),)
    if part == "text":
        return (_TEXT + clip.text_name(rest.removeprefix("encoder.")),)
    return (
        {"image_projection": f"{_IMAGE}proj", "text_projection": f"{_TEXT}text_projection"}.get(
            part, clip.SCALE
        ),
    )


def preprocessing(size: int) -> Preprocessing:
    """That of the published code for an input of `size` pixels."""
    is_pretrained = size == _PRETRAINED_SIDE
    return Preprocessing(
        size=size,
        resize=_PADDED_SIDE if is_pretrained else None,
        fit="pad",
        library="pillow",
        filter="lanczos",
        order="resize_first",
        second=Resampling(library="torch", filter="bicubic", antialias=False, rounded=False)
        if is_pretrained
        else None,
        value_range=(0.0, 255.0),
        mean=(_GREY_MEAN,) * 3,
        std=(_GREY_STD,) * 3,
    )

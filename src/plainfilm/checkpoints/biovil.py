"""BioViL (Boecking et al. 2022, arXiv:2204.09817) and BioViL-T (Bannur et al. 2023, arXiv:2301.04558).

The checkpoint is that of the image encoder, `biovil_image_resnet50_proj_size_128.pt` or
`biovil_t_image_model_proj_size_128.pt`. `text=FOLDER` names the folder of the text encoder (CXR-BERT:
`microsoft/BiomedVLP-CXR-BERT-specialized` or `microsoft/BiomedVLP-BioViL-T`), which brings its vocabulary;
without it the model encodes films alone. The configuration of CXR-BERT asks for code of its own: nothing of
it is run, as a BERT and a perceptron over its first token are all that it is.

Films are stretched to all grey values, and neither mean nor deviation is taken off. Every patch is projected,
and a film is the mean of its projected patches. BioViL-T compares two films; here each stands alone, for
which it has learned a vector, and the layers that compare are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading import bert
from plainfilm.checkpoints.reading.films_alone import films_alone
from plainfilm.checkpoints.reading.opened import below, check_family, open_weights, origin, read_settings
from plainfilm.checkpoints.reading.published_file import model_tensors
from plainfilm.checkpoints.reading.source import Source, Stated, imported, open_source, refuse
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.checkpoints.reading.tokenizer import tokenizer_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.models import dual_encoder
from plainfilm.nn.projection import ProjectionConfig

LICENCE = "MIT (code and weights)"
ROOTS = ("encoder", "projector", "classifier")
KNOWN = {
    "biovil_image_resnet50_proj_size_128.pt": "02ce6ee460f72efd599295f440dbb453",
    "biovil_t_image_model_proj_size_128.pt": "a83080e2f23aa584a4f2b24c39b1bb64",
}
"""MD5 of the published files."""

_TEXT_ROOTS = ("bert", "cls", "cls_projection_head")
_REDUCED = "encoder.backbone_to_vit.weight"
_TEXT = "text."
"""Where the tensors of the text encoder are put."""
_HEAD = f"{_TEXT}cls_projection_head."
_UNUSED = (
    r"encoder\.vit_pooler\..*",
    r"encoder\.encoder\.fc\.(weight|bias)",
    r"classifier\..*",
    rf"{_TEXT}cls\..*",
    *(rf"{_TEXT}bert\.{pattern}" for pattern in bert.UNUSED),
)
_RESIZED, _SIDE, _SIDE_T = 512, 480, 448
_LONGEST = 512
_PROJECTOR = {"0": "model.0", "1": "model.1", "3": "model.3"}
_IN_HEAD = {"0": "dense_to_hidden", "2": "LayerNorm", "3": "dense_to_output"}


class Config(CheckpointConfig):
    """What a checkpoint does not bring. text: the folder of CXR-BERT. tokenizer: by default that folder's."""

    text: str | None = None


def read(path: Path, config: Config) -> Imported:
    """The dual encoder, or with no text encoder the encoder of films, of a checkpoint of BioViL.

    Raises:
        ModelError: not such a checkpoint, or a damaged one.
    """
    source = open_source(path, "biovil", ROOTS, config, KNOWN)
    check_family(source.tensors, ("encoder.encoder.conv1.weight",), "BioViL", source.where)
    image, dimension = _image(source)
    stated = Stated(
        preprocessing("compared" in image),
        objective="infonce" if config.text else None,
        data=("MIMIC-CXR",),
        text_rule="impression" if config.text else None,
        prompts="positive and negative sentences, several of each averaged before they are normalised",
    )
    if config.text is None:
        refuse(source, "without text=FOLDER it reads no texts", tokenizer=config.tokenizer)
        return imported(source, films_alone(image), _published_names, _UNUSED, stated)
    return _with_texts(source, config, image, dimension, stated)


def _with_texts(
    source: Source, config: Config, image: dict[str, Any], dimension: int, stated: Stated
) -> Imported:
    folder = Path(str(config.text)).expanduser()
    tensors, facts = _text_tensors(folder, config)
    where = str(folder)
    own = below(tensors, f"{_TEXT}bert.")
    settings = bert.bert_settings(own, None, where)
    hidden, _ = shape_of(tensors, f"{_HEAD}dense_to_hidden.weight", 2, where)
    shared, _ = shape_of(tensors, f"{_HEAD}dense_to_output.weight", 2, where)
    if shared != dimension:
        raise ModelError(
            f"{where}: gives {shared} features, the image encoder {dimension}: they do not belong together"
        )
    architecture = dual_encoder.Config(
        image=image,
        text={
            "use": "transformers",
            "name": where,
            "pretrained": False,
            "settings": settings,
            "pooling": "start",
        },
        projection=ProjectionConfig(kind="none", text_kind="norm_mlp", dimension=dimension, hidden=hidden),
        temperature=1.0,
        learn_temperature=False,
    )
    both = Source(
        source.opened,
        {**source.tensors, **tensors},
        {**source.facts, "text": facts},
        source.left_out,
    )
    rows = int(settings["vocab_size"])
    longest = min(_LONGEST, int(settings["max_position_embeddings"]))
    name = config.tokenizer or where

    return imported(
        both,
        architecture,
        _published_names,
        _UNUSED,
        stated,
        rows=(rows, longest),
        tokenizer=lambda: tokenizer_of(name, longest, rows, offline=config.offline),
    )


def _text_tensors(folder: Path, config: Config) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; text= names that of CXR-BERT, with its weights")
    if (folder / "config.json").is_file():
        read_settings(folder / "config.json", own_code=True)
    opened = open_weights(folder)
    found = model_tensors(opened.content, _TEXT_ROOTS, config.weights, str(folder))
    check_family(found.tensors, ("cls_projection_head.dense_to_hidden.weight",), "CXR-BERT", str(folder))
    return {f"{_TEXT}{name}": tensor for name, tensor in found.tensors.items()}, origin(opened, {})


def _image(source: Source) -> tuple[dict[str, Any], int]:
    """The settings of the image encoder, and the features of the shared space."""
    where = source.where
    hidden, _, _, _ = shape_of(source.tensors, "projector.model.0.weight", 4, where)
    dimension, _, _, _ = shape_of(source.tensors, "projector.model.3.weight", 4, where)
    image: dict[str, Any] = {"use": "projected", "dimension": dimension, "hidden": hidden}
    if _REDUCED in source.tensors:
        image["compared"] = shape_of(source.tensors, _REDUCED, 4, where)[0]
    return image, dimension


def preprocessing(compares: bool) -> Preprocessing:
    """That of the published inference, for BioViL or, if it `compares`, for BioViL-T."""
    return Preprocessing(
        size=_SIDE_T if compares else _SIDE,
        resize=_RESIZED,
        order="resize_first",
        stretch=True,
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
    )


def _published_names(name: str) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    if part == "log_scale":
        return ()
    if part == "text":
        return (f"{_TEXT}bert.{rest.removeprefix('encoder.')}",)
    if part == "text_projection":
        layer, _, kind = rest.partition(".")
        return (f"{_HEAD}{_IN_HEAD[layer]}.{kind}",)
    if rest.startswith("backbone."):
        return (f"encoder.encoder.{rest.removeprefix('backbone.')}",)
    if rest == "reduced.weight":
        return (_REDUCED,)
    if rest == "without_earlier":
        return ("encoder.missing_previous_emb",)
    layer, kind = re.fullmatch(r"projector\.(\d+)\.(.+)", rest).groups()  # type: ignore[union-attr]
    return (f"projector.{_PROJECTOR[layer]}.{kind}",)

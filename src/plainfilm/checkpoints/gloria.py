"""GLoRIA (Huang et al., ICCV 2021): ResNet-50 of chest films and Bio_ClinicalBERT, compared as a whole.

A file is a Lightning checkpoint, its tensors below `gloria.`. A text is the mean of the last four layers over
its tokens: upstream adds up the pieces of a word and divides by 97 places, empty ones included, neither of
which changes the direction of the vector. It is made of small letters, digits and spaces alone; upstream also
drops sentences of one word, which stay here. Films of 224 pixels are scaled to 299 inside the model.

Upstream's score is half of this similarity and half of one between words and regions, and is then normalised
over the films of a call, so that a film's score depends on its neighbours. Here is the first half alone, of
each film by itself; the layer for regions is left out.
"""

from __future__ import annotations

from pathlib import Path

from plainfilm.checkpoints.base import Imported
from plainfilm.checkpoints.reading import bert
from plainfilm.checkpoints.reading.layered_bert import LayeredConfig, layered_bert
from plainfilm.checkpoints.reading.opencv_films import padded_by_opencv
from plainfilm.checkpoints.reading.opened import check_family
from plainfilm.checkpoints.reading.source import Stated, imported, open_source
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.models import dual_encoder
from plainfilm.nn.projection import ProjectionConfig

LICENCE = "Apache-2.0 (code and weights)"
ROOTS = ("img_encoder", "text_encoder")
TOKENIZER = "emilyalsentzer/Bio_ClinicalBERT"

_IMAGE, _TEXT, _GLOBAL = "img_encoder.model.", "text_encoder.model.", "img_encoder.global_embedder."
_UNUSED = (
    *(rf"text_encoder\.model\.{pattern}" for pattern in bert.UNUSED),
    r"img_encoder\.local_embedder\.(weight|bias)",
    r"img_encoder\.model\.fc\.(weight|bias)",
)
_LONGEST, _LAYERS, _INSIDE = 97, (-4, -3, -2, -1), 299
_TEMPERATURE = 0.1
"""Cosines are multiplied by 10 in training."""


class Config(LayeredConfig):
    """What only a person knows; see `LayeredConfig`."""


def read(path: Path, config: Config) -> Imported:
    """The dual encoder of a checkpoint of GLoRIA.

    Raises:
        ModelError: not such a checkpoint, or a damaged one.
    """
    source = open_source(path, "gloria", ROOTS, config, {})
    where = source.where
    check_family(source.tensors, (f"{_GLOBAL}weight",), "GLoRIA", where)
    text = layered_bert(
        source, _TEXT, _LAYERS, config, published=TOKENIZER, longest=_LONGEST, cleaning="words"
    )
    dimension, _ = shape_of(source.tensors, f"{_GLOBAL}weight", 2, where)
    if dimension != text.width:
        raise ModelError(
            f"{where}: films have {dimension} features and texts {text.width}; published ones have as many"
        )
    architecture = dual_encoder.Config(
        image={"use": "timm", "name": "resnet50", "upsample": _INSIDE},
        text=text.encoder,
        projection=ProjectionConfig(text_kind="none", dimension=dimension),
        temperature=_TEMPERATURE,
        learn_temperature=False,
    )
    stated = Stated(
        preprocessing(),
        objective="infonce",
        data=("CheXpert",),
        text_rule="findings_impression",
        prompts="sentences of severity, type and place of a finding, the largest similarity of a film",
    )
    return imported(
        source,
        architecture,
        _published_names,
        _UNUSED,
        stated,
        rows=(text.rows, text.longest),
        tokenizer=text.tokenizer,
    )


def preprocessing() -> Preprocessing:
    """That of the published code."""
    return padded_by_opencv(224, 0.5, 0.5)


def _published_names(name: str) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    if part == "log_scale":
        return ()
    if part == "text":
        return (_TEXT + rest.removeprefix("encoder."),)
    return (_IMAGE + rest.removeprefix("backbone."),) if part == "image" else (_GLOBAL + rest,)

"""MedCLIP (Wang et al. 2022, arXiv:2210.10163): ResNet-50 or Swin-T of chest films and Bio_ClinicalBERT.

A file is the `pytorch_model.bin` of one of its two archives. Texts are the mean of three layers (the first,
the second and the last) over all tokens. Upstream counts the padding of the longest text of a call among
them; here a text is encoded as if it were alone, so that no answer depends on another question. The logarithm
of the scale is kept within 0 and 4.6052, as upstream does when it is used.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from plainfilm.checkpoints.base import Imported
from plainfilm.checkpoints.reading import bert, swin
from plainfilm.checkpoints.reading.layered_bert import LayeredConfig, layered_bert
from plainfilm.checkpoints.reading.opened import check_family
from plainfilm.checkpoints.reading.source import Source, Stated, imported, open_source
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.io.torch_files import number
from plainfilm.models import dual_encoder
from plainfilm.nn.projection import ProjectionConfig

LICENCE = "BSD by its package's classifier; neither code nor weights have a licence file"
ROOTS = ("vision_model", "text_model", "logit_scale")
TOKENIZER = "emilyalsentzer/Bio_ClinicalBERT"

_IMAGE, _TEXT = "vision_model.model.", "text_model.model."
_HEADS = {
    "image_projection": "vision_model.projection_head.",
    "text_projection": "text_model.projection_head.",
}
_FC = f"{_IMAGE}fc.weight"
_UNUSED = (
    *(rf"text_model\.model\.{pattern}" for pattern in bert.UNUSED),
    *(rf"vision_model\.model\.{pattern}" for pattern in swin.UNUSED),
)
_SIDE, _MEAN, _STD = 224, 0.5862785803043838, 0.27950088968644304
_LONGEST, _MOST = 77, 4.6052
_LAYERS = (1, 2, -1)


class Config(LayeredConfig):
    """What only a person knows; see `LayeredConfig`."""


def read(path: Path, config: Config) -> Imported:
    """The dual encoder of a checkpoint of MedCLIP.

    Raises:
        ModelError: not such a checkpoint, or a damaged one.
    """
    source = open_source(path, "medclip", ROOTS, config, {})
    where = source.where
    check_family(source.tensors, ("text_model.projection_head.weight", "logit_scale"), "MedCLIP", where)
    text = layered_bert(source, _TEXT, _LAYERS, config, published=TOKENIZER, longest=_LONGEST)
    dimension, _ = shape_of(source.tensors, "text_model.projection_head.weight", 2, where)
    architecture = dual_encoder.Config(
        image=_image(source),
        text=text.encoder,
        projection=ProjectionConfig(dimension=dimension, bias=False),
        temperature=math.exp(-_scale(source)),
    )
    stated = Stated(
        preprocessing(),
        objective="infonce",
        data=("CheXpert", "MIMIC-CXR"),
        text_rule="findings_impression",
        prompts="ten sentences for a finding, of tables of severity, type and place; cosines averaged",
    )

    return imported(
        source,
        architecture,
        lambda name: _published_names(name, is_resnet=_FC in source.tensors),
        _UNUSED,
        stated,
        rows=(text.rows, text.longest),
        tokenizer=text.tokenizer,
    )


def _image(source: Source) -> dict[str, Any]:
    if _FC in source.tensors:
        return {"use": "timm", "name": "resnet50"}
    return {
        "use": "timm",
        "name": swin.NAME,
        "pooling": "average",
        "image_size": _SIDE,
        "settings": swin.swin_settings(source.below(_IMAGE), source.where),
    }


def _scale(source: Source) -> float:
    """The logarithm of what cosines are multiplied with."""
    found = number(source.tensors.get("logit_scale"))
    if found is None or not math.isfinite(found):
        raise ModelError(f"{source.where}: tensor 'logit_scale' is no finite number")
    return min(max(found, 0.0), _MOST)


def preprocessing() -> Preprocessing:
    """That of the published feature extractor."""
    return Preprocessing(
        size=_SIDE,
        fit="pad",
        filter="bicubic",
        order="resize_last",
        mean=(_MEAN,) * 3,
        std=(_STD,) * 3,
    )


def _published_names(name: str, *, is_resnet: bool) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    if part == "log_scale":
        return ("logit_scale",)
    if part == "text":
        return (_TEXT + rest.removeprefix("encoder."),)
    if part == "image":
        inner = rest.removeprefix("backbone.")
        return (_IMAGE + inner,) if is_resnet else tuple(_IMAGE + one for one in swin.published_names(inner))
    return (_FC,) if is_resnet and part == "image_projection" else (_HEADS[part] + rest,)

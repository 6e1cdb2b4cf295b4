"""CXR-CLIP (You et al. 2023, arXiv:2310.13292) and its fork of Chang Gung Memorial Hospital (CGMH).

A checkpoint is the `.tar` that their trainers write with `torch.save` (no archive, whatever its name says): a
dictionary of `model`, `optimizer`, `scheduler`, `config`, `epoch` and `train_loss`. `config` is a plain
dictionary in which lists are still omegaconf's `ListConfig`; see `io.torch_files` for how those are
read without running anything.

An image-text model is ResNet-50 (torchvision) or Swin (transformers), BERT, and a linear or residual
projection for each. A classifier, which their linear probe ends in, is an image encoder and one layer.

What a checkpoint does not tell is which feature of a Swin it was trained on: upstream takes the top left of
the last patches, the fork the mean of all, and every name and setting is the same. A run on CGMH's labels is
the fork's and a classifier is upstream's, as the other cannot make one; otherwise a person has to say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading import bert, swin
from plainfilm.checkpoints.reading.building import Filling
from plainfilm.checkpoints.reading.cxr_clip_file import (
    CxrClipFile,
    Stated,
    StatedPair,
    as_pair,
    learned_scale,
    open_checkpoint,
)
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.checkpoints.reading.tokenizer import tokenizer_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from plainfilm.model_folder import ModelConfig, TrainedOn, TrainingCollection
from plainfilm.models import classifier, dual_encoder
from plainfilm.models.base import Facts, KindConfig, Model, TokenizerFacts
from plainfilm.nn.projection import ProjectionConfig, ProjectionKind

LICENCE = "CC BY-NC 4.0 (code and weights)"

OBSERVATIONS = {
    "rsna_pneumonia": ("Pneumonia",),
    "siim_pneumothorax": ("Pneumothorax",),
    "vindr_cxr": (
        *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "ILD"),
        *("Infiltration", "Lung Opacity", "Mediastinal shift", "Nodule/Mass", "Pleural effusion"),
        *("Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture", "Lung tumor"),
        *("Pneumonia", "Tuberculosis"),
    ),
}
"""What the outputs of a classifier mean, by the table it was trained on; a checkpoint has no names."""

_TEXT = "text_encoder.text_encoder."
_EMBEDDINGS = "embeddings.word_embeddings.weight"
_RESNET, _SWIN = "image_encoder.resnet.", "image_encoder.image_encoder."
_HEAD = "classifier.classification_head."
_UNUSED = (
    *(re.escape(_TEXT) + pattern for pattern in bert.UNUSED),
    *(re.escape(_SWIN) + pattern for pattern in swin.UNUSED),
    re.escape(_RESNET) + r"fc\.(weight|bias)",
    r"text_encoder\.mlm_head\..*",
)
_POOLING = {"eos": "end", "bos": "start", "mean": "mean"}
_PROJECTION: dict[str, ProjectionKind] = {"linear": "linear", "mlp": "residual_mlp"}
_IN_PROJECTION = {"": "projection", "inner": "projection", "outer": "fc", "norm": "layer_norm"}


class Config(CheckpointConfig):
    """What only a person knows.

    pooling: of a Swin, "first_patch" (weights published by CXR-CLIP's authors) or "average" (trained with the
    fork of CGMH). text_heads: attention heads of the text encoder, where they are not 64 features wide.
    observations: what the outputs of a classifier mean, where it was not trained on one of `OBSERVATIONS`.
    """

    pooling: Literal["first_patch", "average"] | None = None
    text_heads: int | None = Field(default=None, ge=1)
    observations: tuple[str, ...] | None = None


def read(path: Path, config: Config) -> Imported:
    """The image-text model or classifier of a CXR-CLIP checkpoint.

    Raises:
        ModelError: not such a checkpoint, a damaged one, or a question that is left open: the pooling of a
            Swin, the observations of a classifier.
    """
    checkpoint, settings = open_checkpoint(path, config.weights)
    kind = checkpoint.stated.model.name.lower()
    _check_first(checkpoint, kind == "clip_custom")
    if kind == "clip_custom":
        return _image_text_model(as_pair(checkpoint, settings), config)
    if kind == "finetune_classification":
        return _classifier(checkpoint, config)
    raise ModelError(f"{path}: its model is '{kind[:40]}'; CXR-CLIP has clip_custom, finetune_classification")


def _check_first(checkpoint: CxrClipFile[Stated], reads_texts: bool) -> None:
    # A file without weights is reported by its missing tensor, before the settings that it lacks as well.
    where = str(checkpoint.path)
    if checkpoint.is_resnet:
        shape_of(checkpoint.tensors, f"{_RESNET}conv1.weight", 4, where)
    if reads_texts:
        shape_of(checkpoint.tensors, f"{_TEXT}{_EMBEDDINGS}", 2, where)


def _image_text_model(checkpoint: CxrClipFile[StatedPair], config: Config) -> Imported:
    stated = checkpoint.stated
    _refuse_option(checkpoint, "observations", config.observations, "an image-text model has no classes")
    architecture = _pair_architecture(checkpoint, config)
    rows = int(architecture.text["settings"]["vocab_size"])
    longest = stated.base.text_max_length
    facts = Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=rows, max_tokens=longest)})
    _check(architecture, facts, checkpoint)
    name = config.tokenizer or stated.model.text_encoder.name
    tokenizer = tokenizer_of(name, longest, rows, offline=config.offline)
    model, dropped = _build(architecture, facts, checkpoint)
    return Imported(model, {"text": tokenizer}, _model_config(checkpoint, architecture, "cxr_clip"), dropped)


def _classifier(checkpoint: CxrClipFile[Stated], config: Config) -> Imported:
    _refuse_option(checkpoint, "tokenizer", config.tokenizer, "a classifier reads no texts")
    outputs, _ = shape_of(checkpoint.tensors, f"{_HEAD}weight", 2, str(checkpoint.path))
    architecture = classifier.Config(image=_image(checkpoint, config, "first_patch"))
    facts = Facts(observations=_observations(checkpoint, outputs, config.observations))
    _check(architecture, facts, checkpoint)
    model, dropped = _build(architecture, facts, checkpoint)
    return Imported(model, {}, _model_config(checkpoint, architecture, "classification"), dropped)


def _pair_architecture(checkpoint: CxrClipFile[StatedPair], config: Config) -> dual_encoder.Config:
    stated, scale = checkpoint.stated.model, learned_scale(checkpoint)
    where = str(checkpoint.path)
    text = {
        "use": "transformers",
        "name": stated.text_encoder.name,
        "pretrained": False,
        "settings": bert.bert_settings(checkpoint.below(_TEXT), config.text_heads, where),
        "pooling": _POOLING[stated.text_encoder.pooling],
    }
    pooling = "average" if "cgmh" in checkpoint.stated.trained_on else None
    return dual_encoder.Config(
        image=_image(checkpoint, config, pooling),
        text=text,
        projection=_projection(checkpoint),
        temperature=1 / scale,
        learn_temperature=bool(stated.temperature),
        scale_limit=max(100.0, math.ceil(scale)),
    )


def _image(checkpoint: CxrClipFile[Stated], config: Config, stated_pooling: str | None) -> dict[str, Any]:
    """The settings of the image encoder. stated_pooling: that of a Swin, if the checkpoint states it."""
    stated, where = checkpoint.stated.model.image_encoder, checkpoint.path
    if checkpoint.is_resnet:
        _refuse_option(checkpoint, "pooling", config.pooling, "a ResNet has only one")
        return {"use": "timm", "name": "resnet50"}
    if stated.model_type != "swin":
        raise ModelError(
            f"{where}: its image encoder is '{stated.name[:80]}'; ResNet-50 and Swin, as published, can be "
            "imported"
        )
    pooling = config.pooling or stated_pooling
    if pooling is None:
        raise ModelError(
            f"{where}: does not state how its Swin was pooled: set pooling=first_patch for weights of "
            "CXR-CLIP's authors, pooling=average for those trained with the fork of CGMH"
        )
    return {
        "use": "timm",
        "name": swin.NAME,
        "pooling": pooling,
        "image_size": checkpoint.stated.base.image_size,
        "settings": swin.swin_settings(checkpoint.below(_SWIN), str(where)),
    }


def _projection(checkpoint: CxrClipFile[StatedPair]) -> ProjectionConfig:
    where, stated = str(checkpoint.path), checkpoint.stated.model.projection_head
    if stated is None:
        _, width = shape_of(checkpoint.tensors, f"{_TEXT}{_EMBEDDINGS}", 2, where)
        return ProjectionConfig(kind="none", dimension=width)
    dimension, _ = shape_of(checkpoint.tensors, "image_projection.projection.weight", 2, where)
    return ProjectionConfig(kind=_PROJECTION[stated.name], dimension=dimension, dropout=stated.dropout)


def _observations(
    checkpoint: CxrClipFile[Stated], outputs: int, given: Sequence[str] | None
) -> tuple[str, ...]:
    tables = checkpoint.stated.trained_on
    known = OBSERVATIONS.get(tables[0]) if len(tables) == 1 else None
    names = tuple(given or known or ())
    if len(names) != outputs:
        table = ", ".join(tables) or "a table without a name"
        raise ModelError(
            f"{checkpoint.path}: has {outputs} outputs, trained on {table[:80]}, and {len(names)} names for "
            "them; name them in their order with 'observations=[A, B]'"
        )
    return names


def _refuse_option(checkpoint: CxrClipFile[Stated], key: str, value: object, reason: str) -> None:
    if value is not None:
        raise ModelError(f"{checkpoint.path}: leave out {key}, {reason}")


def _check(architecture: KindConfig, facts: Facts, checkpoint: CxrClipFile[Stated]) -> None:
    _filling(architecture, checkpoint).check(architecture, facts)


def _build(
    architecture: KindConfig, facts: Facts, checkpoint: CxrClipFile[Stated]
) -> tuple[Model, tuple[str, ...]]:
    model, unused = _filling(architecture, checkpoint).build(architecture, facts)
    return model, (*unused, *checkpoint.left_out)


def _filling(architecture: KindConfig, checkpoint: CxrClipFile[Stated]) -> Filling:
    learned = getattr(architecture, "learn_temperature", False)

    def names(name: str) -> tuple[str, ...]:
        if name == "log_scale":
            return ("logit_scale",) if learned else ()
        return _published_names(name, checkpoint.is_resnet)

    return Filling(checkpoint.tensors, names, _UNUSED, str(checkpoint.path))


def _published_names(name: str, is_resnet: bool) -> tuple[str, ...]:
    """The names in a checkpoint of what a model of ours calls `name`."""
    part, _, rest = name.partition(".")
    if part == "head":
        return (_HEAD + rest,)
    if part == "text":
        return (_TEXT + rest.removeprefix("encoder."),)
    if part == "image":
        inner = rest.removeprefix("backbone.")
        return (_RESNET + inner,) if is_resnet else tuple(_SWIN + one for one in swin.published_names(inner))
    stem, _, kind = rest.rpartition(".")
    return (f"{part}.{_IN_PROJECTION[stem]}.{kind}",)


def _model_config(checkpoint: CxrClipFile[Stated], architecture: KindConfig, objective: str) -> ModelConfig:
    stated = checkpoint.stated
    mean, deviation = (IMAGENET_MEAN, IMAGENET_STD) if checkpoint.is_resnet else ((0.5,) * 3, (0.5,) * 3)
    size = stated.base.image_size
    return ModelConfig(
        architecture=architecture,
        # torchvision's Resize and CenterCrop on Pillow's images.
        preprocessing=Preprocessing(size=size, mean=mean, std=deviation, order="resize_first"),
        trained_on=TrainedOn(text_rule="findings_impression") if objective == "cxr_clip" else None,
        collections=tuple(
            TrainingCollection(name=name, fingerprint="none, named by the checkpoint")
            for name in stated.trained_on
        ),
        recipe={"objective": {"use": objective}, "imported": checkpoint.facts()},
    )

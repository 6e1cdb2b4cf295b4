"""CXR-CLIP (You et al. 2023, arXiv:2310.13292) and its fork of Chang Gung Memorial Hospital (CGMH).

A checkpoint is the `.tar` that their trainers write with `torch.save` (no archive, whatever its name says): a
dictionary of `model`, `optimizer`, `scheduler`, `config`, `epoch` and `train_loss`. `config` is a plain
dictionary in which lists are still omegaconf's `ListConfig`; see `reading.published_file` for how those are
read without running anything.

ResNet-50 (torchvision) or Swin (transformers), BERT, a linear or residual projection for each. What a
checkpoint does not tell is which feature of a Swin it was trained on: upstream takes the top left of the last
patches, the fork the mean of all, and every name and setting is the same. Only a run on CGMH's labels tells,
because upstream cannot do one; for others a person has to say.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from pydantic import ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading import bert, swin
from plainfilm.checkpoints.reading.published_file import named_tensors, plain, read_published
from plainfilm.checkpoints.reading.tensors import fill, shape_of
from plainfilm.checkpoints.reading.tokenizer import tokenizer_of
from plainfilm.config import Settings
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from plainfilm.nn.dual_encoder import ArchitectureConfig, DualEncoder, build_dual_encoder
from plainfilm.nn.model_folder import ModelConfig
from plainfilm.nn.projection import ProjectionConfig, ProjectionKind

FAMILY = "cxr-clip"
_SIDE = 512
"""The shortest side that films were stored at before training."""
_LARGEST_LOGARITHM = 20.0
_IMAGE, _TEXT = "image_encoder.", "text_encoder.text_encoder."
_RESNET, _SWIN = f"{_IMAGE}resnet.", f"{_IMAGE}image_encoder."
_POOLING = {"eos": "end", "bos": "start", "mean": "mean"}
_PROJECTION: dict[str, ProjectionKind] = {"linear": "linear", "mlp": "residual_mlp"}
_IN_PROJECTION = {"inner": "projection", "outer": "fc", "norm": "layer_norm"}


class Config(CheckpointConfig):
    """What only a person knows.

    pooling: of a Swin, "first_patch" (weights published by CXR-CLIP's authors) or "average" (trained with the
    fork of CGMH). text_heads: attention heads of the text encoder, where they are not 64 features wide.
    """

    pooling: Literal["first_patch", "average"] | None = None
    text_heads: int | None = Field(default=None, ge=1)


class _Part(Settings):
    """Part of the settings of a checkpoint; what is not named here is of no use."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _only_named(cls, values: Any) -> Any:
        values = plain(values)
        if not isinstance(values, Mapping):
            return values
        return {key: plain(values[key]) for key in cls.model_fields if key in values}


_PartType = TypeVar("_PartType", bound=_Part)


class _ImageEncoder(_Part):
    name: str
    model_type: str = "vit"


class _TextEncoder(_Part):
    name: str
    pooling: Literal["eos", "bos", "mean"]


class _Projection(_Part):
    name: Literal["linear", "mlp"]
    dropout: float = Field(default=0.1, ge=0, lt=1)


class _Kind(_Part):
    name: str


class _Model(_Kind):
    image_encoder: _ImageEncoder
    text_encoder: _TextEncoder
    projection_head: _Projection | None = None
    temperature: float | None = Field(default=None, ge=0)


class _Base(_Part):
    image_size: int = Field(default=224, ge=16, le=4096)
    text_max_length: int = Field(default=256, ge=8)


class _StatedKind(_Part):
    model: _Kind


class _Stated(_Part):
    model: _Model
    base: _Base = _Base()
    data_train: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Checkpoint:
    """A checkpoint opened: its tensors by name, its settings, and the rest that is worth keeping."""

    path: Path
    tensors: Mapping[str, Tensor]
    stated: _Stated
    epoch: int | None
    train_loss: float | None

    @property
    def is_resnet(self) -> bool:
        return self.stated.model.image_encoder.name == "resnet"

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The names of the data it was trained on."""
        return tuple(sorted(map(str, self.stated.data_train)))

    @property
    def text_name(self) -> str:
        """The name of the text encoder it began from, and of its tokenizer."""
        return self.stated.model.text_encoder.name

    @property
    def scale(self) -> float:
        """What it multiplies cosines with; without a learned one it always is e."""
        if "logit_scale" not in self.tensors:
            return math.e
        shape_of(self.tensors, "logit_scale", 0, str(self.path))
        logarithm = float(self.tensors["logit_scale"])
        if not abs(logarithm) < _LARGEST_LOGARITHM:
            raise ModelError(f"{self.path}: its 'logit_scale' is {logarithm}, which no training ends in")
        return math.exp(logarithm)

    def published(self, name: str) -> tuple[str, ...]:
        """The names in the checkpoint of what a `DualEncoder` calls `name`."""
        if name == "log_scale":
            return ("logit_scale",) if "logit_scale" in self.tensors else ()
        part, _, rest = name.partition(".")
        if part == "text":
            return (_TEXT + rest.removeprefix("encoder."),)
        if part == "image":
            inner = rest.removeprefix("backbone.")
            return (
                (_RESNET + inner,)
                if self.is_resnet
                else tuple(_SWIN + one for one in swin.published_names(inner))
            )
        stem, _, kind = rest.rpartition(".")
        return (f"{part}.{_IN_PROJECTION[stem] if stem else 'projection'}.{kind}",)

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix`, by the rest of their names."""
        return {
            key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)
        }


def read(path: Path, config: Config) -> Imported:
    """The dual encoder of a CXR-CLIP checkpoint.

    Raises:
        ModelError: not such a checkpoint, a damaged one, one of a classifier, or a Swin of unknown pooling.
    """
    checkpoint = _open(path)
    architecture = _architecture(checkpoint, config)
    rows = int(architecture.text["settings"]["vocab_size"])
    with torch.device("meta"):
        _fill(build_dual_encoder(architecture, rows), checkpoint)
    name = config.tokenizer or checkpoint.text_name
    tokenizer = tokenizer_of(name, checkpoint.stated.base.text_max_length, rows, offline=config.offline)
    with torch.random.fork_rng(devices=[]):
        model = build_dual_encoder(architecture, rows)
    dropped = _fill(model, checkpoint)
    return Imported(model.eval(), tokenizer, _model_config(checkpoint, architecture), dropped)


def _open(path: Path) -> _Checkpoint:
    loaded = read_published(path)
    lacking = [key for key in ("model", "config") if key not in loaded]
    if lacking:
        found = ", ".join(str(key)[:40] for key in list(loaded)[:8]) or "nothing"
        raise ModelError(
            f"{path}: has no '{lacking[0]}' (it holds {found}), so it is no checkpoint of CXR-CLIP's trainer"
        )
    kind = _stated(_StatedKind, loaded["config"], path).model.name.lower()
    if kind != "clip_custom":
        what = "a classifier; import the checkpoint it was made from" if "classif" in kind else f"'{kind}'"
        raise ModelError(f"{path}: its model is {what}, only image-text models can be imported")
    epoch, loss = loaded.get("epoch"), loaded.get("train_loss")
    return _Checkpoint(
        path=path,
        tensors=named_tensors(loaded["model"], str(path)),
        stated=_stated(_Stated, loaded["config"], path),
        epoch=epoch if isinstance(epoch, int) else None,
        train_loss=loss if isinstance(loss, float) else None,
    )


def _stated(kind: type[_PartType], config: object, path: Path) -> _PartType:
    try:
        return kind.model_validate(config)
    except ValidationError as error:
        # Not the value: it may be of any size.
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(["config", *map(str, problem["loc"])])
        raise ModelError(
            f"{path}: its setting '{key}' is not as CXR-CLIP writes it ({problem['msg']})"
        ) from None


def _architecture(checkpoint: _Checkpoint, config: Config) -> ArchitectureConfig:
    where, model = str(checkpoint.path), checkpoint.stated.model
    text = {
        "use": "transformers",
        "name": model.text_encoder.name,
        "pretrained": False,
        "settings": bert.bert_settings(checkpoint.below(_TEXT), config.text_heads, where),
        "pooling": _POOLING[model.text_encoder.pooling],
    }
    return ArchitectureConfig(
        image=_image(checkpoint, config),
        text=text,
        projection=_projection(checkpoint),
        temperature=1 / checkpoint.scale,
        learn_temperature="logit_scale" in checkpoint.tensors,
        scale_limit=max(100.0, math.ceil(checkpoint.scale)),
    )


def _image(checkpoint: _Checkpoint, config: Config) -> dict[str, Any]:
    stated, where = checkpoint.stated.model.image_encoder, checkpoint.path
    if stated.name == "resnet":
        if config.pooling:
            raise ModelError(f"{where}: a ResNet has one pooling; leave out pooling={config.pooling}")
        return {"use": "timm", "name": "resnet50"}
    if stated.model_type != "swin":
        raise ModelError(
            f"{where}: its image encoder is '{stated.name}'; ResNet-50 and Swin can be imported, as published"
        )
    size = checkpoint.stated.base.image_size
    return {
        "use": "timm",
        "name": swin.NAME,
        "pooling": config.pooling or _told_pooling(checkpoint),
        "image_size": size,
        "settings": swin.swin_settings(checkpoint.below(_SWIN), str(where)),
    }


def _told_pooling(checkpoint: _Checkpoint) -> str:
    if "cgmh" in checkpoint.trained_on:
        return "average"
    raise ModelError(
        f"{checkpoint.path}: does not tell how its Swin was pooled: give pooling=first_patch for weights of "
        "CXR-CLIP's authors, pooling=average for those trained with the fork of CGMH"
    )


def _projection(checkpoint: _Checkpoint) -> ProjectionConfig:
    where, stated = str(checkpoint.path), checkpoint.stated.model.projection_head
    if stated is None:
        _, width = shape_of(checkpoint.tensors, f"{_TEXT}embeddings.word_embeddings.weight", 2, where)
        return ProjectionConfig(kind="none", dimension=width)
    dimension, _ = shape_of(checkpoint.tensors, "image_projection.projection.weight", 2, where)
    return ProjectionConfig(kind=_PROJECTION[stated.name], dimension=dimension, dropout=stated.dropout)


def _fill(model: DualEncoder, checkpoint: _Checkpoint) -> tuple[str, ...]:
    unused = [f"{re.escape(_TEXT)}{pattern}" for pattern in bert.UNUSED]
    unused += [f"{re.escape(_SWIN)}{pattern}" for pattern in swin.UNUSED]
    unused += [rf"{re.escape(_RESNET)}fc\.(weight|bias)", r"text_encoder\.mlm_head\..*"]
    return fill(model, checkpoint.tensors, checkpoint.published, unused, str(checkpoint.path))


def _model_config(checkpoint: _Checkpoint, architecture: ArchitectureConfig) -> ModelConfig:
    stated = checkpoint.stated
    mean, deviation = (IMAGENET_MEAN, IMAGENET_STD) if checkpoint.is_resnet else ((0.5,) * 3, (0.5,) * 3)
    imported = {
        "family": FAMILY,
        "file": checkpoint.path.name,
        "sha256": _sha256(checkpoint.path),
        "epoch": checkpoint.epoch,
        "train_loss": checkpoint.train_loss,
        "temperature_at_start": stated.model.temperature,
        "data": list(checkpoint.trained_on),
    }
    return ModelConfig(
        architecture=architecture,
        preprocessing=Preprocessing(
            size=stated.base.image_size,
            mean=mean,
            std=deviation,
            read_side=max(_SIDE, stated.base.image_size),
        ),
        text_rule="findings_impression",
        recipe={"objective": {"use": "cxr_clip"}, "imported": imported},
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

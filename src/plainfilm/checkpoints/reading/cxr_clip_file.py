"""What CXR-CLIP's trainers store: the tensors of a model, and settings as far as they say what it is."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError, ValidationInfo, model_validator
from torch import Tensor

from plainfilm.checkpoints.reading.building import digest_of
from plainfilm.checkpoints.reading.published_file import Weights, model_tensors, settings_of
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.config import Settings
from plainfilm.errors import ModelError
from plainfilm.io.torch_files import number, plain, read_published

ROOTS = ("image_encoder", "text_encoder", "image_projection", "text_projection", "logit_scale", "classifier")
"""What the names of its tensors begin with."""

_LARGEST_LOGARITHM = 20.0
_REFERENCE = re.compile(r"\$\{([A-Za-z_][\w.]*)\}")
_REFERENCES = 8
"""References that may lead to one another before they are taken for a circle."""


class Part(Settings):
    """Part of the settings of a checkpoint; what is not named here is of no use."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _only_named(cls, values: Any, info: ValidationInfo) -> Any:
        values = resolved(values, info.context)
        if not isinstance(values, Mapping):
            return values
        return {key: resolved(values[key], info.context) for key in cls.model_fields if key in values}


def resolved(value: object, settings: object) -> object:
    """`value` as a plain one, one level deep; "${a.b}" is what stands at a.b of `settings`."""
    for _ in range(_REFERENCES):
        value = plain(value)
        reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if reference is None:
            return value
        value = settings
        for key in reference[1].split("."):
            inner = plain(value)
            value = inner.get(key) if isinstance(inner, Mapping) else None
    return None


class ImageEncoderStated(Part):
    """name: "resnet", or a hub name of the transformers library, with model_type "swin" or "vit"."""

    name: str
    model_type: str = "vit"


class TextEncoderStated(Part):
    """name: a hub name, of the tokenizer too. pooling: last token, first token, or the mean of all."""

    name: str
    pooling: Literal["eos", "bos", "mean"]


class ProjectionStated(Part):
    """name: one layer, or a perceptron with a residual."""

    name: Literal["linear", "mlp"]
    dropout: float = Field(default=0.1, ge=0, lt=1)


class ModelStated(Part):
    """name: "clip_custom" or "finetune_classification"."""

    name: str
    image_encoder: ImageEncoderStated


class PairStated(ModelStated):
    """Of an image-text model. Without a temperature there is no scale to learn, and it is e."""

    text_encoder: TextEncoderStated
    projection_head: ProjectionStated | None = None
    temperature: float | None = Field(default=None, ge=0)


class BaseStated(Part):
    """image_size: side of a film; text_max_length: tokens of a text."""

    image_size: int = Field(default=224, ge=16, le=4096)
    text_max_length: int = Field(default=256, ge=8)


class DataStated(Part):
    """A table that was trained on."""

    name: str | None = None


class Stated(Part):
    """The settings every checkpoint has. data_train: tables by name; of a classifier one called "base"."""

    model: ModelStated
    base: BaseStated = BaseStated()
    data_train: dict[str, DataStated] = Field(default_factory=dict)

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The names of the tables it was trained on."""
        return tuple(sorted(data.name or key for key, data in self.data_train.items()))


class StatedPair(Stated):
    """The settings of an image-text model."""

    model: PairStated


StatedType = TypeVar("StatedType", bound=Stated)
StatedTypeOut = TypeVar("StatedTypeOut", bound=Stated, covariant=True)


@dataclass(frozen=True)
class CxrClipFile(Generic[StatedTypeOut]):
    """A checkpoint opened: its tensors by name, its settings, and the rest that is worth keeping."""

    path: Path
    tensors: Mapping[str, Tensor]
    stated: StatedTypeOut
    epoch: int | None
    train_loss: float | None
    weights: Weights = "model"
    left_out: tuple[str, ...] = ()

    @property
    def is_resnet(self) -> bool:
        """True for ResNet-50, the one convolutional network there is."""
        return self.stated.model.image_encoder.name == "resnet"

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix`, by the rest of their names."""
        found = self.tensors.items()
        return {key.removeprefix(prefix): value for key, value in found if key.startswith(prefix)}

    def facts(self) -> dict[str, Any]:
        """What a model folder should say of where it comes from."""
        return {
            "family": "cxr-clip",
            "file": self.path.name,
            "sha256": digest_of(self.path),
            "epoch": self.epoch,
            "train_loss": self.train_loss,
            "data": list(self.stated.trained_on),
            "weights": self.weights,
        }


def open_checkpoint(path: Path, weights: Weights = "model") -> tuple[CxrClipFile[Stated], object]:
    """The checkpoint at `path`, and its settings as they are, for `as_pair`.

    Raises:
        ModelError: not a checkpoint of this trainer, a damaged one, or no such `weights`.
    """
    loaded = read_published(path)
    found = model_tensors(loaded, ROOTS, weights, str(path))
    settings = settings_of(loaded)
    if settings is None:
        held = ", ".join(str(key)[:40] for key in list(loaded)[:8])
        raise ModelError(
            f"{path}: has no 'config' (it holds {held}), so it is no checkpoint of CXR-CLIP's trainer"
        )
    epoch, loss = number(loaded.get("epoch")), number(loaded.get("train_loss"))
    checkpoint = CxrClipFile(
        path=path,
        stated=_stated(Stated, settings, path),
        tensors=found.tensors,
        epoch=None if epoch is None or not math.isfinite(epoch) else int(epoch),
        train_loss=None if loss is None or not math.isfinite(loss) else float(loss),
        weights=found.weights,
        left_out=found.left_out,
    )
    return checkpoint, settings


def as_pair(checkpoint: CxrClipFile[Stated], settings: object) -> CxrClipFile[StatedPair]:
    """`checkpoint` with the settings of an image-text model.

    Raises:
        ModelError: it lacks one of them.
    """
    stated = _stated(StatedPair, settings, checkpoint.path)
    facts = {field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}
    return CxrClipFile(**{**facts, "stated": stated})


def _stated(kind: type[StatedType], settings: object, path: Path) -> StatedType:
    try:
        return kind.model_validate(settings, context=settings)
    except ValidationError as error:
        # Not the value: it may be of any size.
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(["config", *map(str, problem["loc"])])
        raise ModelError(
            f"{path}: its setting '{key}' is not as CXR-CLIP writes it ({problem['msg']})"
        ) from None


def learned_scale(checkpoint: CxrClipFile[StatedPair]) -> float:
    """What cosines are multiplied with.

    Raises:
        ModelError: a learned one that is missing, or no number that training could end in.
    """
    if not checkpoint.stated.model.temperature:
        return math.e
    shape_of(checkpoint.tensors, "logit_scale", 0, str(checkpoint.path))
    logarithm = float(checkpoint.tensors["logit_scale"])
    if not abs(logarithm) < _LARGEST_LOGARITHM:
        raise ModelError(f"{checkpoint.path}: its 'logit_scale' is {logarithm}, which no training ends in")
    return math.exp(logarithm)

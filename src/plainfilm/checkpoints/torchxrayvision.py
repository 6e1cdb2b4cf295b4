"""The classifiers of torchxrayvision (Cohen et al. 2022, arXiv:2111.00595): DenseNet-121 and ResNet-50.

Its DenseNets are whole modules, stored by a PyTorch of before 1.6; their tensors are read by name and nothing
of the modules is made. The ResNet-50 is a state dict. Neither says what its outputs mean: that follows from
the name of the file, or from `trained_on`. Outputs that upstream never trained, which always answer 0.5, are
left out.

A probability here is the sigmoid of the logit. Upstream then maps each to 0.5 at its operating point, which
changes no order and no area under a curve; these points are kept in the model's settings
(`imported.operating_points`).

Films are scaled to -1024 and 1024, cropped to a square and resized by scikit-image.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading.source import Source, Stated, imported, open_source, refuse
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.config import read_yaml
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.models import classifier

LICENCE = "Apache-2.0 (code and weights)"
ROOTS = (
    *("features", "classifier", "conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"),
    "op_threshs",
)
TABLE = Path(__file__).parent / "reading" / "torchxrayvision.yaml"

Weights = Literal["all", "nih", "pc", "chex", "rsna", "mimic_nb", "mimic_ch", "resnet_all"]
_HEADS = {"features.conv0.weight": "classifier.", "conv1.weight": "fc."}
"""By the first layer of an architecture, its last."""
_SIDES = {"classifier.": 224, "fc.": 512}
_GREY = 1024.0


class Config(CheckpointConfig):
    """What only a person knows. trained_on: which of the published weights they are, where the file has
    another name than the published one. tokenizer is of no use."""

    trained_on: Weights | None = None


def read(path: Path, config: Config) -> Imported:
    """The classifier of a checkpoint of torchxrayvision.

    Raises:
        ModelError: not such a checkpoint, a damaged one, or one whose outputs are not known.
    """
    source = open_source(path, "torchxrayvision", ROOTS, config, {})
    refuse(source, "a classifier reads no texts", tokenizer=config.tokenizer)
    head = next((head for first, head in _HEADS.items() if first in source.tensors), None)
    if head is None:
        raise ModelError(
            f"{path}: has neither tensor '{next(iter(_HEADS))}' nor 'conv1.weight', so it is no classifier "
            "of torchxrayvision"
        )
    weights = _weights(path, config, head)
    outputs = weights["outputs"]
    kept = [place for place, output in enumerate(outputs) if output]
    source = source.with_tensors(_of_kept(source, head, len(outputs), kept))
    observations = tuple(str(outputs[place]["label"]) for place in kept)
    points = {str(outputs[place]["label"]): float(outputs[place]["point"]) for place in kept}
    name = "densenet121" if head == "classifier." else "resnet50"
    architecture = classifier.Config(image={"use": "timm", "name": name, "channels": 1})
    stated = Stated(
        preprocessing(_SIDES[head]),
        objective="classification",
        data=tuple(weights["data"]),
        more={"operating_points": points},
    )

    return imported(
        source,
        architecture,
        lambda name: _published_names(name, head),
        (r"op_threshs",),
        stated,
        observations=observations,
    )


@cache
def _table() -> Mapping[str, Any]:
    return read_yaml(TABLE)


def _weights(path: Path, config: Config, head: str) -> Mapping[str, Any]:
    """The entry of the published weights that the file is.

    Raises:
        ModelError: no published name and no statement, or one of the other architecture.
    """
    table = _table()
    by_name = next((key for key, entry in table.items() if entry["file"] == path.name), None)
    key = config.trained_on or by_name
    if key is None:
        raise ModelError(
            f"{path}: its name is none of the published ones, so what its outputs mean is not known; say "
            f"which weights they are with trained_on=({', '.join(table)})"
        )
    if key.startswith("resnet") != (head == "fc."):
        raise ModelError(f"{path}: is of another architecture than the weights '{key}'")
    return dict(table[key])


def _of_kept(source: Source, head: str, outputs: int, kept: list[int]) -> dict[str, Tensor]:
    """The tensors with the `kept` rows of the last layer."""
    found = dict(source.tensors)
    for name, axes in ((f"{head}weight", 2), (f"{head}bias", 1)):
        rows = shape_of(found, name, axes, source.where)[0]
        if rows != outputs:
            raise ModelError(f"{source.where}: has {rows} outputs, such weights have {outputs}")
        found[name] = found[name][kept]
    return found


def preprocessing(size: int) -> Preprocessing:
    """That of the library for an input of `size` pixels."""
    return Preprocessing(
        size=size,
        channels=1,
        library="scikit_image",
        filter="bilinear",
        order="resize_last",
        odd_margin="halves",
        rounded=False,
        value_range=(-_GREY, _GREY),
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
    )


def _published_names(name: str, head: str) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    return (head + rest,) if part == "head" else (rest.removeprefix("backbone."),)

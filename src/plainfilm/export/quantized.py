"""Graphs of 8-bit integers, and what they cost: the loss of AUROC on films of a collection.

Films are quantised with ranges measured on films of the collection (static, a scale for each channel), texts
with ranges measured while they run (dynamic). Bits of a vector that change say little; what counts is the
ranking of films, so the task of the model is evaluated twice, with and without.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from plainfilm.collection import Collection
from plainfilm.config import build
from plainfilm.errors import NothingToEvaluate, UsageError
from plainfilm.export.graphs import EXTRA, FILMS, TEXTS, Session, quietly
from plainfilm.io.optional import optional_import
from plainfilm.model_folder import LoadedModel
from plainfilm.nn.base import ImageFeatures
from plainfilm.predictor import Predictor
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import task

_SCORE = "auroc_macro"


@dataclass(frozen=True)
class Calibration:
    """collection, split: the films. films: how many of them ranges are measured on. most_loss: of macro AUROC
    that is accepted. labels: their origin; by default that of the task (`scoring.label_choice`)."""

    collection: Collection
    split: str = "validation"
    films: int = 64
    most_loss: float = 0.01
    labels: str | None = None

    def as_record(self) -> dict[str, Any]:
        """For JSON, the collection by its fingerprint."""
        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        return settings | {"collection": self.collection.fingerprint}


@dataclass(frozen=True)
class Loss:
    """The macro AUROC of the model and of its integers, by the same task on the same films."""

    task: str
    split: str
    films: int
    model: float
    int8: float

    @property
    def lost(self) -> float:
        """How much lower the latter is."""
        return self.model - self.int8


def quantize_films(file: Path, out: Path, predictor: Predictor, wanted: Calibration) -> None:
    """Writes the graph of films in `file` with 8-bit integers to `out`.

    Raises:
        NothingToEvaluate: the split has no films.
    """
    library = optional_import("onnxruntime.quantization", EXTRA, "ONNX export")
    paths = _paths(wanted)
    with quietly():
        library.quantize_static(
            str(file),
            str(out),
            _Films(predictor, paths[: wanted.films]),
            quant_format=library.QuantFormat.QDQ,
            per_channel=True,
            activation_type=library.QuantType.QUInt8,
            weight_type=library.QuantType.QInt8,
        )


def quantize_texts(file: Path, out: Path) -> None:
    """Writes the graph of texts in `file` with 8-bit integers to `out`."""
    library = optional_import("onnxruntime.quantization", EXTRA, "ONNX export")
    with quietly():
        library.quantize_dynamic(str(file), str(out), weight_type=library.QuantType.QInt8)


def _paths(wanted: Calibration) -> list[Path]:
    own = wanted.collection
    studies = own.frame("studies")[["study_id", "split"]]
    images = own.frame("images")[["study_id", "path"]].merge(studies, on="study_id")
    images = images[images["split"] == wanted.split]
    if not len(images):
        raise NothingToEvaluate(
            f"{wanted.collection.path}: split '{wanted.split}' has no films to calibrate on; name another "
            "with --split"
        )
    return [own.image_path(str(path)) for path in images["path"]]


class _Films:
    """Normalised films, as onnxruntime reads them."""

    def __init__(self, predictor: Predictor, paths: list[Path]) -> None:
        self._blocks = predictor.stream_inputs(paths)

    def get_next(self) -> dict[str, Any] | None:
        """The next batch; `None` after the last."""
        block = next(self._blocks, None)
        return None if block is None else {"films": block.numpy()}


def loss_of(
    loaded: LoadedModel,
    predictor: Predictor,
    sessions: Mapping[str, Session],
    wanted: Calibration,
    progress: Progress = SILENT,
) -> Loss:
    """The loss of AUROC of `sessions` against the model, by classification or zero-shot classification.

    Raises:
        UsageError: the model answers neither.
        NothingToEvaluate: the films have no labels.
    """
    able = predictor.abilities
    name = "classification" if "classifies" in able else "zero_shot"
    if name == "zero_shot" and not {"encodes_images", "encodes_texts"} <= able:
        raise UsageError(f"{predictor.name}: neither classifies nor reads prompts, so int8 cannot be judged")
    quick = Predictor(
        LoadedModel(answering(loaded, sessions), loaded.tokenizers, loaded.config, loaded.patients),
        *(f"{predictor.name} (int8)", torch.device("cpu")),
    )
    scores = [_macro_auroc(one, name, wanted, progress) for one in (predictor, quick)]
    return Loss(name, wanted.split, len(_paths(wanted)), *scores)


def _macro_auroc(predictor: Predictor, name: str, wanted: Calibration, progress: Progress) -> float:
    module = task(name)
    settings = {"split": wanted.split, "resamples": 100, "labels": wanted.labels}
    known = {key: value for key, value in settings.items() if key in module.Config.model_fields}
    results = module.run(predictor, [wanted.collection], build(module.Config, known, name), progress)
    found = [one for one in results.metrics if one.name.endswith(_SCORE) and one.subgroup is None]
    value = next((one.value for one in sorted(found, key=lambda one: not one.headline) if one.value), None)
    if value is None:
        raise NothingToEvaluate(
            f"{wanted.collection.path}: split '{wanted.split}' has no observation with films of both "
            "classes, so the loss of int8 cannot be measured"
        )
    return float(value)


def answering(loaded: LoadedModel, sessions: Mapping[str, Session]) -> Any:
    """The model with `sessions` in the place of its encoders, for the tasks."""
    model = cast(Any, copy.copy(loaded.model))
    outputs = sessions[FILMS].outputs

    def film_features(images: Tensor) -> ImageFeatures:
        found = sessions[FILMS].run({"films": images})
        joined = torch.from_numpy(np.concatenate([found[name] for name in outputs], axis=1))
        return ImageFeatures(joined, joined[:, None])

    def part(name: str) -> Any:
        def of(features: ImageFeatures) -> Tensor:
            widths = {"vectors": model.dimension, "logits": len(loaded.model.facts.observations)}
            start = sum(widths[one] for one in outputs[: outputs.index(name)])
            return features.pooled[:, start : start + widths[name]]

        return of

    def encode_texts(token_ids: Tensor, token_mask: Tensor) -> Tensor:
        found = sessions[TEXTS].run({"token_ids": token_ids, "token_mask": token_mask})
        return torch.from_numpy(found["vectors"])

    model.film_features = film_features
    for name, method in (("vectors", "image_vectors"), ("logits", "logits")):
        if name in outputs:
            setattr(model, method, part(name))
    if TEXTS in sessions:
        model.encode_texts = encode_texts
    return model

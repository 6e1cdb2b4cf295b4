"""Loads the parts of models that a run starts from, with their settings.

Pooling, image size and normalisation come with the weights of an image encoder, never from a recipe, and the
tokenizer comes with the weights of a text encoder: the same weights with other pooling, statistics or tokens
load without an error and give wrong features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.errors import ConfigError, ModelError, nearest
from plainfilm.model_folder import (
    LoadedModel,
    ModelConfig,
    PatientKeys,
    TrainingCollection,
    load_model,
    read_model_config,
)
from plainfilm.models.base import Model
from plainfilm.nn.packaged_weights import load_strictly
from plainfilm.text.tokenizers import Tokenizer

FILM_PART = "image"
"""The part whose weights determine the preprocessing of images."""


@dataclass(frozen=True)
class PretrainedParts:
    """The models that parts are taken from and their folders, both by the part's name."""

    models: Mapping[str, LoadedModel]
    folders: Mapping[str, str]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of all models that parts are taken from."""
        return tuple(dict.fromkeys(one.config.fingerprint for one in self.models.values()))

    @property
    def collections(self) -> tuple[TrainingCollection, ...]:
        """The collections that these models were trained on."""
        return tuple(dict.fromkeys(c for one in self.models.values() for c in one.config.collections))

    @property
    def patients(self) -> PatientKeys | None:
        """The patients that these models were trained on; `None` if unknown for all of them."""
        known = [one.patients for one in self.models.values() if one.patients is not None]
        return np.unique(np.concatenate(known)) if known else None

    @property
    def tokenizers(self) -> dict[str, Tokenizer]:
        """The tokenizers of the text parts, by part."""
        return {name: one.tokenizers[name] for name, one in self.models.items() if name in one.tokenizers}

    def give(self, model: Model) -> None:
        """Copy the weights into the parts of `model`.

        Raises:
            ConfigError: a part that `model` does not have.
            ModelError: a tensor that is missing, unexpected or of another shape.
        """
        parts = model.parts()
        for name, source in self.models.items():
            if name not in parts:
                raise ConfigError(
                    f"parts.{name}: model '{model.config.use}' has no such part: {nearest(name, parts)}"
                )
            if name not in (own := source.model.parts()):
                raise ModelError(f"{self.folders[name]}: has no part '{name}': {nearest(name, own)}")
            weights = own[name].state_dict()
            load_strictly(parts[name], weights, f"part '{name}' of {self.folders[name]}")


NOTHING = PretrainedParts({}, {})


def read_pretrained(sources: Mapping[str, str], trust_code: bool = False) -> PretrainedParts:
    """The models in the folders `sources`, by the part that is taken from each.

    Raises:
        ModelError: a folder is no model folder, is damaged, or lacks the part.
    """
    loaded = {folder: load_model(Path(folder), trust_code) for folder in dict.fromkeys(sources.values())}
    return PretrainedParts({name: loaded[folder] for name, folder in sources.items()}, dict(sources))


def with_pretrained(values: Mapping[str, Any], trust_code: bool = False) -> dict[str, Any]:
    """The values of a recipe with the settings that its `parts.NAME.from` bring filled in.

    Raises:
        ConfigError: a value contradicts the settings of the weights.
        ModelError: a folder is no model folder.
    """
    filled = {**values}
    for name, folder in sources_of(values):
        config = read_model_config(Path(folder), trust_code)
        filled = _with_part(filled, name, folder, config)
    return filled


def sources_of(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts of a recipe that are taken from models, each with the model's folder."""
    parts = values.get("parts")
    for name, settings in (parts or {}).items() if isinstance(parts, Mapping) else ():
        if isinstance(settings, Mapping) and settings.get("from"):
            yield str(name), str(settings["from"])


def _with_part(values: dict[str, Any], name: str, folder: str, config: ModelConfig) -> dict[str, Any]:
    parts = {key: dict(one) for key, one in values["parts"].items()}
    _fill(parts[name], "fingerprint", config.fingerprint, f"parts.{name}.fingerprint", folder)
    filled = {**values, "parts": parts}
    settings = config.architecture.model_dump(mode="json").get(name)
    if settings is not None:
        filled["model"] = dict(filled.get("model") or {})
        _fill(filled["model"], name, settings, f"model.{name}", folder)
    if name == FILM_PART:
        own = config.preprocessing.model_copy(update={"read_side": None}).model_dump(mode="json")
        _fill(filled, "preprocessing", own, "preprocessing", folder)
        filled["data"] = dict(filled.get("data") or {})
        if config.preprocessing.read_side is not None:
            _fill(filled["data"], "cache", config.preprocessing.read_side, "data.cache", folder)
    return filled


def _fill(values: dict[str, Any], key: str, own: Any, where: str, folder: str) -> None:
    """Set `key` to `own`; a different value there is an error."""
    stated = values.setdefault(key, own)
    is_same = stated == own or (
        isinstance(stated, Mapping)
        and isinstance(own, Mapping)
        and all(_plain(own.get(name)) == _plain(value) for name, value in stated.items())
    )
    if not is_same:
        raise ConfigError(
            f"'{where}' is {stated}, but {folder} has {own}, which belongs to the weights taken from there: "
            "leave it out"
        )
    values[key] = own


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

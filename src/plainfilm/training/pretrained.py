"""What a run may start from: parts of models, with all that belongs to them.

How films are pooled, sized and normalised comes with the weights of an image encoder and never from a
recipe, and so does the tokenizer with those of a text encoder: the same weights behind another pooling,
other statistics or other tokens load without a word and give wrong features.
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
"""The part whose weights bring the preprocessing of films."""


@dataclass(frozen=True)
class PretrainedParts:
    """The models that parts are taken from, by the part's name, and where each lies."""

    models: Mapping[str, LoadedModel]
    folders: Mapping[str, str]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of all models that something is taken from."""
        return tuple(dict.fromkeys(one.config.fingerprint for one in self.models.values()))

    @property
    def collections(self) -> tuple[TrainingCollection, ...]:
        """What they were trained on."""
        return tuple(dict.fromkeys(c for one in self.models.values() for c in one.config.collections))

    @property
    def patients(self) -> PatientKeys | None:
        """Whom they were trained on, where that is known of any."""
        known = [one.patients for one in self.models.values() if one.patients is not None]
        return np.unique(np.concatenate(known)) if known else None

    @property
    def tokenizers(self) -> dict[str, Tokenizer]:
        """The tokenizers that come with parts of the same name."""
        return {name: one.tokenizers[name] for name, one in self.models.items() if name in one.tokenizers}

    def give(self, model: Model) -> None:
        """Copies the weights into the parts of `model`.

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
        ModelError: not a model folder, one that is damaged, or that lacks the part.
    """
    loaded = {folder: load_model(Path(folder), trust_code) for folder in dict.fromkeys(sources.values())}
    return PretrainedParts({name: loaded[folder] for name, folder in sources.items()}, dict(sources))


def with_pretrained(values: Mapping[str, Any], trust_code: bool = False) -> dict[str, Any]:
    """The values of a recipe with what its `parts.NAME.from` bring filled in.

    Raises:
        ConfigError: a value that contradicts what the weights need.
        ModelError: not a model folder.
    """
    found = {**values}
    for name, folder in sources_of(values):
        config = read_model_config(Path(folder), trust_code)
        found = _with_part(found, name, folder, config)
    return found


def sources_of(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts of a recipe that are taken from a model, and its folder."""
    parts = values.get("parts")
    for name, settings in (parts or {}).items() if isinstance(parts, Mapping) else ():
        if isinstance(settings, Mapping) and settings.get("from"):
            yield str(name), str(settings["from"])


def _with_part(values: dict[str, Any], name: str, folder: str, config: ModelConfig) -> dict[str, Any]:
    parts = {key: dict(one) for key, one in values["parts"].items()}
    _fill(parts[name], "fingerprint", config.fingerprint, f"parts.{name}.fingerprint", folder)
    found = {**values, "parts": parts}
    settings = config.architecture.model_dump(mode="json").get(name)
    if settings is not None:
        found["model"] = dict(found.get("model") or {})
        _fill(found["model"], name, settings, f"model.{name}", folder)
    if name == FILM_PART:
        own = config.preprocessing.model_copy(update={"read_side": None}).model_dump(mode="json")
        _fill(found, "preprocessing", own, "preprocessing", folder)
        found["data"] = dict(found.get("data") or {})
        if config.preprocessing.read_side is not None:
            _fill(found["data"], "cache", config.preprocessing.read_side, "data.cache", folder)
    return found


def _fill(values: dict[str, Any], key: str, own: Any, where: str, folder: str) -> None:
    """Sets `key` to `own`, where it says nothing else."""
    stated = values.setdefault(key, own)
    is_same = stated == own or (
        isinstance(stated, Mapping)
        and isinstance(own, Mapping)
        and all(_plain(own.get(name)) == _plain(value) for name, value in stated.items())
    )
    if not is_same:
        raise ConfigError(
            f"'{where}' is {stated}, but {folder} has {own}: it comes with the weights that parts take from "
            "there, leave it out"
        )
    values[key] = own


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

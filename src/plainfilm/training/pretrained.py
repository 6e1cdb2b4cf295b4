"""Loads the parts of models that a run starts from, with their settings.

Pooling, image size and normalisation come with the weights of an image encoder, never from a recipe, and the
tokenizer comes with the weights of a text encoder: the same weights with other pooling, statistics or tokens
load without an error and give wrong features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from plainfilm.errors import ConfigError, ModelError, nearest
from plainfilm.model_folder import (
    LoadedModel,
    ModelConfig,
    PatientKeys,
    TrainingCollection,
    load_model,
    read_model_config,
)
from plainfilm.models.base import REST, Model, TokenizerFacts
from plainfilm.nn.base import ImageEncoder, TextEncoder
from plainfilm.nn.packaged_weights import load_strictly
from plainfilm.text.tokenizers import Tokenizer

FILM_PART = "image"
"""The part whose weights determine the preprocessing of images."""


@dataclass(frozen=True)
class PretrainedParts:
    """The models that parts are taken from, by the part's name (`REST` for what belongs to none), and what
    each is called in messages."""

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

    @property
    def tokenizer_facts(self) -> dict[str, TokenizerFacts]:
        """What is known of the tokenizers that come with parts of the same name."""
        known = {name: one.model.facts.tokenizers for name, one in self.models.items()}
        return {name: facts[name] for name, facts in known.items() if name in facts}

    @property
    def observations(self) -> tuple[str, ...]:
        """What the first part answers that is no encoder, where there is one."""
        known = [
            one.model.facts.observations
            for name, one in self.models.items()
            if not isinstance(one.model.parts().get(name), ImageEncoder | TextEncoder | None)
        ]
        return next((names for names in known if names), ())

    def give(self, model: Model) -> None:
        """Copy the weights into the parts of `model`.

        Raises:
            ConfigError: a part that `model` does not have, or one that answers other observations.
            ModelError: a part that the other model does not have, or a tensor that is missing, unexpected or
                of another shape.
        """
        for name, source in self.models.items():
            where = self.folders[name]
            if name == REST:
                weights = model.state_dict() | source.model.other_state()
                load_strictly(model, weights, f"what belongs to no part of {where} (parts.{REST}.from)")
                continue
            parts, own = model.parts(), source.model.parts()
            if name not in parts:
                raise ConfigError(
                    f"parts.{name}: model '{model.config.use}' has no such part: {nearest(name, parts)}"
                )
            if name not in own:
                raise ModelError(f"{where}: has no part '{name}': {nearest(name, own)}")
            _check_observations(name, parts[name], model, source.model, where)
            load_strictly(parts[name], own[name].state_dict(), f"part '{name}' of {where}")


NOTHING = PretrainedParts({}, {})


def _check_observations(name: str, part: nn.Module, model: Model, source: Model, where: str) -> None:
    """Refuses a part whose outputs stand for other observations: the weights alone do not show it."""
    own, other = model.facts.observations, source.facts.observations
    if own and other and own != other and not isinstance(part, ImageEncoder | TextEncoder):
        raise ConfigError(
            f"parts.{name}.from: {where} answers {', '.join(other)}, and this model {', '.join(own)}: "
            f"begin the part anew with parts.{name}.from=null, or set data.observations"
        )


def read_pretrained(sources: Mapping[str, str], trust_code: bool = False) -> PretrainedParts:
    """The models in the folders `sources`, by the part that is taken from each.

    Raises:
        ModelError: a folder is no model folder, is damaged, or lacks the part.
    """
    loaded = {folder: load_model(Path(folder), trust_code) for folder in dict.fromkeys(sources.values())}
    return PretrainedParts({name: loaded[folder] for name, folder in sources.items()}, dict(sources))


@dataclass(frozen=True)
class PartSource:
    """Where a part comes from, and what is known of the model that it is taken from.

    where: for messages. stated: of each part, settings as recipes stated them before it was trained; they
    also say where its weights came from, of which `architecture` knows nothing.
    """

    where: str
    config: ModelConfig
    stated: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def architecture(self) -> dict[str, Any]:
        """The settings of the model, as plain values."""
        return self.config.architecture.model_dump(mode="json")


def with_pretrained(values: Mapping[str, Any], trust_code: bool = False) -> dict[str, Any]:
    """The values of a recipe with the settings that its `parts.NAME.from` bring filled in.

    Raises:
        ConfigError: a value contradicts the settings of the weights.
        ModelError: a folder is no model folder.
    """
    found = {**values}
    for name, folder in sources_of(values):
        config = read_model_config(Path(folder), trust_code)
        found = with_part(found, name, PartSource(folder, config))
        stated = found["parts"][name]
        stated["fingerprint"] = stated.get("fingerprint") or config.fingerprint
        _fill(stated, "fingerprint", config.fingerprint, f"parts.{name}.fingerprint", folder)
    return found


def sources_of(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts of a recipe that are taken from models, each with the model's folder."""
    parts = values.get("parts")
    for name, settings in (parts or {}).items() if isinstance(parts, Mapping) else ():
        if isinstance(settings, Mapping) and settings.get("from"):
            yield str(name), str(settings["from"])


def with_part(values: Mapping[str, Any], name: str, source: PartSource) -> dict[str, Any]:
    """The values of a recipe with all that part `name` of `source` brings.

    Raises:
        ConfigError: a value that contradicts what the weights need.
    """
    found = {**values, "parts": {key: dict(one or {}) for key, one in (values.get("parts") or {}).items()}}
    settings = source.architecture.get(name)
    if settings is not None:
        found["model"] = dict(found.get("model") or {})
        before = source.stated.get(name, ())
        _fill(found["model"], name, settings, f"model.{name}", source.where, before)
    if name == FILM_PART:
        preprocessing = source.config.preprocessing
        own = preprocessing.model_copy(update={"read_side": None}).model_dump(mode="json")
        _fill(found, "preprocessing", own, "preprocessing", source.where)
        found["data"] = dict(found.get("data") or {})
        if preprocessing.read_side is not None:
            _fill(found["data"], "cache", preprocessing.read_side, "data.cache", source.where)
    return found


def _fill(
    values: dict[str, Any], key: str, own: Any, where: str, folder: str, before: tuple[Any, ...] = ()
) -> None:
    """Sets `key` to `own`, where it says nothing else, or what it said `before` the weights were trained.
    What is dropped in training (`dropout`, `drop_rate`) changes no weight and may differ."""
    stated = values.setdefault(key, own)
    if not isinstance(stated, Mapping) or not isinstance(own, Mapping):
        if _plain(stated) != _plain(own):
            raise _contradicts(where, stated, own, folder)
        values[key] = own
        return
    known = [own, *(one for one in before if isinstance(one, Mapping))]
    free = {name: value for name, value in stated.items() if "drop" in str(name) and name in own}
    for name, value in stated.items():
        if name not in free and all(_plain(one.get(name)) != _plain(value) for one in known):
            raise _contradicts(where, stated, own, folder)
    values[key] = {**own, **free}


def _contradicts(where: str, stated: Any, own: Any, folder: str) -> ConfigError:
    part = where.removeprefix("model.")
    anew = f", or begin the part anew with parts.{part}.from=null" if part != where else ""
    return ConfigError(
        f"'{where}' is {stated}, but {folder} has {own}: it comes with the weights that parts take from "
        f"there, leave it out{anew}"
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

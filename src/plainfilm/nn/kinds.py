"""The kinds of model there are, told apart by `kind` in their architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plainfilm.config import build
from plainfilm.errors import ConfigError, nearest
from plainfilm.nn.classifier import ClassifierConfig, build_classifier
from plainfilm.nn.dual_encoder import ArchitectureConfig, build_dual_encoder
from plainfilm.nn.model import Architecture, Model

KINDS: Mapping[str, type[Architecture]] = {
    "dual_encoder": ArchitectureConfig,
    "classifier": ClassifierConfig,
}


def architecture_of(values: Mapping[str, Any], where: str) -> Architecture:
    """The checked architecture that `values` state; without a `kind` they are a dual encoder's.

    Raises:
        ConfigError: an unknown kind, or a key or value it does not take.
    """
    kind = str(values.get("kind", "dual_encoder"))
    if kind not in KINDS:
        raise ConfigError(f"{where}: unknown kind of model '{kind}': {nearest(kind, KINDS)}")
    return build(KINDS[kind], values, where)


def build_model(architecture: Architecture, vocabulary_size: int) -> Model:
    """The model that `architecture` describes; new parts are random. See the `build` of its kind."""
    if isinstance(architecture, ClassifierConfig):
        return build_classifier(architecture)
    if isinstance(architecture, ArchitectureConfig):
        return build_dual_encoder(architecture, vocabulary_size)
    raise ConfigError(f"unknown kind of model '{architecture.kind}': {nearest(architecture.kind, KINDS)}")

"""config.json of a model folder: what a model is and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, SerializeAsAny, field_validator

from plainfilm import __version__
from plainfilm.config import Settings
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.models.base import Facts, KindConfig, kind_config
from plainfilm.types import View

FORMAT_VERSION = 2


class TrainingCollection(Settings):
    """A collection a model was trained on."""

    name: str
    fingerprint: str
    licence: str | None = None


class TrainedOn(Settings):
    """What evaluation must know of training; `None` where it is not known, and then restricts nothing.

    views: of the films (`None`: all). label_origin: whose labels the model learned from, in order of
    preference, none for the corpus' own (`collection.label_origins.preferred_origins`); `None` where it
    learned from no labels. observations: of which labels were read (`None`: all). text_rule: which part of a
    report it was trained to read.
    """

    views: tuple[View, ...] | None = None
    label_origin: tuple[str, ...] | None = None
    observations: tuple[str, ...] | None = None
    text_rule: str | None = None


class ModelConfig(Settings):
    """What a model is and where it comes from.

    architecture: the settings of its kind. facts: its observations and tokenizers. text_rule: which part of
    a report the model was trained to read. recipe: the run's recipe as resolved. scores: the run's own
    validation scores. fingerprint: identifies weights and tokenizers; `save_model` fills it in, as it does
    `architecture` and `facts`.
    """

    format_version: int = FORMAT_VERSION
    architecture: SerializeAsAny[KindConfig]
    facts: Facts = Facts()
    preprocessing: Preprocessing = Preprocessing()
    trained_on: TrainedOn | None = None
    collections: tuple[TrainingCollection, ...] = ()
    recipe: dict[str, Any] = Field(default_factory=dict)
    scores: dict[str, float] = Field(default_factory=dict)
    package_version: str = __version__
    fingerprint: str = ""

    @property
    def training_facts(self) -> TrainedOn:
        """`trained_on`, or that nothing is known."""
        return self.trained_on or TrainedOn()

    @field_validator("architecture", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any) -> Any:
        return kind_config(value, "architecture") if isinstance(value, Mapping) else value


def of_format_1(raw: Mapping[str, Any], max_tokens: int) -> dict[str, Any]:
    """The values of a config.json of format 1 as those of today's; `max_tokens` is its tokenizer's."""
    stated = dict(raw["architecture"])
    kind = str(stated.pop("kind", "dual_encoder"))
    facts: dict[str, Any] = {"observations": stated.pop("observations", ())}
    rows = raw.get("vocabulary_size", 0)
    if rows:
        facts["tokenizers"] = {"text": {"vocabulary_size": rows, "max_tokens": max_tokens}}
    data, rule = dict(raw.get("recipe") or {}).get("data") or {}, raw.get("text_rule")
    known = {"views": data.get("views"), "label_origin": data.get("label_origin"), "text_rule": rule}
    of_old = ("vocabulary_size", "observations", "text_rule")
    kept = {key: value for key, value in raw.items() if key not in of_old}
    return kept | {
        "trained_on": known if data or rule else None,
        "format_version": FORMAT_VERSION,
        "architecture": {"use": kind, **stated},
        "facts": facts,
    }

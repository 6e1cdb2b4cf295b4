"""config.json of a model folder: what a model is and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, SerializeAsAny, field_validator

from plainfilm import __version__
from plainfilm.config import Settings
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.models.base import Facts, KindConfig, kind_config

FORMAT_VERSION = 2


class TrainedOn(Settings):
    """A collection a model was trained on."""

    name: str
    fingerprint: str
    licence: str | None = None


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
    text_rule: str | None = None
    collections: tuple[TrainedOn, ...] = ()
    recipe: dict[str, Any] = Field(default_factory=dict)
    scores: dict[str, float] = Field(default_factory=dict)
    package_version: str = __version__
    fingerprint: str = ""

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
    kept = {key: value for key, value in raw.items() if key not in ("vocabulary_size", "observations")}
    return kept | {
        "format_version": FORMAT_VERSION,
        "architecture": {"use": kind, **stated},
        "facts": facts,
    }

"""config.json of a model folder: the settings and the origin of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, SerializeAsAny, field_validator

from plainfilm import __version__
from plainfilm.config import Settings
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.models.base import Facts, KindConfig, kind_config
from plainfilm.types import View

FORMAT_VERSION = 2


TOY = (
    "Trained on phantoms (synthetic films) alone: a toy of the phantom world, whose answers have no clinical "
    "meaning."
)
"""What is said of such a model wherever its answers are shown."""


class TrainingCollection(Settings):
    """A collection that a model was trained on; `phantom` if its films are synthetic."""

    name: str
    fingerprint: str
    licence: str | None = None
    phantom: bool = False


class TrainedOn(Settings):
    """The facts of training that evaluation needs; an unknown fact is `None` and restricts nothing.

    views: of the images (`None`: all). label_origin: origins of the training labels, in order of preference;
    empty for the corpus' own (`collection.label_origins.preferred_origins`); `None` if no labels were used.
    observations: the labelled observations that were read (`None`: all). text_rule: the rule for the part of
    a report that was read.
    """

    views: tuple[View, ...] | None = None
    label_origin: tuple[str, ...] | None = None
    observations: tuple[str, ...] | None = None
    text_rule: str | None = None


class ModelConfig(Settings):
    """The settings and the origin of a model.

    architecture: the settings of its kind. facts: its observations and tokenizers. text_rule: the rule for
    the part of a report that the model was trained to read. recipe: the resolved recipe of the run. scores:
    validation scores of the run. fingerprint: identifies weights and tokenizers. patients_sha256: the digest
    of patients.npy, `None` without that file. `save_model` fills both in, as it does `architecture` and
    `facts`.
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
    patients_sha256: str | None = None

    @property
    def training_facts(self) -> TrainedOn:
        """`trained_on`, or a record of unknown facts."""
        return self.trained_on or TrainedOn()

    @property
    def training_summary(self) -> str:
        """What the model was trained on, in a few words."""
        named = [f"{one.name} (phantoms)" if one.phantom else one.name for one in self.collections]
        views = self.training_facts.views
        stated = [f"views {', '.join(views)}"] if views is not None else []
        return "; ".join([", ".join(named) or "not stated", *stated])

    @property
    def notice(self) -> str | None:
        """What has to be said beside every answer of the model, if there is anything."""
        return TOY if is_toy([one.phantom for one in self.collections]) else None

    @field_validator("architecture", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any) -> Any:
        return kind_config(value, "architecture") if isinstance(value, Mapping) else value


def is_toy(phantoms: Sequence[bool]) -> bool:
    """Whether a model is a toy, by whether each collection that it was trained on is of phantoms."""
    return bool(phantoms) and all(phantoms)


def of_format_1(raw: Mapping[str, Any], max_tokens: int) -> dict[str, Any]:
    """Convert a config.json of format 1 to the present format; `max_tokens` is its tokenizer's."""
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

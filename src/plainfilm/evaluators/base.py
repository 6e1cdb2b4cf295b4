"""The contract of an evaluator: one file that measures a model on the validation split.

An evaluator module (`evaluators/NAME.py`) has these names:

    Config                  a `config.Settings`
    NEEDS                   the targets it reads, by name (`batches.targets`)
    metrics(config)         {name: "higher" or "lower"}: what it measures, and what is better
    build(config, context)  an `Evaluator`

and, where a recipe may name its metric without naming it,

    provides(metric, objectives)    the settings under which it measures `metric`, or `None`

and `PATCHES = False` where it asks for no patches of films (see `objectives.base`).

Every slice of the validation split is encoded once, for the loss and all evaluators. An evaluator turns
each slice into records, one per item; the records of the whole split, over all processes and in the order
of the items, become scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from plainfilm import plugins
from plainfilm.config import Settings
from plainfilm.config import build as build_settings
from plainfilm.errors import ConfigError, nearest
from plainfilm.objectives.base import Better, Encoded
from plainfilm.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class EvaluatorContext:
    """What an evaluator is built for: the tokenizers by name, and the observations that labels are of."""

    tokenizers: Mapping[str, Tokenizer] = field(default_factory=dict)
    observations: tuple[str, ...] = ()


class Evaluator(Protocol):
    """Measures a model."""

    def records(self, encoded: Encoded) -> Sequence[Any]:
        """One record for each item of a slice, or `None` for an item that is not measured; whatever pickle
        takes."""
        ...

    def scores(self, records: Sequence[Any]) -> dict[str, float]:
        """The metrics that can be computed from the records of all items."""
        ...


class EvaluatorModule(Protocol):
    """What a module of this folder offers."""

    Config: type[Settings]
    NEEDS: tuple[str, ...]

    def metrics(self, config: Any) -> dict[str, Better]:
        """What it measures under `config`, and the direction of each."""
        ...

    def build(self, config: Any, context: EvaluatorContext) -> Evaluator:
        """The evaluator."""
        ...


def evaluator(name: str) -> EvaluatorModule:
    """The evaluator called `name` (see `plugins.resolve`)."""
    return cast(EvaluatorModule, plugins.resolve("evaluator", name))


def evaluator_config(values: Mapping[str, Any]) -> tuple[EvaluatorModule, Settings]:
    """The evaluator that `values["use"]` names, and its checked settings.

    Raises:
        ConfigError: no `use`, an unknown evaluator, or a key or value it does not take.
    """
    if "use" not in values:
        raise ConfigError(
            f"validation.evaluators: key 'use' is missing: {nearest('', plugins.names('evaluator'))}"
        )
    module = evaluator(str(values["use"]))
    rest = {key: value for key, value in values.items() if key != "use"}
    return module, build_settings(module.Config, rest, "validation.evaluators")


def provider(metric: str, objectives: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The settings of the shipped evaluator that measures `metric`, if any does."""
    for name in plugins.names("evaluator"):
        provides = getattr(evaluator(name), "provides", None)
        found = provides(metric, objectives) if provides else None
        if found is not None:
            return {"use": name, **found}
    return None

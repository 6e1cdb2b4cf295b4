"""The contract of an evaluator: one file that measures a model on the validation split.

An evaluator module (`evaluators/NAME.py`) has these names:

    Config                  a `config.Settings`
    NEEDS                   the targets it reads, by name (`batches.targets`)
    metrics(config)         {name: "higher" or "lower"}: its metrics and their better direction
    build(config, context)  an `Evaluator`

and, if a recipe may set its metric without listing the evaluator,

    provides(metric, objectives)    the settings that report `metric`, or `None`

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
from plainfilm.objectives.base import Encoded
from plainfilm.text.tokenizers import Tokenizer
from plainfilm.types import Better


@dataclass(frozen=True)
class EvaluatorContext:
    """The context of an evaluator: the tokenizers by name, and the observations of the labels."""

    tokenizers: Mapping[str, Tokenizer] = field(default_factory=dict)
    observations: tuple[str, ...] = ()


class Evaluator(Protocol):
    """Measures a model."""

    def records(self, encoded: Encoded) -> Sequence[Any]:
        """One picklable record for each item of a slice, or `None` for an item that is not measured."""
        ...

    def scores(self, records: Sequence[Any]) -> dict[str, float]:
        """The metrics that can be computed from the records of all items."""
        ...


class EvaluatorModule(Protocol):
    """The names in a module of this folder."""

    Config: type[Settings]
    NEEDS: tuple[str, ...]

    def metrics(self, config: Any) -> dict[str, Better]:
        """Its metrics under `config`, with the direction of each."""
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
        ConfigError: no `use`, an unknown evaluator, or a key or value that it does not accept.
    """
    if "use" not in values:
        raise ConfigError(
            f"validation.evaluators: key 'use' is missing: {nearest('', plugins.names('evaluator'))}"
        )
    module = evaluator(str(values["use"]))
    rest = {key: value for key, value in values.items() if key != "use"}
    return module, build_settings(module.Config, rest, "validation.evaluators")


def provider(metric: str, objectives: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The settings of the shipped evaluator that reports `metric`, if there is one."""
    for name in plugins.names("evaluator"):
        provides = getattr(evaluator(name), "provides", None)
        settings = provides(metric, objectives) if provides else None
        if settings is not None:
            return {"use": name, **settings}
    return None

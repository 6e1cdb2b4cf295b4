"""The contract of an objective: one file that says what training makes small.

An objective module has three names:

    Config                  a `config.Settings`
    NEEDS                   a `batches.batch.Needs`: views and texts per item, labels
    build(config, model)    an `Objective`

and a fourth, `MODEL`, where it trains another kind of model than a dual encoder (`nn.kinds`).

Training splits a step in two so that a batch of any size fits and the gradients stay exact (gradient
caching, Gao et al. 2021, arXiv:2101.06983): `encode` turns a slice of the batch into row-wise features,
`loss` turns the features of the whole batch, over all processes, into a number. Whatever couples the
items of a batch belongs into `loss`; whatever touches an encoder belongs into `encode` or `targets`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from torch import Tensor, nn

from plainfilm import plugins
from plainfilm.batches.batch import Batch, Keys, Needs
from plainfilm.config import Settings

Features = dict[str, Tensor]
"""Row-wise features by name; each has the batch's items as its first axis."""


@dataclass(frozen=True)
class LossReport:
    """`total` is differentiated; `parts` are numbers worth logging, detached, by name."""

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


class Objective(nn.Module):
    """Base of every objective. Its own parameters (if any) are trained with the model's.

    `collected` names the features and targets that `score` wants of a whole validation split.
    """

    collected: tuple[str, ...] = ()

    def before_training(self, labels: Tensor) -> None:
        """Called once with the states (N, O) of all items to train on, where the objective needs labels."""

    def encode(self, model: nn.Module, batch: Batch) -> Features:
        """Differentiable row-wise features of a slice of the batch."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it encodes")

    def targets(self, batch: Batch) -> Features:
        """Row-wise features that carry no gradient (a teacher's, say); computed once per slice."""
        return {}

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The loss of the whole batch from the features of all its rows, in row order."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its loss is")

    def score(self, collected: Features) -> dict[str, float]:
        """Scores of a whole split by name, from what was `collected` of it; those that can be computed."""
        return {}

    def after_step(self, model: nn.Module) -> None:
        """Called after every optimizer step (a moving-average teacher follows here)."""


class ObjectiveModule(Protocol):
    """What a module of this folder offers."""

    Config: type[Settings]
    NEEDS: Needs

    def build(self, config: Any, model: nn.Module) -> Objective:
        """The objective for `model`."""
        ...


def trained_kind(module: ObjectiveModule) -> str:
    """The kind of model that an objective trains."""
    return str(getattr(module, "MODEL", "dual_encoder"))


def objective(name: str) -> ObjectiveModule:
    """The objective called `name` (see `plugins.resolve`)."""
    return cast(ObjectiveModule, plugins.resolve("objective", name))

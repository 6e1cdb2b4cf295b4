"""The contract of a task: one file that evaluates a model on collections and returns results.

A task module has two names:

    Config                                          a `config.Settings`: the protocol's options
    run(predictor, collections, config, progress)   a `Results`

and a third, `MODEL`, where it evaluates another kind of model than a dual encoder (`nn.kinds`).

A task computes and returns; writing `results.json`, tables, figures and the page is done by `results/`.
The same model, collections and config give the same bytes: no random crops, no sampled sentences,
every generator seeded from `config.seed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import pandas as pd

from plainfilm import plugins
from plainfilm.config import Settings
from plainfilm.progress import SILENT, Progress

if TYPE_CHECKING:
    from plainfilm.collection import Collection
    from plainfilm.predictor import Predictor


@dataclass(frozen=True)
class Metric:
    """One score with its 95 % interval (`low`, `high`), the number `n` of items it is over, the `unit`
    of resampling ("patient") and the trivial baselines' scores by the same rule.

    `value` is `None` where the score is not computable; `note` then says why.
    `baseline_intervals` holds (low, high) of each baseline and `over_baselines` (value, low, high) of the
    paired difference model - baseline. `support` is the number of positives, where that says more than
    `n`; `subgroup` says which part of the items the score is over, where it is not all. `group`,
    `reducer` and `parts` say which terms of `Results.items` the score is made of (see `metrics.scores`);
    with them two results can be compared item by item.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str = "patient"
    baselines: dict[str, float] = field(default_factory=dict)
    baseline_intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    note: str | None = None
    over_baselines: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    support: int | None = None
    subgroup: str | None = None
    group: str | None = None
    reducer: str | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """One example for a person to look at: a query, and what the model answered, each with its labels.

    `query_image` is a path or `None`; every answer is a dictionary with `rank`, `score`, `text` or
    `image`, `labels` ({observation: state}), `agreement` ({observation: 1 agrees, -1 contradicts, 0 open})
    and `agrees` (True, False, or None where nothing is known). Where films are shown for their score,
    `introduction` says which, and answers have the `name` of the film, the `kind` of choice it was shown by
    and what it was `called` ("positive", "negative", or None).
    """

    title: str
    query_image: str | None
    query_text: str | None
    query_labels: dict[str, int]
    answers: tuple[dict[str, Any], ...]
    introduction: str | None = None


@dataclass(frozen=True)
class Results:
    """What an evaluation found: scores, raw predictions and the identity of the protocol.

    `items`, where a task gives it, has one row per item and group: `group`, `item_id`, `patient_id` and,
    per term of a score, columns `TERM|numerator` and `TERM|denominator`.
    """

    task: str
    model: str
    collection: str
    split: str
    n: int
    protocol: dict[str, Any]
    metrics: tuple[Metric, ...]
    predictions: pd.DataFrame
    shown: tuple[Shown, ...] = ()
    items: pd.DataFrame | None = None


class Task(Protocol):
    """What a module of this folder offers."""

    Config: type[Settings]

    def run(
        self,
        predictor: Predictor,
        collections: Sequence[Collection],
        config: Any,
        progress: Progress = SILENT,
    ) -> Results:
        """Evaluate `predictor` on `collections` as `config` says."""
        ...


def task(name: str) -> Task:
    """The task called `name` (see `plugins.resolve`)."""
    return cast(Task, plugins.resolve("task", name))

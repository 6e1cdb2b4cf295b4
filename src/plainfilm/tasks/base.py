"""The contract of a task: one file that evaluates a model on collections and returns results.

A task module has these names:

    Config                                          a `config.Settings`: the protocol's options
    NEEDS                                           the needed abilities, by their names in `models.base`
    INSTEAD                                         abilities that will do in their place; may be left out
    run(predictor, collections, config, progress)   a `Results`

A task computes and describes; `results/` writes the files and draws. All text for readers comes from the
task: a metric has its title, its direction and whether it is a headline; tables, figures and examples are
records of this file. `results/` knows no task by its name.

The same model, collections and config give the same bytes: no random crops, no sampled sentences, and
every generator is seeded from `config.seed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

import pandas as pd

from plainfilm import plugins
from plainfilm.config import Settings
from plainfilm.errors import UsageError
from plainfilm.io.spilled import SpilledTable
from plainfilm.pages.boxes import ShownBox as ShownBox
from plainfilm.progress import SILENT, Progress
from plainfilm.types import Better

if TYPE_CHECKING:
    from plainfilm.collection import Collection
    from plainfilm.predictor import Predictor

Point = tuple[float, float, float]
"""A value and its interval: (value, low, high)."""

Agreement = Literal["agrees", "contradicts", "open"]
"""Whether an answer agrees with the truth; open: the truth does not state it."""


@dataclass(frozen=True)
class Metric:
    """One score with its 95 % interval (`low`, `high`), the number `n` of items it is over, the `unit`
    of resampling ("patient") and the trivial baselines' scores by the same rule.

    `title` is for readers, `better` the direction, and a `headline` is one of the first scores of a summary.
    `value` is `None` if the score is not computable; `note` then gives the reason. `baseline_intervals` holds
    (low, high) of each baseline and `over_baselines` (value, low, high) of the paired difference model -
    baseline. `support` is the number of positives, if it differs in meaning from `n`; `subgroup` names the
    part of the items that the score is over, if it is not all. Metrics of one `group` are listed together
    under `heading` (by default the name of the group). `group`, `aggregation` and `parts` name the statistics
    of `Results.items` that the score is computed from (see `metrics.scores`); with them, two results can be
    compared item by item. `identity` states what decides the meaning of the score beside the protocol, such
    as tokenisation and library of a text metric; scores of different identities are never compared.
    `lenient_of` names the strict score that this one is a lenient form of: a comparison says where the two
    rank models differently.

    Raises:
        UsageError: an invalid direction, or no title.
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
    aggregation: str | None = None
    parts: tuple[str, ...] = ()
    title: str = field(kw_only=True)
    better: Better = field(kw_only=True)
    headline: bool = field(default=False, kw_only=True)
    heading: str | None = field(default=None, kw_only=True)
    identity: str | None = field(default=None, kw_only=True)
    lenient_of: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.better not in get_args(Better):
            raise UsageError(f"metric '{self.name}': better is '{self.better}'; set 'higher' or 'lower'")
        if not self.title.strip():
            raise UsageError(f"metric '{self.name}': has no title; add one for readers")

    def as_point(self) -> Point | None:
        """Value and interval for a figure, if there are any."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return self.value, self.low, self.high

    def baseline_point(self, name: str) -> Point | None:
        """Value and interval of a baseline for a figure, if there are any."""
        if name not in self.baselines or name not in self.baseline_intervals:
            return None
        return self.baselines[name], *self.baseline_intervals[name]


@dataclass(frozen=True)
class ScoreTable:
    """Scores side by side: a row per item (an observation, a region), a column per kind of score.

    `rows` holds, by the name of the row, the names of its metrics, one for each of the `columns`; a missing
    metric leaves its cell empty.
    """

    title: str
    introduction: str
    row_heading: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Series:
    """One score per row of an `IntervalFigure`, or `None` without a score."""

    name: str
    points: tuple[Point | None, ...]
    is_baseline: bool = False


@dataclass(frozen=True)
class IntervalFigure:
    """A row per item with the value and interval of every series; `reference` is a line through all rows.

    If no font has the letters of `rows`, their `numbers` replace them (by default from 1 on).
    """

    title: str
    x_label: str
    rows: tuple[str, ...]
    series: tuple[Series, ...]
    reference: float | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Curve:
    """Points (`x`, `y`) in order; `low` and `high` are the interval of each `y`, if there is one. `mark` is a
    point (x, y) to stress, such as an operating point."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    is_baseline: bool = False
    mark: tuple[float, float] | None = None


@dataclass(frozen=True)
class CurveFigure:
    """Curves on common axes.

    step: a curve keeps its value until its next point. log_x: a logarithmic axis. x_ticks: labels by value,
    instead of automatic ticks. diagonal: whether to draw the line y = x. points: whether to draw the points.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    step: bool = False
    log_x: bool = False
    x_ticks: Mapping[float, str] = field(default_factory=dict)
    y_limits: tuple[float, float] | None = None
    diagonal: bool = False
    points: bool = True


Figure = IntervalFigure | CurveFigure
"""A figure to draw, without its style."""


@dataclass(frozen=True)
class ShownImage:
    """An image of a collection (`path` of its stored file) with boxes on it."""

    image_id: str
    path: str
    boxes: tuple[ShownBox, ...] = ()


@dataclass(frozen=True)
class ShownSentence:
    """A sentence of an example.

    role: "truth", "prediction" or another word. boxes: indices of the boxes of the example's image that the
    sentence describes. agreement: of a prediction with the truth.
    """

    text: str
    role: str
    boxes: tuple[int, ...] = ()
    agreement: Agreement | None = None


@dataclass(frozen=True)
class ShownProbability:
    """The predicted probability of one observation of an example (0..1), and the truth, if known."""

    name: str
    value: float
    truth: bool | None = None


@dataclass(frozen=True)
class ShownLabel:
    """The state (`types.State`: 1, 0, -1) of an observation, and its agreement with the truth."""

    observation: str
    state: int
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Answer:
    """A text or an image that was retrieved or selected for an example.

    `heading` identifies it (its rank, or the reason for showing it), `detail` is its score.
    """

    heading: str
    detail: str = ""
    text: str | None = None
    image: ShownImage | None = None
    labels: tuple[ShownLabel, ...] = ()
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Example:
    """One case for review: an image with boxes, sentences, probabilities, labels, and answers.

    Examples of one `group` have a common heading. `answers` is `None` if the task retrieves no items, and
    empty if none were retrieved.

    Raises:
        UsageError: a sentence refers to a box that does not exist.
    """

    title: str
    group: str | None = None
    image: ShownImage | None = None
    sentences: tuple[ShownSentence, ...] = ()
    probabilities: tuple[ShownProbability, ...] = ()
    labels: tuple[ShownLabel, ...] = ()
    answers: tuple[Answer, ...] | None = None

    def __post_init__(self) -> None:
        count = len(self.image.boxes) if self.image else 0
        wrong = [place for one in self.sentences for place in one.boxes if not 0 <= place < count]
        if wrong:
            raise UsageError(f"example '{self.title}': a sentence refers to box {wrong[0]} of {count}")


@dataclass(frozen=True)
class Results:
    """The results of an evaluation: scores, raw predictions, the protocol, and what to show.

    `items`, if a task provides it, has one row per item and group: `group`, `item_id`, `patient_id` and, per
    statistic of a score, columns `NAME|numerator` and `NAME|denominator`. `counted` names the items that `n`
    counts. `must_match` lists further keys of `protocol` that must be equal for two results to be compared
    (besides split, collections, labels and seed). `introduction` precedes the `examples`, and `legend`
    explains the agreement of an answer. `attachments` are further text files of the results, by name.
    `operating_points` names, by group and class, the metrics of sensitivity and specificity at its threshold.
    `warnings` are what puts the scores in doubt (see `evaluate`). `parts` are results that these sum up, by
    the name of their folder, and `not_run` what could not be evaluated, with the reason. `question` is what
    was asked, in one sentence.
    """

    task: str
    model: str
    collection: str
    split: str
    n: int
    protocol: dict[str, Any]
    metrics: tuple[Metric, ...]
    predictions: pd.DataFrame
    items: pd.DataFrame | SpilledTable | None = None
    counted: str = "images"
    must_match: tuple[str, ...] = ()
    tables: tuple[ScoreTable, ...] = ()
    figures: tuple[Figure, ...] = ()
    examples: tuple[Example, ...] = ()
    introduction: str = ""
    legend: Mapping[Agreement, str] = field(default_factory=dict)
    attachments: Mapping[str, str] = field(default_factory=dict)
    operating_points: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    parts: Mapping[str, Results] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)
    question: str = ""

    @property
    def headline(self) -> tuple[Metric, ...]:
        """The first scores of a summary; all scores if none is a headline."""
        return tuple(metric for metric in self.metrics if metric.headline) or self.metrics


class Task(Protocol):
    """The names in a module of this folder."""

    Config: type[Settings]
    NEEDS: tuple[str, ...]

    def run(
        self,
        predictor: Predictor,
        collections: Sequence[Collection],
        config: Any,
        progress: Progress = SILENT,
    ) -> Results:
        """Evaluate `predictor` on `collections` with the options `config`."""
        ...


def task(name: str) -> Task:
    """The task called `name` (see `plugins.resolve`)."""
    return cast(Task, plugins.resolve("task", name))


def lacking(module: Task, abilities: Set[str]) -> tuple[str, ...]:
    """The abilities that the task needs and a model with `abilities` lacks; none if it has those that will do
    in their place."""
    instead = getattr(module, "INSTEAD", ())
    if instead and set(instead) <= abilities:
        return ()
    return tuple(name for name in module.NEEDS if name not in abilities)


def evaluate(
    module: Task,
    predictor: Predictor,
    collections: Sequence[Collection],
    config: Any,
    progress: Progress = SILENT,
) -> Results:
    """The results of a task, with what the model noticed while it encoded; `progress` says it too."""
    predictor.clear_warnings()
    results = module.run(predictor, collections, config, progress)
    warn(predictor, progress)
    return replace(results, warnings=(*results.warnings, *predictor.warnings))


def warn(predictor: Predictor, progress: Progress) -> None:
    """Says every warning of the model in a line."""
    for warning in predictor.warnings:
        progress.log(f"warning: {warning}")

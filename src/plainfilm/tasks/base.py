"""The contract of a task: one file that evaluates a model on collections and returns results.

A task module has three names:

    Config                                          a `config.Settings`: the protocol's options
    NEEDS                                           what the model must be able to do, out of `ABILITIES`
    run(predictor, collections, config, progress)   a `Results`

A task computes and describes; `results/` writes the files and draws. Everything a person reads comes from
here: a metric has its title, its direction and whether it is a headline; tables, figures and examples are
records of this file. `results/` knows no task by its name.

The same model, collections and config give the same bytes: no random crops, no sampled sentences,
every generator seeded from `config.seed`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

import pandas as pd

from plainfilm import plugins
from plainfilm.config import Settings
from plainfilm.errors import UsageError
from plainfilm.progress import SILENT, Progress

if TYPE_CHECKING:
    from plainfilm.collection import Collection
    from plainfilm.predictor import Predictor

ABILITIES = (
    *("encodes_images", "encodes_texts", "classifies", "encodes_studies"),
    *("writes_reports", "locates", "describes"),
)
"""What a model may be able to do."""

Better = Literal["higher", "lower"]
"""The direction of a score."""

Point = tuple[float, float, float]
"""A value and its interval: (value, low, high)."""

Agreement = Literal["agrees", "contradicts", "open"]
"""How an answer stands to the truth; open: the truth does not say."""


@dataclass(frozen=True)
class Metric:
    """One score with its 95 % interval (`low`, `high`), the number `n` of items it is over, the `unit`
    of resampling ("patient") and the trivial baselines' scores by the same rule.

    `title` is what a person reads, `better` the direction, and a `headline` is among the scores a summary
    leads with. `value` is `None` where the score is not computable; `note` then says why.
    `baseline_intervals` holds (low, high) of each baseline and `over_baselines` (value, low, high) of the
    paired difference model - baseline. `support` is the number of positives, where that says more than
    `n`; `subgroup` says which part of the items the score is over, where it is not all. Metrics of one
    `group` are listed together under `heading` (by default the name of the group). `group`, `aggregation` and
    `parts` say which statistics of `Results.items` the score is made of (see `metrics.scores`); with them two
    results can be compared item by item.

    Raises:
        UsageError: a direction that is none, or no title.
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

    def __post_init__(self) -> None:
        if self.better not in get_args(Better):
            raise UsageError(f"metric '{self.name}': better is '{self.better}'; it is 'higher' or 'lower'")
        if not self.title.strip():
            raise UsageError(f"metric '{self.name}': has no title; say what a person reads")

    def as_point(self) -> Point | None:
        """Value and interval for a figure, where there are any."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return self.value, self.low, self.high

    def baseline_point(self, name: str) -> Point | None:
        """The same of a baseline."""
        if name not in self.baselines or name not in self.baseline_intervals:
            return None
        return self.baselines[name], *self.baseline_intervals[name]


@dataclass(frozen=True)
class ScoreTable:
    """Scores side by side: a row per item (an observation, a region), a column per kind of score.

    `rows` holds, by the name of the row, the names of its metrics, one for each of the `columns`; a metric
    that does not exist leaves its cell empty.
    """

    title: str
    introduction: str
    row_heading: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Series:
    """One score per row of an `IntervalFigure`, or `None` where there is none."""

    name: str
    points: tuple[Point | None, ...]
    is_baseline: bool = False


@dataclass(frozen=True)
class IntervalFigure:
    """A row per item, in which every series has its value and interval; `reference` is a line through all.

    Where no font has the letters of `rows`, they are called by their `numbers` (by default from 1 on).
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
    """Points (`x`, `y`) in order; `low` and `high` are the interval of each `y`, where there is one."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    is_baseline: bool = False


@dataclass(frozen=True)
class CurveFigure:
    """Curves on common axes.

    step: a curve keeps its value until its next point. log_x: a logarithmic axis. x_ticks: labels by value,
    in place of the usual ticks. diagonal: whether the line y = x is drawn.
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


Figure = IntervalFigure | CurveFigure
"""What to draw, not how."""


@dataclass(frozen=True)
class ShownBox:
    """A box on an image, in pixels of the stored image, x right and y down.

    kind: "truth", "prediction" or another word. score: the confidence in a predicted box.

    Raises:
        UsageError: a coordinate is not a finite number.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    name: str
    kind: str
    score: float | None = None

    def __post_init__(self) -> None:
        corners = (self.x0, self.y0, self.x1, self.y1)
        if not all(math.isfinite(corner) for corner in corners):
            raise UsageError(f"box '{self.name}': {corners} are not four finite numbers")


@dataclass(frozen=True)
class ShownImage:
    """An image of a collection (`path` of its stored file) with boxes on it."""

    image_id: str
    path: str
    boxes: tuple[ShownBox, ...] = ()


@dataclass(frozen=True)
class ShownSentence:
    """A sentence of an example.

    role: "truth", "prediction" or another word. boxes: places in the boxes of the example's image that the
    sentence speaks of. agreement: of a prediction, with the truth.
    """

    text: str
    role: str
    boxes: tuple[int, ...] = ()
    agreement: Agreement | None = None


@dataclass(frozen=True)
class ShownProbability:
    """What a model says of one observation of an example (0..1), and what is true, where that is known."""

    name: str
    value: float
    truth: bool | None = None


@dataclass(frozen=True)
class ShownLabel:
    """The state (`types.State`: 1, 0, -1) of an observation, and how it stands to the truth."""

    observation: str
    state: int
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Answer:
    """A text or an image that was retrieved or chosen for an example.

    `heading` says which one it is (its rank, or the choice it was shown by), `detail` its score.
    """

    heading: str
    detail: str = ""
    text: str | None = None
    image: ShownImage | None = None
    labels: tuple[ShownLabel, ...] = ()
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Example:
    """One case for a person to look at: an image with boxes, sentences, probabilities, labels, and answers.

    Examples of one `group` stand under one heading. `answers` is `None` where nothing is answered by an item,
    and empty where nothing was found.

    Raises:
        UsageError: a sentence points at a box that is not there.
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
            raise UsageError(f"example '{self.title}': a sentence points at box {wrong[0]} of {count}")


@dataclass(frozen=True)
class Results:
    """What an evaluation found: scores, raw predictions, the identity of the protocol, and what to show.

    `items`, where a task gives it, has one row per item and group: `group`, `item_id`, `patient_id` and,
    per statistic of a score, columns `NAME|numerator` and `NAME|denominator`. `counted` says what `n` counts.
    `must_match` are the keys of `protocol` without whose equality two results do not compare (besides split,
    collections, labels and seed). `introduction` is read before the `examples`, and `legend` says what the
    agreement of an answer means.
    """

    task: str
    model: str
    collection: str
    split: str
    n: int
    protocol: dict[str, Any]
    metrics: tuple[Metric, ...]
    predictions: pd.DataFrame
    items: pd.DataFrame | None = None
    counted: str = "images"
    must_match: tuple[str, ...] = ()
    tables: tuple[ScoreTable, ...] = ()
    figures: tuple[Figure, ...] = ()
    examples: tuple[Example, ...] = ()
    introduction: str = ""
    legend: Mapping[Agreement, str] = field(default_factory=dict)

    @property
    def headline(self) -> tuple[Metric, ...]:
        """The scores that a summary leads with; all of them where none is a headline."""
        return tuple(metric for metric in self.metrics if metric.headline) or self.metrics


class Task(Protocol):
    """What a module of this folder offers."""

    Config: type[Settings]
    NEEDS: tuple[str, ...]

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

"""Retrieval: images to sentences and reports, reports to images, images to images, scored in two ways.

*Identity*: the rank of the query's own text or image among the items of the evaluated split. Recall at 1, 5
and 10, median and mean rank, mean average precision. *Findings*: the agreement of the `k` items retrieved
from another split (by default the training split, as in use) with the findings of the query's own report, by
TxtRayAlign's published rule, and positive-only per observation, micro and macro (see `metrics.findings`).

Every score is reported with those of a random and of the commonest answer, all with intervals by patient from
the same resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from pydantic import AliasChoices, Field, field_validator, model_validator

from plainfilm.bank.items import ItemFilter
from plainfilm.bank.search import Indices
from plainfilm.bank.selection import RetrievedItems, SelectionConfig, answer, query_leave_self_out
from plainfilm.collection import Collection
from plainfilm.collection.labels import Labels
from plainfilm.errors import DataError, nearest
from plainfilm.metrics.scores import Statistics
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Example, Figure, Metric, Results
from plainfilm.tasks.retrieving.embeddings import (
    ALL,
    DIRECTIONS,
    Direction,
    Embedded,
    EmbeddedCollections,
    Queries,
)
from plainfilm.tasks.retrieving.statistics import (
    NOT_A_FINDING,
    baseline_ranks,
    baseline_statistics,
    finding_scores,
    finding_statistics,
    identity_scores,
    identity_statistics,
    model_ranks,
    number_of_queries,
)
from plainfilm.tasks.retrieving.tables import (
    INTRODUCTION,
    LEGEND,
    examples,
    f1_figure,
    predictions_table,
    rank_figure,
)
from plainfilm.tasks.scoring.label_choice import choose_labels, label_facts
from plainfilm.tasks.scoring.measure import (
    DescribedScore,
    Measured,
    Resampling,
    check_no_leak,
    choose_views,
    identity,
    items_table,
    known_split,
    measure,
    measure_subgroups,
    subgroups,
)
from plainfilm.text.rules import TextRule
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor


NEEDS = ("encodes_images", "encodes_texts")

SUBGROUP_SCORES = ("recall@10", "finding_f1_micro_positive")


class Config(SelectionConfig):
    """The protocol.

    directions: which of `DIRECTIONS`. split: of the queries; "all" takes every study. bank_split: the split
    that the finding scores retrieve from; `None` leaves them out, and needs no labels. text_rule: the rule
    for a report's sections; by default that of the model's training. views: images of other views are left
    out; by default those of the model's training. first_film: use only the first image of a study. labels:
    the origin of the labels; by default that of `scoring.label_choice`. max_queries: at most this many
    queries per direction, drawn by `seed`. random_draws: number of draws averaged for the random baseline.
    The remaining keys select the answer from a ranking, see `bank.selection.SelectionConfig`.
    """

    directions: tuple[str, ...] = tuple(DIRECTIONS)
    split: str = "test"
    bank_split: str | None = "train"
    text_rule: TextRule | None = None
    views: tuple[View, ...] | None = None
    first_film: bool = False
    labels: str | None = Field(default=None, validation_alias=AliasChoices("labels", "label_origin"))
    max_queries: int | None = Field(default=None, ge=1)
    resamples: int = Field(default=1000, ge=100)
    random_draws: int = Field(default=10, ge=1)
    seed: int = 0

    @field_validator("directions")
    @classmethod
    def _known_directions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in DIRECTIONS:
                raise ValueError(f"unknown direction '{name}': {nearest(name, DIRECTIONS)}")
        return value

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return value if value == ALL else known_split(value)

    @field_validator("bank_split")
    @classmethod
    def _known_bank_split(cls, value: str | None) -> str | None:
        return None if value is None else known_split(value)

    @model_validator(mode="after")
    def _bank_is_apart(self) -> Self:
        if self.bank_split is None:
            self._refuse_unused()
        elif self.split == ALL:
            raise ValueError("split is 'all': no study is left to retrieve from; set bank_split=null")
        elif self.split == self.bank_split:
            raise ValueError(
                f"split and bank_split are both '{self.split}': a query would find its own report"
            )
        return self

    def _refuse_unused(self) -> None:
        for name in ("labels", "threshold", "margin", "diversity"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} applies to the finding scores, which bank_split=null leaves out: unset it"
                )


@dataclass(frozen=True)
class _Outcome:
    """The results of one direction."""

    metrics: list[Metric]
    predictions: pd.DataFrame
    items: pd.DataFrame
    examples: list[Example]
    figures: list[Figure]


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Evaluate retrieval; see the module.

    Raises:
        LeakageError: patients of the queries are among those of the training split.
        DataError: no labels, no queries, or no items to retrieve.
    """
    check_no_leak(predictor, collections, None if config.split == ALL else config.split)
    _check_parts(collections, config)
    labels = _labels(predictor, collections, config, progress) if config.bank_split else None
    choice = ItemFilter(
        text_rule=_text_rule(predictor, config),
        views=choose_views(predictor, config.views),
        first_film=config.first_film,
    )
    embedded = EmbeddedCollections(predictor, collections, labels, choice, progress)
    outcomes = [_direction(DIRECTIONS[name], embedded, config) for name in config.directions]
    items = pd.concat([outcome.items for outcome in outcomes], ignore_index=True)
    return Results(
        task="retrieval",
        question="Does the model find the texts and films that belong together among all others?",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=int(max(outcome.items["item_id"].nunique() for outcome in outcomes)),
        protocol=_protocol(predictor, collections, labels, config),
        metrics=tuple(metric for outcome in outcomes for metric in outcome.metrics),
        predictions=pd.concat([outcome.predictions for outcome in outcomes], ignore_index=True),
        items=items,
        counted="queries at most",
        must_match=("bank_split", "text_rule", "first_film", "k"),
        figures=(*(figure for outcome in outcomes for figure in outcome.figures), *rank_figure(items)),
        examples=tuple(example for outcome in outcomes for example in outcome.examples),
        introduction=INTRODUCTION,
        legend=LEGEND,
    )


def _check_parts(collections: Sequence[Collection], config: Config) -> None:
    where = ", ".join(str(collection.path) for collection in collections)
    directions = [DIRECTIONS[name] for name in config.directions]
    of_texts = any(kind != "images" for way in directions for kind in (way.query, way.bank))
    if of_texts and not any(len(collection.table("sections")) for collection in collections):
        raise DataError(f"{where}: no reports, so no texts; directions=[image->image] needs films only")
    splits = {split for collection in collections for split in collection.frame("studies")["split"]}
    if config.bank_split is not None and config.bank_split not in splits:
        raise DataError(
            f"{where}: no studies in split '{config.bank_split}' to retrieve from; bank_split=null evaluates "
            "the rank of a query's own text or film only"
        )


def _labels(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress
) -> Labels:
    ways = [DIRECTIONS[name] for name in config.directions]
    kinds = tuple(dict.fromkeys(kind for way in ways for kind in (way.query, way.bank)))
    return choose_labels(
        predictor, collections, kinds, (config.split, config.bank_split), config.labels, progress
    )


def _text_rule(predictor: Predictor, config: Config) -> str:
    return config.text_rule or predictor.config.training_facts.text_rule or "best_section"


def _direction(direction: Direction, embedded: EmbeddedCollections, config: Config) -> _Outcome:
    queries = embedded.queries(direction.query, config.split, config.max_queries, config.seed)
    own = embedded.part(direction.bank, config.split)
    bank = own if config.bank_split is None else embedded.part(direction.bank, config.bank_split)
    observations = embedded.observations
    if bank is queries.side:
        answers = query_leave_self_out(bank.vectors, queries.rows, config)
    else:
        answers = answer(bank.vectors, queries.vectors, config)
    values, baselines = _statistics(direction, queries, own, bank, answers, observations, config)
    scores = _scores(queries, observations, config)
    measured = Measured(direction.name, values, baselines, queries.patients)
    chosen = [score for score in scores if score.name.startswith(SUBGROUP_SCORES)]
    resampling = Resampling(number_of_queries, config.resamples, config.seed)
    metrics = [
        _with_support(metric, queries, observations) for metric in measure(measured, scores, resampling)
    ]
    return _Outcome(
        metrics + measure_subgroups(measured, chosen, subgroups(queries.facts), resampling),
        predictions_table(direction.name, queries, bank, answers, observations),
        items_table(measured, queries.ids),
        examples(direction.name, queries, bank, answers, observations, config.seed),
        f1_figure(direction.name, metrics),
    )


def _scores(queries: Queries, observations: Sequence[str], config: Config) -> list[DescribedScore]:
    if config.bank_split is None:
        return identity_scores()
    findings = [name for name in observations if name != NOT_A_FINDING]
    supported = [name for name in findings if (queries.states[:, observations.index(name)] == 1).any()]
    return [*identity_scores(), *finding_scores(config.k, findings, supported)]


def _statistics(
    direction: Direction,
    queries: Queries,
    own: Embedded,
    bank: Embedded,
    answers: RetrievedItems,
    observations: Sequence[str],
    config: Config,
) -> tuple[Statistics, dict[str, Statistics]]:
    """Statistics of the model and of each baseline."""

    def answer_statistics(rows: Indices) -> Statistics:
        return finding_statistics(queries.states, bank.states[rows], answers.kept, observations)

    relevant = queries.relevant(own)
    identity = identity_statistics(model_ranks(queries, own, relevant))
    trivial = baseline_ranks(queries, own, relevant)
    if config.bank_split is None:
        return identity, {name: identity_statistics(ranks) for name, ranks in trivial.items()}
    seed = (config.seed, "random", direction.name, config.random_draws)
    findings = baseline_statistics(queries, bank, answers, answer_statistics, seed)
    baselines: dict[str, Statistics] = {
        name: {**(identity_statistics(trivial[name]) if name in trivial else {}), **values}
        for name, values in findings.items()
    }
    return {**identity, **answer_statistics(answers.indices)}, baselines


def _with_support(metric: Metric, queries: Queries, observations: Sequence[str]) -> Metric:
    """Add the number of positive queries to the metric of an observation."""
    _, separator, name = metric.name.rpartition("@")[0].rpartition("_positive/")
    if not separator:
        return metric
    return replace(metric, support=int((queries.states[:, observations.index(name)] == 1).sum()))


def _protocol(
    predictor: Predictor, collections: Sequence[Collection], labels: Labels | None, config: Config
) -> dict[str, Any]:
    """The settings and data that determine the scores."""
    settings = config.model_dump(mode="json", exclude={"directions"})
    return {
        **settings,
        "text_rule": _text_rule(predictor, config),
        "views": choose_views(predictor, config.views),
        **(label_facts(labels) if labels else {"labels": None}),
        "observations": list(labels.observations) if labels else [],
        "prompts": None,
        "identical_texts": "one item, compared with case and white space folded",
        "ties": "mean over all orders of tied items",
        "positive_only": f"all observations but '{NOT_A_FINDING}'; uncertain counts as not positive",
        "baselines": {
            "random": f"mean of {config.random_draws} draws; expected value for the ranks",
            "most_frequent": "the commonest texts, or films with the commonest set of labels",
        },
        **identity(predictor, collections, config.resamples),
    }

"""How scores of films are judged, observation by observation, wherever they come from.

Prompts and classifiers are judged alike: rankings, decisions at thresholds chosen on the validation split of
the same collections, calibration and abstention fitted there, baselines, subgroups, intervals by patient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import AliasChoices, Field, field_validator

from plainfilm.batches.labels import Absent, Uncertain
from plainfilm.collection import Collection, check_patients_apart
from plainfilm.collection.labels import Labels
from plainfilm.config import Settings
from plainfilm.errors import DataError
from plainfilm.metrics.classification import Criterion
from plainfilm.predictor.decisions import Ensembles, write_decisions
from plainfilm.progress import Progress
from plainfilm.prompts import Prompts
from plainfilm.tasks.base import Metric, Results
from plainfilm.tasks.prompting.calibrating import calibration_metrics, probabilities
from plainfilm.tasks.prompting.deciding import Fitted, Said, as_decisions, fit
from plainfilm.tasks.prompting.films import Films, gather_films
from plainfilm.tasks.prompting.tables import predictions_table
from plainfilm.tasks.prompting.trials import abstention_trial, explained
from plainfilm.tasks.scoring.films import film_subgroups, views_of_films
from plainfilm.tasks.scoring.label_choice import label_facts
from plainfilm.tasks.scoring.measure import Measured, Resampling, items_table, measure, measure_subgroups
from plainfilm.tasks.scoring.observations import Truth, number_of_films, trial
from plainfilm.tasks.scoring.protocol import check_no_leak, identity, known_split
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

FITTED_ON = "validation"
SUBGROUP_SCORES = ("auroc_macro", "f1_macro", "accuracy")


class JudgingConfig(Settings):
    """The protocol that all share.

    observations: which to ask about; by default all that can be asked. labels (or label_origin): the origin
    of the labels; by default that of `scoring.label_choice`. uncertain, absent: what labels that are
    uncertain and labels that are not there count as. threshold: what is best at a threshold. miss: the share
    of each class that may lie outside its conformal sets. views: films of other views are left out; by
    default the model is asked about the views it was trained on and those not known. save_decisions: write
    thresholds, calibration and bounds into the model's folder.
    """

    observations: tuple[str, ...] | None = None
    labels: str | None = Field(default=None, validation_alias=AliasChoices("labels", "label_origin"))
    uncertain: Uncertain = "ignore"
    absent: Absent = "negative"
    threshold: Criterion = "f1"
    miss: float = Field(default=0.1, gt=0, lt=1)
    split: str = "test"
    views: tuple[View, ...] | None = None
    resamples: int = Field(default=1000, ge=100)
    seed: int = 0
    save_decisions: bool = False

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return known_split(value)


@dataclass(frozen=True)
class World:
    """What an evaluation works on.

    says: what the model says of films. prompts: by observation; a classifier has none. facts: what else
    decides the numbers, for the protocol. left_out: by what it is, for the protocol too.
    """

    task: str
    predictor: Predictor
    collections: Sequence[Collection]
    labels: Labels
    observations: tuple[str, ...]
    config: JudgingConfig
    progress: Progress
    says: Callable[[Films], Said]
    prompts: Mapping[str, Prompts] = field(default_factory=dict)
    ensembles: Ensembles = "mean"
    facts: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The collections, by name."""
        return "+".join(collection.name for collection in self.collections)

    def films(self, split: str) -> Films:
        """The labelled films of a split."""
        config = self.config
        views, policies = views_of_films(self.predictor, config.views), (config.uncertain, config.absent)
        return gather_films(self.collections, split, views, self.labels, self.observations, *policies)

    def asked(self) -> Films:
        """The films that are evaluated.

        Raises:
            DataError: there are none.
        """
        films = self.films(self.config.split)
        if not len(films):
            raise DataError(
                f"{self.where}: no labelled film in split '{self.config.split}' ({films.unlabelled} without "
                "labels); choose another with --split, or views="
            )
        return films

    @property
    def resampling(self) -> Resampling:
        """How intervals are made."""
        return Resampling(number_of_films, self.config.resamples, self.config.seed)


def decide(world: World) -> Fitted | None:
    """What validation films give, or `None` where there are none or they are themselves evaluated.

    Raises:
        LeakageError: patients of the validation films are elsewhere too.
        DataError: decisions are to be saved, and there are none.
    """
    config, fitted = world.config, None
    if config.split != FITTED_ON:
        films = world.films(FITTED_ON)
        if len(films):
            check_no_leak(world.predictor, world.collections, FITTED_ON)
            check_patients_apart(
                *([(c, split) for c in world.collections] for split in (FITTED_ON, config.split))
            )
            fitted = fit(world.says(films), films, config.threshold, config.miss)
    if config.save_decisions:
        _save_decisions(world, fitted)
    return fitted


def _save_decisions(world: World, fitted: Fitted | None) -> None:
    folder = world.predictor.folder
    if fitted is None or folder is None:
        raise DataError(
            f"save_decisions=true: nothing to decide by; it takes labelled films in split '{FITTED_ON}' "
            f"beside those of split '{world.config.split}'"
        )
    asked = {name: world.prompts.get(name, Prompts((), ())) for name in world.observations}
    decided = {name: one for name, one in asked.items() if one.negative or not one.positive}
    decisions = as_decisions(
        fitted,
        world.observations,
        decided,
        world.ensembles,
        world.config.miss,
        world.predictor.fingerprint,
        {**protocol_of(world), "split": FITTED_ON},
    )
    world.progress.say(f"decisions: {write_decisions(folder, decisions)}")


def judge(world: World, films: Films, said: Said, fitted: Fitted | None) -> Results:
    """The results of what was `said` of `films`."""
    truth = Truth(world.observations, films.positive, films.known)
    made = probabilities(said.margin, said.scale, fitted)
    parts = film_subgroups(world.collections, films.frame)
    ids = films.frame["image_id"].to_numpy(dtype=str)
    metrics, items = [], []
    for group, values in said.groups.items():
        is_main = group == said.main
        thresholds = fitted.thresholds[group] if fitted else None
        scores, values_of, baselines = trial(is_main, values, thresholds, truth)
        measured = Measured(group, values_of, baselines, films.patients)
        metrics += measure(measured, scores, world.resampling)
        chosen = [score for score in scores if is_main and score.name in SUBGROUP_SCORES]
        metrics += measure_subgroups(measured, chosen, parts, world.resampling)
        items.append(items_table(measured, ids))
    metrics += calibration_metrics(made, truth, fitted, films.patients, world.resampling)
    if fitted:
        scores, values_of, baselines = abstention_trial(said.margin, fitted.bounds, world.config.miss, truth)
        measured = Measured("abstention", values_of, baselines, films.patients)
        metrics += measure(measured, scores, world.resampling)
        items.append(items_table(measured, ids))
    reasons = explained(truth, fitted, said)
    return results_of(
        world,
        films,
        [reasons(metric) for metric in metrics],
        predictions_table(films, said, made, fitted),
        pd.concat(items, ignore_index=True),
        {"thresholds": _thresholds(world, fitted)},
    )


def results_of(
    world: World,
    films: Films,
    metrics: Sequence[Metric],
    predictions: pd.DataFrame,
    items: pd.DataFrame,
    more: Mapping[str, Any],
) -> Results:
    """What was found, with the identity of the protocol; `more` is said beside it."""
    protocol = protocol_of(world)
    left_out = {**protocol["left_out"], "films without labels": films.unlabelled, **more.get("left_out", {})}
    return Results(
        task=world.task,
        model=world.predictor.name,
        collection=world.where,
        split=world.config.split,
        n=len(films),
        protocol={**protocol, **more, "left_out": left_out},
        metrics=tuple(metrics),
        predictions=predictions,
        items=items,
    )


def _thresholds(world: World, fitted: Fitted | None) -> dict[str, Any]:
    if fitted is None:
        evaluated = world.config.split == FITTED_ON
        why = "the validation films are evaluated" if evaluated else "no labelled films for validation"
        return {"chosen_on": "none", "why": why}
    names = world.observations
    return {
        "chosen_on": FITTED_ON,
        "best": world.config.threshold,
        "values": {group: dict(zip(names, one, strict=True)) for group, one in fitted.thresholds.items()},
        "temperature": 1.0 / fitted.scale if fitted.scale else None,
        "positives": dict(zip(names, fitted.positives, strict=True)),
        "negatives": dict(zip(names, fitted.negatives, strict=True)),
    }


def protocol_of(world: World) -> dict[str, Any]:
    """Everything that decides the numbers."""
    predictor, config = world.predictor, world.config
    return {
        **config.model_dump(mode="json", exclude={"save_decisions"}),
        "prompts": None,
        **world.facts,
        "observations": list(world.observations),
        **label_facts(world.labels),
        "text_rule": None,
        "views": views_of_films(predictor, config.views),
        "left_out": dict(world.left_out),
        "ties": "count half",
        "macro": "mean over the observations that have films of both classes",
        "baselines": {
            "random": "the same score for all films; positive with the chance of its prevalence",
            "majority": "the commoner answer of the evaluated films for every film",
            "prevalence": "the share of positives among the validation films, for every film",
        },
        **identity(predictor, world.collections, config.resamples),
    }

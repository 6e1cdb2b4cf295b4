"""Evaluates image scores by observation, from any model.

The evaluation is the same for prompts and classifiers: rankings, decisions at thresholds chosen on the
validation split of the same collections, calibration and abstention fitted there, baselines, subgroups,
intervals by patient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import AliasChoices, Field, field_validator

from plainfilm.batches.labels import Absent, Uncertain
from plainfilm.collection import Collection, check_patients_apart
from plainfilm.collection.labels import Labels
from plainfilm.config import Settings
from plainfilm.errors import DataError
from plainfilm.io.spilled import SpilledTable
from plainfilm.metrics.classification import Criterion
from plainfilm.metrics.concentration import same_answers_alarm
from plainfilm.metrics.scores import Statistics
from plainfilm.predictor.operating_points import Ensembles, write_operating_points
from plainfilm.progress import Progress
from plainfilm.prompts import Prompts
from plainfilm.tasks.base import Metric, Results
from plainfilm.tasks.film_classification.abstention import (
    ABSTENTION,
    MADE,
    abstention,
    calibration_metrics,
    calibration_of_subgroups,
    probabilities,
    reliability_figure,
    with_reasons,
)
from plainfilm.tasks.film_classification.films import Films, gather_films
from plainfilm.tasks.film_classification.thresholds import (
    FITTED_ON,
    FilmScores,
    Fitted,
    Floats,
    as_operating_points,
    auroc_figure,
    fit,
    number_of_films,
    observations_table,
    operating_points,
    ranked_and_decided,
    score_statistics,
    thresholds_document,
)
from plainfilm.tasks.film_classification.view_prior import VIEW_ONLY, frequency_at_view, views_of
from plainfilm.tasks.scoring.label_choice import label_facts
from plainfilm.tasks.scoring.measure import (
    Measured,
    Resampling,
    check_no_leak,
    film_subgroups,
    identity,
    items_table,
    known_split,
    measure,
    measure_subgroups,
    views_of_films,
)
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

SUBGROUP_SCORES = ("auroc_macro", "f1_macro", "accuracy")
MUST_MATCH = ("mode", "item", "uncertain", "absent")
"""Keys that must be equal in the protocols of compared results, if present."""


class ClassificationConfig(Settings):
    """The common options.

    item: whether every image is scored by itself, or every study from all its images (for a model that fuses
    them). observations: to evaluate; by default all possible ones. labels (or label_origin): the origin of
    the labels; by default that of `scoring.label_choice`. uncertain, absent: the truth of uncertain and of
    absent labels. threshold: the criterion of thresholds. miss: the largest share of each class outside its
    conformal sets. views: images of other views are left out; by default the views of the model's training
    and unknown views are kept. save_operating_points: write thresholds, calibration and bounds to the
    model's folder.
    """

    RENAMED: ClassVar = {"save_decisions": "save_operating_points"}

    item: Literal["image", "study"] = "image"
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
    save_operating_points: bool = False

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return known_split(value)


@dataclass(frozen=True)
class EvaluationContext:
    """The inputs of an evaluation.

    scores_of: the model's scores of images. prompts: by observation; empty for a classifier. facts: further
    entries of the protocol that determine the scores. left_out: lists for the protocol, by kind.
    """

    task: str
    predictor: Predictor
    collections: Sequence[Collection]
    labels: Labels
    observations: tuple[str, ...]
    config: ClassificationConfig
    progress: Progress
    scores_of: Callable[[Films], FilmScores]
    prompts: Mapping[str, Prompts] = field(default_factory=dict)
    ensembles: Ensembles = "mean"
    facts: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The collections, by name."""
        return "+".join(collection.name for collection in self.collections)

    def films(self, split: str) -> Films:
        """The labelled images of a split."""
        config = self.config
        views, policies = views_of_films(self.predictor, config.views), (config.uncertain, config.absent)
        chosen = (views, self.labels, self.observations, *policies, config.item)
        return gather_films(self.collections, split, *chosen)

    def evaluated_films(self) -> Films:
        """The images to evaluate.

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
        """The method of intervals."""
        return Resampling(number_of_films, self.config.resamples, self.config.seed)


def fit_on_validation(context: EvaluationContext) -> Fitted | None:
    """The operating points from validation images, or `None` without them or if they are themselves
    evaluated.

    Raises:
        LeakageError: patients of the validation images are also in other splits.
        DataError: operating points are to be saved, but there are none.
    """
    config, fitted = context.config, None
    if config.split != FITTED_ON:
        films = context.films(FITTED_ON)
        if len(films):
            check_no_leak(context.predictor, context.collections, FITTED_ON)
            check_patients_apart(
                *([(c, split) for c in context.collections] for split in (FITTED_ON, config.split))
            )
            fitted = fit(context.scores_of(films), films.truth, config.threshold, config.miss)
    if config.save_operating_points:
        _save_operating_points(context, fitted)
    return fitted


def _save_operating_points(context: EvaluationContext, fitted: Fitted | None) -> None:
    folder = context.predictor.folder
    if fitted is None or folder is None:
        raise DataError(
            f"save_operating_points=true: there are none; they need labelled films in split '{FITTED_ON}' "
            f"besides those of split '{context.config.split}'"
        )
    prompts = {name: context.prompts.get(name, Prompts((), ())) for name in context.observations}
    decided = {name: one for name, one in prompts.items() if one.negative or not one.positive}
    points = as_operating_points(
        fitted,
        context.observations,
        decided,
        context.ensembles,
        context.config.miss,
        context.predictor.fingerprint,
        {**_protocol(context), "split": FITTED_ON},
    )
    context.progress.log(f"operating points: {write_operating_points(folder, points)}")


def evaluate(context: EvaluationContext, films: Films, scores: FilmScores, fitted: Fitted | None) -> Results:
    """The results of the `scores` of `films`."""
    config, observed = context.config, films.truth
    made = probabilities(scores.margin, scores.scale, fitted)
    parts = film_subgroups(context.collections, films.frame, by_view=not films.are_studies)
    by_view, patients = _view_only(context, films), films.patient_groups
    metrics, items = [], SpilledTable()
    for group, values in scores.groups.items():
        is_main = group == scores.main
        evaluated = ranked_and_decided(
            is_main, values, fitted.thresholds[group] if fitted else None, observed
        )
        baselines = {**evaluated.baselines, **by_view}
        measured = Measured(group, evaluated.values, baselines, patients)
        metrics += measure(measured, evaluated.scores, context.resampling)
        chosen = [score for score in evaluated.scores if is_main and score.name in SUBGROUP_SCORES]
        metrics += measure_subgroups(measured, chosen, parts, context.resampling)
        items.add(items_table(measured, films.ids))
    by_patient = (fitted, patients)
    metrics += calibration_metrics(made, observed, *by_patient, context.resampling)
    metrics += calibration_of_subgroups(made, observed, *by_patient, parts, context.resampling)
    if fitted:
        evaluated = abstention(scores.margin, fitted.bounds, config.miss, observed)
        measured = Measured(ABSTENTION, evaluated.values, evaluated.baselines, patients)
        metrics += measure(measured, evaluated.scores, context.resampling)
        items.add(items_table(measured, films.ids))
    reasons = with_reasons(observed, fitted, scores)
    metrics = [reasons(metric) for metric in metrics]
    table = predictions_table(films, scores, made, fitted)
    on_validation = config.split == FITTED_ON
    chosen_on = thresholds_document(fitted, films.observations, config.threshold, on_validation=on_validation)
    return results_of(
        context,
        films,
        metrics,
        table,
        items,
        {"thresholds": chosen_on},
        warnings=() if (alarm := same_answers_alarm(scores.scale * scores.margin)) is None else (alarm,),
        operating_points=operating_points(metrics, list(scores.groups), films.observations),
        tables=(observations_table(metrics, list(scores.groups), films.observations),),
        figures=(
            *auroc_figure(metrics, list(scores.groups), films.observations),
            *reliability_figure(table, {f"probability_{kind}": MADE[kind] for kind in made}),
        ),
    )


def _view_only(context: EvaluationContext, films: Films) -> dict[str, Statistics]:
    """The rankings by the view alone, from validation films; nothing where all films are of one view."""
    if films.are_studies or context.config.split == FITTED_ON:
        return {}
    known, asked = context.films(FITTED_ON), views_of(context.collections, films)
    if not len(known) or len(set(asked)) < 2:
        return {}
    scores = frequency_at_view(known, views_of(context.collections, known), asked)
    return {VIEW_ONLY: score_statistics(scores, films.truth)}


def results_of(
    context: EvaluationContext,
    films: Films,
    metrics: Sequence[Metric],
    predictions: pd.DataFrame,
    items: pd.DataFrame | SpilledTable,
    more: Mapping[str, Any],
    **shown: Any,
) -> Results:
    """The results with the protocol, to which `more` is added. shown: more of `Results`."""
    protocol = _protocol(context)
    left_out = {**protocol["left_out"], "films without labels": films.unlabelled, **more.get("left_out", {})}
    return Results(
        task=context.task,
        question="Does the model tell films with an observation from films without it?",
        model=context.predictor.name,
        collection=context.where,
        split=context.config.split,
        n=len(films),
        protocol={**protocol, **more, "left_out": left_out},
        metrics=tuple(metrics),
        predictions=predictions,
        items=items,
        counted="studies" if films.are_studies else "films",
        must_match=tuple(key for key in MUST_MATCH if key in protocol),
        **shown,
    )


def predictions_table(
    films: Films, scores: FilmScores, made: Mapping[str, Floats], fitted: Fitted | None
) -> pd.DataFrame:
    """One row per image and observation: truth (missing if unknown), scores, and decisions."""
    frame = films.by_observation()
    for name, values in {**scores.kept, **{f"probability_{kind}": one for kind, one in made.items()}}.items():
        frame[name] = np.asarray(values, dtype=np.float32).ravel()
    if fitted is None:
        return frame
    thresholds = np.array([np.nan if one is None else one for one in fitted.thresholds[scores.main]])
    called = pd.array((scores.margin >= thresholds).ravel(), dtype="boolean")
    called[np.tile(np.isnan(thresholds), len(films))] = pd.NA
    abstains = [one.abstains(scores.margin[:, place]) for place, one in enumerate(fitted.bounds)]
    return frame.assign(called_positive=called, abstains=np.stack(abstains, axis=1).ravel())


def _protocol(context: EvaluationContext) -> dict[str, Any]:
    """The settings and data that determine the scores."""
    predictor, config = context.predictor, context.config
    return {
        **config.model_dump(mode="json", exclude={"save_operating_points"}),
        "prompts": None,
        **context.facts,
        "observations": list(context.observations),
        **label_facts(context.labels),
        "text_rule": None,
        "views": views_of_films(predictor, config.views),
        "left_out": dict(context.left_out),
        "ties": "count half",
        "macro": "mean over the observations that have films of both classes",
        "baselines": {
            "random": "the same score for all films; positive with the chance of its prevalence",
            "majority": "the commoner answer of the evaluated films for every film",
            VIEW_ONLY: "the frequency among the validation films of the same view",
            "prevalence": "the share of positives among the validation films, for every film",
        },
        **identity(predictor, context.collections, config.resamples),
    }

"""Zero-shot classification: films against prompts that state and deny each observation.

Three scores, always together: the cosine with the positive ensemble, that with the negative one (the less
alike the more positive), and both contrasted (PNC, a softmax over the two: CheXzero, Tiu et al. 2022, and
CXR-CLIP). Each by AUROC and average precision, and by F1, precision, recall and specificity at thresholds
chosen on the validation split of the same collections; where there is none, that is said and only what needs
no threshold is scored. From the validation split come also the calibration and the sets that say when to
abstain.

With `mode=multiclass` the films of exactly one class are asked which one it is (CheXpert 5x200).

The one thing this task writes by itself, and only when told to, is `save_decisions`: what was fitted on
validation, into the model's folder, for `plainfilm predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AliasChoices, Field, field_validator

from plainfilm.bank.labels import FILMS, Labels
from plainfilm.batches.labels import Absent, Uncertain
from plainfilm.collection import Collection, check_patients_apart
from plainfilm.config import Settings
from plainfilm.errors import DataError, UsageError
from plainfilm.metrics.classification import Criterion
from plainfilm.metrics.scores import count
from plainfilm.nn.decisions import Ensembles, write_decisions
from plainfilm.progress import SILENT, Progress
from plainfilm.prompts import PromptPack, load_pack
from plainfilm.tasks.base import Metric, Results
from plainfilm.tasks.prompting import multiclass
from plainfilm.tasks.prompting.calibrating import calibration_metrics, probabilities
from plainfilm.tasks.prompting.deciding import COMBINED, Fitted, as_decisions, fit, group_scores
from plainfilm.tasks.prompting.films import Asked, Films, choose_prompts, gather_films, score_films
from plainfilm.tasks.prompting.gallery import gallery
from plainfilm.tasks.prompting.tables import predictions_table
from plainfilm.tasks.prompting.trials import abstention_trial, explained
from plainfilm.tasks.scoring.films import film_subgroups, views_of_films
from plainfilm.tasks.scoring.measure import Measured, Resampling, items_table, measure, measure_subgroups
from plainfilm.tasks.scoring.observations import Truth, number_of_films, trial
from plainfilm.tasks.scoring.protocol import check_no_leak, identity, known_split
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor, PromptVectors, ZeroShot

FITTED_ON = "validation"
SUBGROUP_SCORES = ("auroc_macro", "f1_macro", "accuracy")


class Config(Settings):
    """The protocol.

    prompts: a prompt pack, by name or file. observations: which to ask about; by default all that labels and
    pack share. labels (or label_origin): the origin of the labels, needed where a collection has several.
    uncertain, absent: what labels that are uncertain and labels that are not there count as. ensembles: the
    unit mean of the prompts' vectors, or the mean of their cosines. threshold: what is best at a threshold.
    miss: the share of each class that may lie outside its conformal sets. views: films of other views are
    left out; by default the model is asked about the views it was trained on and those not known.
    save_decisions: write thresholds, calibration and bounds into the model's folder.
    """

    mode: Literal["each", "multiclass"] = "each"
    prompts: str = "cxr"
    observations: tuple[str, ...] | None = None
    labels: str | None = Field(default=None, validation_alias=AliasChoices("labels", "label_origin"))
    uncertain: Uncertain = "ignore"
    absent: Absent = "negative"
    ensembles: Ensembles = "mean"
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
class _World:
    """What an evaluation works on."""

    predictor: Predictor
    collections: Sequence[Collection]
    labels: Labels
    pack: PromptPack
    asked: Asked
    vectors: PromptVectors
    config: Config
    progress: Progress

    def films(self, split: str) -> Films:
        """The labelled films of a split."""
        config = self.config
        views = views_of_films(self.predictor, config.views)
        observations = self.asked.observations
        policies = (config.uncertain, config.absent)
        return gather_films(self.collections, split, views, self.labels, observations, *policies)

    def scores(self, films: Films) -> ZeroShot:
        """What the prompts say of them."""
        return score_films(self.predictor, films, self.vectors, self.progress)

    @property
    def resampling(self) -> Resampling:
        """How intervals are made."""
        return Resampling(number_of_films, self.config.resamples, self.config.seed)


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Evaluates zero-shot classification; see the module.

    Raises:
        LeakageError: patients of the films are among those of the training split.
        DataError: no labels, no films, or nothing that labels and prompts share.
    """
    if config.save_decisions and config.mode == "multiclass":
        raise UsageError("save_decisions=true goes with mode=each: classes of one film have no thresholds")
    check_no_leak(predictor, collections, config.split)
    labels, pack = Labels(collections, config.labels, FILMS), load_pack(config.prompts)
    asked = choose_prompts(pack, labels, config.observations)
    for what, names in (("prompts", asked.without_prompts), ("labels", asked.without_labels)):
        if names:
            progress.say(f"left out, for there are no {what} of them: {', '.join(names)}")
    vectors = predictor.prompt_vectors(asked.prompts, config.ensembles)
    world = _World(predictor, collections, labels, pack, asked, vectors, config, progress)
    films = world.films(config.split)
    if not len(films):
        raise DataError(
            f"{'+'.join(c.name for c in collections)}: no labelled film in split '{config.split}' "
            f"({films.unlabelled} without labels); choose another with --split, or views="
        )
    return _multiclass(world, films) if config.mode == "multiclass" else _each(world, films)


def _each(world: _World, films: Films) -> Results:
    config = world.config
    fitted = _fitted(world)
    found = world.scores(films)
    truth = Truth(world.asked.observations, films.positive, films.known)
    made = probabilities(found.margin, world.predictor.scale, fitted)
    parts = film_subgroups(world.collections, films.frame)
    metrics, items = [], []
    for group, values in group_scores(found).items():
        thresholds = fitted.thresholds[group] if fitted else None
        scores, values_of, baselines = trial(group == COMBINED, values, thresholds, truth)
        measured = Measured(group, values_of, baselines, films.patients)
        metrics += measure(measured, scores, world.resampling)
        chosen = [score for score in scores if score.name in SUBGROUP_SCORES] if group == COMBINED else []
        metrics += measure_subgroups(measured, chosen, parts, world.resampling)
        items.append(items_table(measured, films.frame["image_id"].to_numpy(dtype=str)))
    metrics += calibration_metrics(made, truth, fitted, films.patients, world.resampling)
    if fitted:
        scores, values_of, baselines = abstention_trial(found.margin, fitted.bounds, config.miss, truth)
        measured = Measured("abstention", values_of, baselines, films.patients)
        metrics += measure(measured, scores, world.resampling)
        items.append(items_table(measured, films.frame["image_id"].to_numpy(dtype=str)))
    reasons = explained(truth, fitted, world.asked)
    results = _results(
        world,
        films,
        [reasons(metric) for metric in metrics],
        predictions_table(films, found, made, fitted),
        pd.concat(items, ignore_index=True),
        {"thresholds": _thresholds(world, fitted)},
    )
    return replace(results, shown=gallery(films, found, fitted, world.asked))


def _fitted(world: _World) -> Fitted | None:
    """What validation films give, or `None` where there are none or they are themselves evaluated."""
    config, fitted = world.config, None
    if config.split != FITTED_ON:
        films = world.films(FITTED_ON)
        if len(films):
            check_no_leak(world.predictor, world.collections, FITTED_ON)
            check_patients_apart(
                *([(c, split) for c in world.collections] for split in (FITTED_ON, config.split))
            )
            fitted = fit(world.scores(films), films, config.threshold, config.miss)
    if config.save_decisions:
        _save_decisions(world, fitted)
    return fitted


def _save_decisions(world: _World, fitted: Fitted | None) -> None:
    folder = world.predictor.folder
    if fitted is None or folder is None:
        raise DataError(
            f"save_decisions=true: nothing to decide by; it takes labelled films in split '{FITTED_ON}' "
            f"beside those of split '{world.config.split}'"
        )
    config = world.config
    protocol = {**_protocol(world), "split": FITTED_ON}
    decisions = as_decisions(
        fitted, world.asked.prompts, config.ensembles, config.miss, world.predictor.fingerprint, protocol
    )
    world.progress.say(f"decisions: {write_decisions(folder, decisions)}")


def _multiclass(world: _World, films: Films) -> Results:
    kept = multiclass.exclusive(films)
    observations = world.asked.observations
    scores = world.scores(kept.films).positive.astype(np.float64)
    values, baselines = multiclass.all_terms(scores, kept.classes, observations)
    measured = Measured(multiclass.GROUP, values, baselines, kept.films.patients)
    resampling = replace(world.resampling, count=count)
    named = multiclass.accuracy_scores(observations)
    metrics = measure(measured, named, resampling)
    chosen = [score for score in named if score.name in SUBGROUP_SCORES]
    metrics += measure_subgroups(
        measured, chosen, film_subgroups(world.collections, kept.films.frame), resampling
    )
    left_out = {"films of no class": kept.none, "films of several classes": kept.several}
    return _results(
        world,
        kept.films,
        metrics,
        multiclass.predictions_table(kept, scores, observations),
        items_table(measured, kept.films.frame["image_id"].to_numpy(dtype=str)),
        {"thresholds": {"chosen_on": "none", "why": "the class of the highest score"}, "left_out": left_out},
    )


def _results(
    world: _World,
    films: Films,
    metrics: Sequence[Metric],
    predictions: pd.DataFrame,
    items: pd.DataFrame,
    more: dict[str, Any],
) -> Results:
    protocol = _protocol(world)
    left_out = {**protocol["left_out"], "films without labels": films.unlabelled, **more.pop("left_out", {})}
    return Results(
        task="zero_shot",
        model=world.predictor.name,
        collection="+".join(collection.name for collection in world.collections),
        split=world.config.split,
        n=len(films),
        protocol={**protocol, **more, "left_out": left_out},
        metrics=tuple(metrics),
        predictions=predictions,
        items=items,
    )


def _thresholds(world: _World, fitted: Fitted | None) -> dict[str, Any]:
    if fitted is None:
        evaluated = world.config.split == FITTED_ON
        why = "the validation films are evaluated" if evaluated else "no labelled films for validation"
        return {"chosen_on": "none", "why": why}
    names = world.asked.observations
    return {
        "chosen_on": FITTED_ON,
        "best": world.config.threshold,
        "values": {group: dict(zip(names, one, strict=True)) for group, one in fitted.thresholds.items()},
        "temperature": 1.0 / fitted.scale if fitted.scale else None,
        "positives": dict(zip(names, fitted.positives, strict=True)),
        "negatives": dict(zip(names, fitted.negatives, strict=True)),
    }


def _protocol(world: _World) -> dict[str, Any]:
    """Everything that decides the numbers."""
    predictor, config, pack = world.predictor, world.config, world.pack
    return {
        **config.model_dump(mode="json", exclude={"save_decisions"}),
        "prompts": {"pack": pack.name, "version": pack.version, "fingerprint": pack.fingerprint},
        "observations": list(world.asked.observations),
        "labels": world.labels.origin,
        "text_rule": None,
        "views": views_of_films(predictor, config.views),
        "temperature": 1.0 / predictor.scale,
        "left_out": {
            "observations without prompts": list(world.asked.without_prompts),
            "observations without labels": list(world.asked.without_labels),
        },
        "ties": "count half",
        "macro": "mean over the observations that have films of both classes",
        "baselines": {
            "random": "the same score for all films; positive with the chance of its prevalence",
            "majority": "the commoner answer of the evaluated films for every film",
            "prevalence": "the share of positives among the validation films, for every film",
        },
        **identity(predictor, world.collections, config.resamples),
    }

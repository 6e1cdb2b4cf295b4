"""Linear probe: how well the frozen features of images predict each observation.

One logistic regression per observation is trained on the features of the training images, on fractions of the
patients (by default 1, 10 and 100 %, stratified by label and nested), each fraction drawn several times. The
encoder is not changed, and images are read exactly as the model's preprocessing states, without augmentation,
so each image is encoded once. Penalty and thresholds are chosen on the validation split of the same
collections; without one, this is reported, the default penalty is used, and only scores without thresholds
are computed.

The baseline `untrained` has the same probes on the features of the same architecture with random weights. Its
scores come from the labels and from untrained convolutions, not from training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AliasChoices, Field, field_validator

from plainfilm.batches.labels import Absent, Uncertain
from plainfilm.collection import Collection, check_patients_apart
from plainfilm.collection.labels import Labels
from plainfilm.config import Settings
from plainfilm.errors import DataError, nearest
from plainfilm.metrics.classification import Criterion
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Metric, Results
from plainfilm.tasks.film_classification.abstention import reliability_figure
from plainfilm.tasks.film_classification.films import Films, gather_films
from plainfilm.tasks.film_classification.thresholds import (
    FITTED_ON,
    auroc_figure,
    number_of_films,
    observations_table,
)
from plainfilm.tasks.probing import repeated_runs
from plainfilm.tasks.probing.logistic import Vectors
from plainfilm.tasks.probing.probes import (
    Examples,
    Fitting,
    FractionDraw,
    Probed,
    by_fraction,
    draw_fractions,
    probe,
)
from plainfilm.tasks.scoring import measure as scoring
from plainfilm.tasks.scoring.label_choice import choose_labels, label_facts
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("encodes_images",)

TRAINED_ON = "train"
SUBGROUP_SCORES = ("auroc_macro", "f1_macro")


class Config(Settings):
    """The protocol.

    fractions: fractions of the training patients. repeats: draws of each fraction (all patients: one).
    features: pooled features of the image encoder, or their projected vectors. penalties: candidates for
    validation; penalty: used without validation images. Both weigh |w|²/2 beside the summed log loss of
    standardised features (1/C of scikit-learn). untrained: whether to add the untrained baseline, which
    doubles the time. observations: to probe for; by default all the labels state. labels (or label_origin),
    uncertain, absent, threshold, views: as in zero-shot classification.
    """

    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    repeats: int = Field(default=3, ge=1)
    features: Literal["pooled", "projected"] = "pooled"
    penalties: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
    penalty: float = Field(default=100.0, gt=0)
    untrained: bool = True
    observations: tuple[str, ...] | None = None
    labels: str | None = Field(default=None, validation_alias=AliasChoices("labels", "label_origin"))
    uncertain: Uncertain = "ignore"
    absent: Absent = "negative"
    threshold: Criterion = "f1"
    split: str = "test"
    views: tuple[View, ...] | None = None
    resamples: int = Field(default=1000, ge=100)
    seed: int = 0

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return scoring.known_split(value)

    @field_validator("fractions", "penalties")
    @classmethod
    def _each_once(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or len(set(values)) < len(values) or not all(value > 0 for value in values):
            raise ValueError("must be one or several different numbers above 0")
        return tuple(sorted(values))

    @field_validator("fractions")
    @classmethod
    def _at_most_all(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if values[-1] > 1.0:
            raise ValueError(f"{values[-1]:g} is more than all patients; 0.1 is 10 %")
        return values


@dataclass(frozen=True)
class _Context:
    """The data of an evaluation. validation: `None` without validation images."""

    predictor: Predictor
    collections: Sequence[Collection]
    labels: Labels
    observations: tuple[str, ...]
    config: Config
    progress: Progress
    train: Films
    validation: Films | None
    evaluated: Films
    fractions: Sequence[FractionDraw]


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Evaluate linear probes; see the module.

    Raises:
        LeakageError: patients of the evaluated images are among those of the training split, or the model was
            trained on them.
        DataError: no labels, or no images for training or evaluation.
    """
    context = _context(predictor, collections, config, progress)
    probed = _probed(context, predictor)
    random = _probed(context, predictor.untrained(config.seed)) if config.untrained else None
    metrics: list[Metric] = []
    items = []
    for fraction, own in by_fraction(context.fractions):
        measured, fraction_metrics = _measured(context, fraction, own, probed, random)
        metrics += fraction_metrics
        items.append(scoring.items_table(measured, context.evaluated.ids))
    predictions = repeated_runs.predictions_table(context.evaluated, context.fractions, probed)
    headings = {
        repeated_runs.fraction_name(fraction): repeated_runs.fraction_heading(fraction)
        for fraction in config.fractions
    }
    return Results(
        task="linear_probe",
        question="How well do the frozen features of a film predict its observations?",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=len(context.evaluated),
        protocol=_protocol(context, probed, random, metrics),
        metrics=tuple(metrics),
        predictions=predictions,
        items=pd.concat(items, ignore_index=True),
        counted="films",
        must_match=("uncertain", "absent", "features"),
        tables=(observations_table(metrics, list(headings), context.observations, headings),),
        figures=(
            *auroc_figure(metrics, list(headings), context.observations, headings),
            *repeated_runs.fraction_figure(metrics, config.fractions),
            *reliability_figure(
                predictions, {f"probability_{name}": heading for name, heading in headings.items()}
            ),
        ),
    )


def _context(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress
) -> _Context:
    scoring.check_no_leak(predictor, collections, config.split)
    splits = (config.split, TRAINED_ON, FITTED_ON)
    labels = choose_labels(predictor, collections, ("images",), splits, config.labels, progress)
    observations = _observations(labels, config.observations)

    def films(split: str) -> Films:
        views, policies = scoring.views_of_films(predictor, config.views), (config.uncertain, config.absent)
        return gather_films(collections, split, views, labels, observations, *policies)

    train, evaluated = films(TRAINED_ON), films(config.split)
    for split, split_films in ((TRAINED_ON, train), (config.split, evaluated)):
        if not len(split_films):
            raise DataError(
                f"{'+'.join(c.name for c in collections)}: no labelled film in split '{split}' "
                f"({split_films.unlabelled} without labels); a linear probe trains on '{TRAINED_ON}' and is "
                "evaluated on --split; check these and views="
            )
    validation = films(FITTED_ON) if config.split != FITTED_ON else None
    if validation is not None and len(validation):
        scoring.check_no_leak(predictor, collections, FITTED_ON)
        check_patients_apart(*([(c, split) for c in collections] for split in (FITTED_ON, config.split)))
    else:
        validation = None
        progress.log(f"no validation films: penalty {config.penalty:g}, and no thresholds")
    fractions = draw_fractions(train, config.fractions, config.repeats, config.seed)
    used = np.any([fraction.kept for fraction in fractions], axis=0)
    for fraction in fractions:
        missing = [name for name, learns in zip(observations, fraction.learns, strict=True) if not learns]
        if missing and len(missing) < len(observations):
            progress.log(f"{_named(fraction)} no training films of both classes for {', '.join(missing)}")
        elif missing:
            progress.log(f"{_named(fraction)} no observation has training films of both classes")
    return _Context(
        *(predictor, collections, labels, observations, config, progress),
        train=replace(train.part(used), unlabelled=train.unlabelled),
        validation=validation,
        evaluated=evaluated,
        fractions=[replace(fraction, kept=fraction.kept[used]) for fraction in fractions],
    )


def _named(fraction: FractionDraw) -> str:
    return f"{100 * fraction.fraction:g} % ({fraction.patients} patients), repeat {fraction.repeat + 1}:"


def _observations(labels: Labels, wanted: Sequence[str] | None) -> tuple[str, ...]:
    for name in wanted or ():
        if name not in labels.stated:
            raise DataError(f"no labels of '{name}' from {labels.origin}: {nearest(name, labels.stated)}")
    return tuple(wanted or (name for name in labels.observations if name in labels.stated))


def _probed(context: _Context, predictor: Predictor) -> list[Probed]:
    """The probes of every fraction on the features of `predictor`."""
    config = context.config
    fitting = Fitting(config.penalties, config.penalty, config.threshold)
    train = _examples(context, predictor, context.train)
    validation = _examples(context, predictor, context.validation) if context.validation is not None else None
    features = _features(context, predictor, context.evaluated)
    fractions = context.progress.track(context.fractions, len(context.fractions), "fitting probes")
    return [probe(train.part(fraction.kept), validation, features, fitting) for fraction in fractions]


def _examples(context: _Context, predictor: Predictor, films: Films) -> Examples:
    return Examples(_features(context, predictor, films), films.positive, films.known)


def _features(context: _Context, predictor: Predictor, films: Films) -> Vectors:
    pooled = context.config.features == "pooled"
    stream = predictor.stream_features if pooled else predictor.stream_images
    return np.concatenate(list(stream(films.frame["image"].tolist(), context.progress)))


def _measured(
    context: _Context,
    fraction: float,
    own: Sequence[int],
    probed: Sequence[Probed],
    random: Sequence[Probed] | None,
) -> tuple[scoring.Measured, list[Metric]]:
    """The statistics of one fraction, and its metrics."""
    config, truth = context.config, context.evaluated.truth
    known = repeated_runs.learned(context.fractions, own)
    mine = [probed[place] for place in own]
    theirs = [random[place] for place in own] if random is not None else None
    evaluated = repeated_runs.joined(mine, theirs, known, truth)
    heading = repeated_runs.fraction_heading(fraction)
    group = repeated_runs.fraction_name(fraction)
    measured = scoring.Measured(
        group, evaluated.values, evaluated.baselines, context.evaluated.patients, heading
    )
    resampling = scoring.Resampling(number_of_films, config.resamples, config.seed)
    metrics = scoring.measure(measured, evaluated.scores, resampling)
    if fraction == config.fractions[-1]:
        chosen = [score for score in evaluated.scores if score.name in SUBGROUP_SCORES]
        parts = scoring.film_subgroups(context.collections, context.evaluated.frame)
        metrics += scoring.measure_subgroups(measured, chosen, parts, resampling)
    explain = repeated_runs.with_reasons([context.fractions[place] for place in own], mine, known, truth)
    return measured, [explain(metric) for metric in metrics]


def _decisions(context: _Context, probed: Sequence[Probed]) -> dict[str, Any]:
    if context.validation is None:
        evaluated = context.config.split == FITTED_ON
        why = "the validation films are evaluated" if evaluated else "no labelled films for validation"
        return {
            "penalty": {"chosen_on": "none", "why": why, "values": context.config.penalty},
            "thresholds": {"chosen_on": "none", "why": why},
        }
    return {
        "penalty": {
            "chosen_on": FITTED_ON,
            "best": "macro AUROC of the validation films; of equally good ones the strongest",
            "values": repeated_runs.penalties_document(context.fractions, probed),
        },
        "thresholds": {
            "chosen_on": FITTED_ON,
            "best": context.config.threshold,
            "values": repeated_runs.thresholds_document(context.fractions, probed, context.observations),
        },
    }


def _protocol(
    context: _Context, probed: Sequence[Probed], random: Sequence[Probed] | None, metrics: Sequence[Metric]
) -> dict[str, Any]:
    """The settings and data that determine the scores."""
    predictor, config = context.predictor, context.config
    groups = [repeated_runs.fraction_name(fraction) for fraction in config.fractions]
    missing = {
        group: [
            metric.name.removeprefix(f"{group}/auroc/")
            for metric in metrics
            if metric.value is None and metric.subgroup is None and metric.name.startswith(f"{group}/auroc/")
        ]
        for group in groups
    }
    return {
        **config.model_dump(mode="json"),
        "prompts": None,
        "text_rule": None,
        "observations": list(context.observations),
        **label_facts(context.labels),
        "views": scoring.views_of_films(predictor, config.views),
        "classifier": "logistic regression per observation, L2, features standardised over the training "
        "films of the fraction, solved to convergence in double precision",
        "trained_on": TRAINED_ON,
        **_decisions(context, probed),
        "fractions": repeated_runs.fractions_document(context.fractions, context.observations),
        "fraction_rule": "patients, stratified by label; in one repeat the smaller fraction is inside the "
        "larger; repeat k of seed s is drawn with seed s + k - 1",
        "spread": {group: repeated_runs.spread(metrics, group) for group in groups},
        "left_out": {
            "observations": missing,
            "films without labels": context.evaluated.unlabelled,
            "training films without labels": context.train.unlabelled,
        },
        "ties": "count half",
        "macro": "mean over the repeats, and over the observations that every repeat of the fraction could "
        "learn and that have films of both classes",
        "baselines": {
            "random": "the same score for all films; positive with the chance of its prevalence",
            "majority": "the commoner answer of the evaluated films for every film",
            **({"untrained": f"the same probes on random weights, seed {config.seed}"} if random else {}),
        },
        **scoring.identity(predictor, context.collections, config.resamples),
    }

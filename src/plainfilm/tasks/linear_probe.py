"""Linear probe: how much of each observation can be read off the frozen features of films.

One logistic regression per observation is trained on the features of the training films, on shares of the
patients (by default 1, 10 and 100 %, stratified by label and nested), each share drawn several times. The
encoder is not changed, and films are read exactly as the model's preprocessing says, without augmentation, so
each film is encoded once. Penalty and thresholds are chosen on the validation split of the same collections;
where there is none, that is said, the default penalty is taken, and only what needs no threshold is scored.

The baseline that counts is `untrained`: the same probes on the features of the same architecture with random
weights. What a probe reaches there is due to the labels and to what any convolution sees, not to training.
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
from plainfilm.tasks.probing import repeats, tables
from plainfilm.tasks.probing.logistic import Vectors
from plainfilm.tasks.probing.probes import Examples, Fitting, Probed, Share, by_share, draw_shares, probe
from plainfilm.tasks.prompting.films import Films, gather_films
from plainfilm.tasks.scoring.films import film_subgroups, views_of_films
from plainfilm.tasks.scoring.label_choice import label_facts, labels_asked
from plainfilm.tasks.scoring.measure import Measured, Resampling, items_table, measure, measure_subgroups
from plainfilm.tasks.scoring.observations import Truth, number_of_films
from plainfilm.tasks.scoring.protocol import check_no_leak, identity, known_split
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

TRAINED_ON, DECIDED_ON = "train", "validation"
SUBGROUP_SCORES = ("auroc_macro", "f1_macro")


class Config(Settings):
    """The protocol.

    fractions: shares of the training patients. repeats: how often each is drawn (all patients: once).
    features: pooled features of the image encoder, or the vectors they are projected to. penalties: what to
    choose from on validation films; penalty: taken without them. Both weigh |w|²/2 beside the summed log loss
    of standardised features (1/C of scikit-learn). untrained: whether the untrained baseline is there, which
    takes as long again. observations: which to probe for; by default all the labels state. labels (or
    label_origin), uncertain, absent, threshold, views: as in zero-shot classification.
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
        return known_split(value)

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
class _World:
    """What an evaluation works on. validation: `None` where there are no films to decide on."""

    predictor: Predictor
    collections: Sequence[Collection]
    labels: Labels
    observations: tuple[str, ...]
    config: Config
    progress: Progress
    train: Films
    validation: Films | None
    asked: Films
    shares: Sequence[Share]

    @property
    def truth(self) -> Truth:
        """Of the evaluated films."""
        return Truth(self.observations, self.asked.positive, self.asked.known)


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Evaluates linear probes; see the module.

    Raises:
        LeakageError: patients of the evaluated films are among those of the training split, or the model was
            trained on them.
        DataError: no labels, or no films to train or to evaluate on.
    """
    world = _world(predictor, collections, config, progress)
    probed = _probed(world, predictor)
    random = _probed(world, predictor.untrained(config.seed)) if config.untrained else None
    metrics: list[Metric] = []
    items = []
    for share, own in by_share(world.shares):
        measured, found = _measured(world, share, own, probed, random)
        metrics += found
        items.append(items_table(measured, world.asked.frame["image_id"].to_numpy(dtype=str)))
    return Results(
        task="linear_probe",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=len(world.asked),
        protocol=_protocol(world, probed, random, metrics),
        metrics=tuple(metrics),
        predictions=tables.predictions_table(world.asked, world.observations, world.shares, probed),
        items=pd.concat(items, ignore_index=True),
    )


def _world(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress
) -> _World:
    check_no_leak(predictor, collections, config.split)
    splits = (config.split, TRAINED_ON, DECIDED_ON)
    labels = labels_asked(predictor, collections, ("images",), splits, config.labels, progress)
    observations = _observations(labels, config.observations)

    def films(split: str) -> Films:
        views, policies = views_of_films(predictor, config.views), (config.uncertain, config.absent)
        return gather_films(collections, split, views, labels, observations, *policies)

    train, asked = films(TRAINED_ON), films(config.split)
    for split, found in ((TRAINED_ON, train), (config.split, asked)):
        if not len(found):
            raise DataError(
                f"{'+'.join(c.name for c in collections)}: no labelled film in split '{split}' "
                f"({found.unlabelled} without labels); a linear probe trains on '{TRAINED_ON}' and is "
                "evaluated on --split; check these and views="
            )
    validation = films(DECIDED_ON) if config.split != DECIDED_ON else None
    if validation is not None and len(validation):
        check_no_leak(predictor, collections, DECIDED_ON)
        check_patients_apart(*([(c, split) for c in collections] for split in (DECIDED_ON, config.split)))
    else:
        validation = None
        progress.say(f"no films to decide on: penalty {config.penalty:g}, and no thresholds")
    shares = draw_shares(train, config.fractions, config.repeats, config.seed)
    used = np.any([share.kept for share in shares], axis=0)
    for share in shares:
        missing = [name for name, learns in zip(observations, share.learns, strict=True) if not learns]
        if missing and len(missing) < len(observations):
            progress.say(f"{_told(share)} cannot teach {', '.join(missing)}")
        elif missing:
            progress.say(f"{_told(share)} can teach nothing: no observation has films of both classes")
    return _World(
        *(predictor, collections, labels, observations, config, progress),
        train=replace(train.part(used), unlabelled=train.unlabelled),
        validation=validation,
        asked=asked,
        shares=[replace(share, kept=share.kept[used]) for share in shares],
    )


def _told(share: Share) -> str:
    return f"{100 * share.share:g} % ({share.patients} patients), repeat {share.repeat + 1}:"


def _observations(labels: Labels, wanted: Sequence[str] | None) -> tuple[str, ...]:
    for name in wanted or ():
        if name not in labels.stated:
            raise DataError(f"no labels of '{name}' from {labels.origin}: {nearest(name, labels.stated)}")
    return tuple(wanted or (name for name in labels.observations if name in labels.stated))


def _probed(world: _World, predictor: Predictor) -> list[Probed]:
    """Every share's probes on the features of `predictor`."""
    config = world.config
    fitting = Fitting(config.penalties, config.penalty, config.threshold)
    train = _examples(world, predictor, world.train)
    validation = _examples(world, predictor, world.validation) if world.validation is not None else None
    asked = _features(world, predictor, world.asked)
    shares = world.progress.track(world.shares, len(world.shares), "fitting probes")
    return [probe(train.part(share.kept), validation, asked, fitting) for share in shares]


def _examples(world: _World, predictor: Predictor, films: Films) -> Examples:
    return Examples(_features(world, predictor, films), films.positive, films.known)


def _features(world: _World, predictor: Predictor, films: Films) -> Vectors:
    pooled = world.config.features == "pooled"
    stream = predictor.stream_features if pooled else predictor.stream_images
    return np.concatenate(list(stream(films.frame["image"].tolist(), world.progress)))


def _measured(
    world: _World, share: float, own: Sequence[int], probed: Sequence[Probed], random: Sequence[Probed] | None
) -> tuple[Measured, list[Metric]]:
    """The terms of one share, and its metrics."""
    config, truth = world.config, world.truth
    known = repeats.learned(world.shares, own)
    mine = [probed[place] for place in own]
    theirs = [random[place] for place in own] if random is not None else None
    scores, values, baselines = repeats.joined(mine, theirs, known, truth)
    measured = Measured(repeats.share_name(share), values, baselines, world.asked.patients)
    resampling = Resampling(number_of_films, config.resamples, config.seed)
    metrics = measure(measured, scores, resampling)
    if share == config.fractions[-1]:
        chosen = [score for score in scores if score.name in SUBGROUP_SCORES]
        parts = film_subgroups(world.collections, world.asked.frame)
        metrics += measure_subgroups(measured, chosen, parts, resampling)
    explain = repeats.explained([world.shares[place] for place in own], mine, known, truth)
    return measured, [explain(metric) for metric in metrics]


def _decisions(world: _World, probed: Sequence[Probed]) -> dict[str, Any]:
    if world.validation is None:
        evaluated = world.config.split == DECIDED_ON
        why = "the validation films are evaluated" if evaluated else "no labelled films for validation"
        return {
            "penalty": {"chosen_on": "none", "why": why, "values": world.config.penalty},
            "thresholds": {"chosen_on": "none", "why": why},
        }
    return {
        "penalty": {
            "chosen_on": DECIDED_ON,
            "best": "macro AUROC of the validation films; of equally good ones the strongest",
            "values": tables.penalties_told(world.shares, probed),
        },
        "thresholds": {
            "chosen_on": DECIDED_ON,
            "best": world.config.threshold,
            "values": tables.thresholds_told(world.shares, probed, world.observations),
        },
    }


def _protocol(
    world: _World, probed: Sequence[Probed], random: Sequence[Probed] | None, metrics: Sequence[Metric]
) -> dict[str, Any]:
    """Everything that decides the numbers."""
    predictor, config = world.predictor, world.config
    groups = [repeats.share_name(share) for share in config.fractions]
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
        "observations": list(world.observations),
        **label_facts(world.labels),
        "views": views_of_films(predictor, config.views),
        "classifier": "logistic regression per observation, L2, features standardised over the training "
        "films of the share, solved to convergence in double precision",
        "trained_on": TRAINED_ON,
        **_decisions(world, probed),
        "shares": tables.shares_told(world.shares, world.observations),
        "share_rule": "patients, stratified by label; in one repeat the smaller share is inside the larger; "
        "repeat k of seed s is drawn with seed s + k - 1",
        "spread": {group: repeats.spread(metrics, group) for group in groups},
        "left_out": {
            "observations": missing,
            "films without labels": world.asked.unlabelled,
            "training films without labels": world.train.unlabelled,
        },
        "ties": "count half",
        "macro": "mean over the repeats, and over the observations that every repeat of the share could "
        "learn and that have films of both classes",
        "baselines": {
            "random": "the same score for all films; positive with the chance of its prevalence",
            "majority": "the commoner answer of the evaluated films for every film",
            **({"untrained": f"the same probes on random weights, seed {config.seed}"} if random else {}),
        },
        **identity(predictor, world.collections, config.resamples),
    }

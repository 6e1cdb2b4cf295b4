"""What every task shares: statistics per item to metrics beside their baselines, protocol, subgroups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from plainfilm import __version__
from plainfilm.collection import Collection, check_patients_apart
from plainfilm.collection.leaks import check_unseen
from plainfilm.errors import nearest
from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.scores import Score, Statistics, differences, intervals
from plainfilm.tasks.base import Better, Metric
from plainfilm.types import SPLITS, View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NUMERATOR, DENOMINATOR = "numerator", "denominator"

LEAST = 10
"""Subgroups of fewer items are not scored: their intervals would say nothing."""
AGES = (0, 18, 40, 60, 80, np.inf)
AGE_NAMES = ("0-17", "18-39", "40-59", "60-79", "80 or more")


@dataclass(frozen=True)
class DescribedScore(Score):
    """A score with what its metric says of itself: title, direction, whether it is a headline."""

    title: str
    better: Better
    headline: bool = False


Count = Callable[[Score, Statistics], int]
"""The n of a score."""


@dataclass(frozen=True)
class Measured:
    """What a group of scores is over: the model's statistics of N items, those of each baseline, and the
    items' patients (N,). A person reads the group under `heading`, by default its name.

    A baseline may lack parts; it then stands beside the scores that need none of them.
    """

    group: str
    values: Statistics
    baselines: Mapping[str, Statistics]
    patients: NDArray[np.str_]
    heading: str | None = None

    def part(self, mask: NDArray[np.bool_]) -> Measured:
        """The items of `mask` (N,) alone."""
        return Measured(
            self.group,
            {name: pairs[mask] for name, pairs in self.values.items()},
            {
                kind: {name: pairs[mask] for name, pairs in values.items()}
                for kind, values in self.baselines.items()
            },
            self.patients[mask],
            self.heading,
        )


@dataclass(frozen=True)
class Resampling:
    """How intervals are made, and (`count`) how the items of a score are counted."""

    count: Count
    resamples: int
    seed: int


def measure(measured: Measured, scores: Sequence[DescribedScore], resampling: Resampling) -> list[Metric]:
    """Every score with its interval and baselines, all from the same resamples of patients."""
    bootstrap = PatientBootstrap(measured.patients, resampling.resamples, resampling.seed)
    found = intervals(scores, measured.values, bootstrap)
    trivial: dict[str, dict[str, tuple[Interval, Interval]]] = {}
    for name, values in measured.baselines.items():
        known = [score for score in scores if all(part in values for part in score.parts)]
        pairs = zip(
            intervals(known, values, bootstrap),
            differences(known, measured.values, values, bootstrap),
            strict=True,
        )
        trivial[name] = {score.name: pair for score, pair in zip(known, pairs, strict=True)}
    return [
        _metric(measured, score, interval, resampling.count(score, measured.values), trivial)
        for score, interval in zip(scores, found, strict=True)
    ]


def measure_subgroups(
    measured: Measured,
    scores: Sequence[DescribedScore],
    parts: Mapping[str, NDArray[np.bool_]],
    resampling: Resampling,
) -> list[Metric]:
    """The scores for each subgroup (name → which items), by the same rules and beside the same baselines."""
    return [
        replace(
            metric,
            name=f"{metric.name} [{name}]",
            title=f"{metric.title} [{name}]",
            headline=False,
            subgroup=name,
            aggregation=None,
            parts=(),
        )
        for name, mask in parts.items()
        for metric in measure(measured.part(mask), scores, resampling)
    ]


def items_table(measured: Measured, ids: Sequence[str] | NDArray[np.str_]) -> pd.DataFrame:
    """One row per item: its id, patient and the two numbers of each statistic (see `Results.items`)."""
    columns: dict[str, NDArray] = {}
    for name, pairs in measured.values.items():
        columns[f"{name}|{NUMERATOR}"] = pairs[:, 0]
        columns[f"{name}|{DENOMINATOR}"] = pairs[:, 1]
    head = {"group": measured.group, "item_id": np.asarray(ids), "patient_id": measured.patients}
    return pd.DataFrame({**head, **columns})


def _metric(
    measured: Measured,
    score: DescribedScore,
    interval: Interval,
    n: int,
    trivial: Mapping[str, Mapping[str, tuple[Interval, Interval]]],
) -> Metric:
    mine = {name: pairs[score.name] for name, pairs in trivial.items() if score.name in pairs}
    return Metric(
        name=f"{measured.group}/{score.name}",
        value=interval.value,
        low=interval.low,
        high=interval.high,
        n=n,
        note=interval.note,
        baselines={name: pair[0].value for name, pair in mine.items() if pair[0].value is not None},
        baseline_intervals={
            name: (pair[0].low, pair[0].high)
            for name, pair in mine.items()
            if pair[0].low is not None and pair[0].high is not None
        },
        over_baselines={
            name: (pair[1].value, pair[1].low, pair[1].high)
            for name, pair in mine.items()
            if pair[1].value is not None and pair[1].low is not None and pair[1].high is not None
        },
        group=measured.group,
        aggregation=score.aggregation,
        parts=score.parts,
        title=score.title,
        better=score.better,
        headline=score.headline,
        heading=measured.heading,
    )


def check_no_leak(predictor: Predictor, collections: Sequence[Collection], split: str | None) -> None:
    """Refuses to ask about patients of a training split, or those the model says it was trained on.

    With `None` all splits are asked about, so that only the model can say whom it was trained on.

    Raises:
        LeakageError: there are some.
    """
    splits = SPLITS if split is None else (split,)
    asked = [(collection, name) for collection in collections for name in splits]
    if split is not None:
        check_patients_apart([(collection, "train") for collection in collections], asked)
    if predictor.trained_patients is not None:
        check_unseen(predictor.trained_patients, asked)


def known_split(value: str) -> str:
    """`value`, if it is the name of a split.

    Raises:
        ValueError: it is not; names the nearest.
    """
    if value not in SPLITS:
        raise ValueError(f"unknown split '{value}': {nearest(value, SPLITS)}")
    return value


def views_asked(predictor: Predictor, views: Sequence[str] | None) -> tuple[str, ...] | None:
    """The views asked for, else those the model was trained on (`None`: all)."""
    chosen = views or predictor.config.training_facts.views
    return tuple(str(view) for view in chosen) if chosen else None


def identity(predictor: Predictor, collections: Sequence[Collection], resamples: int) -> dict[str, Any]:
    """The part of a protocol that says which model, films and code the numbers are of."""
    return {
        "interval": f"95 %, percentile bootstrap of {resamples} resamples of patients",
        "preprocessing": predictor.config.preprocessing.model_dump(mode="json"),
        "model_fingerprint": predictor.fingerprint,
        "collection_fingerprints": [collection.fingerprint for collection in collections],
        "training_patients_checked": predictor.trained_patients is not None,
        "versions": {"plainfilm": __version__, "torch": torch.__version__, "numpy": np.__version__},
    }


def views_of_films(predictor: Predictor, views: Sequence[View] | None) -> tuple[str, ...] | None:
    """The views asked for; else those the model was trained on, and films whose view nobody states."""
    asked = views_asked(predictor, views)
    return asked if views or asked is None else tuple(dict.fromkeys([*asked, str(View.UNKNOWN)]))


def film_subgroups(collections: Sequence[Collection], frame: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Name → which of N films: by sex, age and view, where these are known (see `subgroups`).

    frame: (N) place (of the collection), study_id, image_id.
    """
    place = frame["place"].astype(str)
    studies, images = (place + "/" + frame[column] for column in ("study_id", "image_id"))
    return subgroups(facts_of(collections, studies.tolist(), images.tolist()))


def facts_of(
    collections: Sequence[Collection], studies: Sequence[str], films: Sequence[str] | None
) -> pd.DataFrame:
    """What is known of Q queries: `sex`, `age` (a band) and, for films, `view`; missing where it is not.

    studies, films: (Q,) ids, each after the place of its collection and a slash ("0/s1").
    """
    known = _by_key(collections, "studies", "study_id").loc[list(studies)]
    facts = pd.DataFrame({"sex": known["sex"].to_numpy(dtype=object)})
    bands = pd.cut(known["age"].astype(float), AGES, right=False, labels=AGE_NAMES)
    facts["age"] = bands.to_numpy(dtype=object)
    if films is not None:
        views = _by_key(collections, "images", "image_id").loc[list(films), "view"]
        facts["view"] = views.where(views != str(View.UNKNOWN)).to_numpy(dtype=object)
    return facts


def _by_key(collections: Sequence[Collection], table: str, column: str) -> pd.DataFrame:
    frames = [collection.frame(table) for collection in collections]
    keyed = [frame.set_index(f"{place}/" + frame[column]) for place, frame in enumerate(frames)]
    return pd.concat(keyed)


def subgroups(facts: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Name → which queries; only columns that tell at least two subgroups of some size apart."""
    found: dict[str, NDArray[np.bool_]] = {}
    for column in facts.columns:
        counts = facts[column].value_counts()
        values = sorted(str(value) for value, count in counts.items() if count >= LEAST)
        if len(values) > 1:
            found |= {f"{column} {value}": (facts[column] == value).to_numpy() for value in values}
    return found

"""Shared by all tasks: metrics with baselines from statistics per item, protocol, subgroups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from numpy.typing import NDArray

from plainfilm import __version__
from plainfilm.collection import Collection, check_patients_apart
from plainfilm.collection.label_origins import positions
from plainfilm.collection.leaks import check_unseen
from plainfilm.errors import nearest
from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.scores import Score, Statistics, differences, intervals
from plainfilm.tasks.base import Metric
from plainfilm.types import SPLITS, Better, View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NUMERATOR, DENOMINATOR = "numerator", "denominator"

LEAST = 10
"""Subgroups of fewer items are not scored: their intervals would be too wide."""
AGES = (0, 18, 40, 60, 80, np.inf)
TAKEN = {"AP": "at the bedside (AP)", "AP_SUPINE": "at the bedside (AP)", "PA": "upright (PA)"}
"""How films of a view are usually taken."""
AGE_NAMES = ("0-17", "18-39", "40-59", "60-79", "80 or more")


@dataclass(frozen=True)
class DescribedScore(Score):
    """A score with the title, direction, headline flag and identity of its metric; `lenient_of` is the name
    of the metric that it is a lenient form of."""

    title: str
    better: Better
    headline: bool = False
    identity: str | None = None
    lenient_of: str | None = None


Count = Callable[[Score, Statistics], int]
"""The n of a score."""


Patients = Union[NDArray[np.str_], "pd.Categorical[str]"]
"""The patients (N,) of items, as names or as numbers of names."""


@dataclass(frozen=True)
class Measured:
    """The input of a group of scores: the model's statistics of N items, those of each baseline, and the
    items' patients (N,). `heading` is the displayed title of the group, by default its name.

    A baseline may lack parts; it then has only the scores that do not need them.
    """

    group: str
    values: Statistics
    baselines: Mapping[str, Statistics]
    patients: Patients
    heading: str | None = None

    def part(self, mask: NDArray[np.bool_]) -> Measured:
        """The items of `mask` (N,) only."""
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
    """The method of intervals, and (`count`) of counting the items of a score."""

    count: Count
    resamples: int
    seed: int


def measure(measured: Measured, scores: Sequence[DescribedScore], resampling: Resampling) -> list[Metric]:
    """Every score with its interval and baselines, all from the same resamples of patients."""
    bootstrap = PatientBootstrap(measured.patients, resampling.resamples, resampling.seed)
    score_intervals = intervals(scores, measured.values, bootstrap)
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
        for score, interval in zip(scores, score_intervals, strict=True)
    ]


def measure_subgroups(
    measured: Measured,
    scores: Sequence[DescribedScore],
    parts: Mapping[str, NDArray[np.bool_]],
    resampling: Resampling,
) -> list[Metric]:
    """The scores of each subgroup (name → mask of items), by the same rules and with the same baselines."""
    return [
        of_subgroup(metric, name)
        for name, mask in parts.items()
        for metric in measure(measured.part(mask), scores, resampling)
    ]


def measure_film_subgroups(
    measured: Measured,
    scores: Sequence[DescribedScore],
    parts: Mapping[str, NDArray[np.bool_]],
    film: NDArray[np.int64],
    resampling: Resampling,
) -> list[Metric]:
    """The headlines among `scores` of each subgroup of films (name → mask of N films); `film` is the film of
    every item."""
    headlines = [score for score in scores if score.headline]
    return measure_subgroups(
        measured, headlines, {name: mask[film] for name, mask in parts.items()}, resampling
    )


def of_subgroup(metric: Metric, name: str) -> Metric:
    """`metric`, computed of the items of a subgroup alone, under its name."""
    return replace(
        metric,
        name=f"{metric.name} [{name}]",
        title=f"{metric.title} [{name}]",
        headline=False,
        subgroup=name,
        aggregation=None,
        parts=(),
    )


def items_table(measured: Measured, ids: Sequence[str] | NDArray[np.str_]) -> pd.DataFrame:
    """One row per item: its id, patient and the two numbers of each statistic (see `Results.items`)."""
    columns: dict[str, NDArray] = {}
    for name, pairs in measured.values.items():
        columns[f"{name}|{NUMERATOR}"] = pairs[:, 0]
        columns[f"{name}|{DENOMINATOR}"] = pairs[:, 1]
    head = {"group": measured.group, "item_id": np.asarray(ids), "patient_id": np.asarray(measured.patients)}
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
        identity=score.identity,
        lenient_of=score.lenient_of,
    )


def check_no_leak(predictor: Predictor, collections: Sequence[Collection], split: str | None) -> None:
    """Refuse patients of a training split, or of the model's training data.

    With `None` all splits are evaluated, so only the model's own list of training patients is checked.

    Raises:
        LeakageError: there are such patients.
    """
    splits = SPLITS if split is None else (split,)
    evaluated = [(collection, name) for collection in collections for name in splits]
    if split is not None:
        check_patients_apart([(collection, "train") for collection in collections], evaluated)
    if predictor.trained_patients is not None:
        check_unseen(predictor.trained_patients, evaluated)


def known_split(value: str) -> str:
    """`value`, checked to be the name of a split.

    Raises:
        ValueError: it is not; the message has the nearest name.
    """
    if value not in SPLITS:
        raise ValueError(f"unknown split '{value}': {nearest(value, SPLITS)}")
    return value


def choose_views(predictor: Predictor, views: Sequence[str] | None) -> tuple[str, ...] | None:
    """`views`, or by default the views of the model's training (`None`: all)."""
    chosen = views or predictor.config.training_facts.views
    return tuple(str(view) for view in chosen) if chosen else None


def identity(predictor: Predictor, collections: Sequence[Collection], resamples: int) -> dict[str, Any]:
    """The part of a protocol that identifies model, images and code."""
    return {
        "interval": f"95 %, percentile bootstrap of {resamples} resamples of patients",
        "preprocessing": predictor.config.preprocessing.model_dump(mode="json"),
        "model_fingerprint": predictor.fingerprint,
        "collection_fingerprints": [collection.fingerprint for collection in collections],
        "training_patients_checked": predictor.trained_patients is not None,
        "versions": {"plainfilm": __version__, "torch": torch.__version__, "numpy": np.__version__},
    }


def views_of_films(predictor: Predictor, views: Sequence[View] | None) -> tuple[str, ...] | None:
    """`views`, or by default the views of the model's training and unknown views."""
    chosen = choose_views(predictor, views)
    return chosen if views or chosen is None else tuple(dict.fromkeys([*chosen, str(View.UNKNOWN)]))


def film_subgroups(
    collections: Sequence[Collection], frame: pd.DataFrame, *, by_view: bool = True
) -> dict[str, NDArray[np.bool_]]:
    """Name → mask of N films: by sex, age, site and view, if known (see `subgroups`).

    frame: (N) place (of the collection), study_id, image_id. by_view: not of studies, which have several.
    """
    place = frame["place"].astype(str)
    studies, images = (place + "/" + frame[column] for column in ("study_id", "image_id"))
    return subgroups(facts_of(collections, studies, images if by_view else None))


def facts_of(
    collections: Sequence[Collection],
    studies: Sequence[str] | pd.Series,
    films: Sequence[str] | pd.Series | None,
) -> pd.DataFrame:
    """The known facts of Q queries: `sex`, `age` (a band), `site` (their collection) and, for images, `view`;
    missing if unknown.

    studies, films: (Q,) ids, each after the place of its collection and a slash ("0/s1").
    """
    known = _known_of(collections, "studies", ["study_id", "sex", "age"], studies)
    facts = pd.DataFrame({"sex": _shared(known["sex"])})
    bands = pd.cut(known["age"].astype(float), AGES, right=False, labels=AGE_NAMES)
    facts["age"] = bands.to_numpy(dtype=object)
    names = np.array([collection.name for collection in collections], dtype=object)
    facts["site"] = names[known["place"].to_numpy()]
    if films is not None:
        views = pd.Series(_shared(_known_of(collections, "images", ["image_id", "view"], films)["view"]))
        facts["view"] = views.where(views != str(View.UNKNOWN)).to_numpy(dtype=object)
        if {"AP", "AP_SUPINE"} <= set(views):  # else these are the subgroups of the view
            facts["taken"] = [TAKEN.get(view) for view in views]
    return facts


def _known_of(
    collections: Sequence[Collection], table: str, columns: list[str], keys: Sequence[str] | pd.Series
) -> pd.DataFrame:
    """The rows (Q) of a table with these `keys`, and the `place` of their collection; the first of `columns`
    has the ids."""
    frames = [
        collection.frame(table, columns).assign(place=place) for place, collection in enumerate(collections)
    ]
    every = pd.concat(frames, ignore_index=True)
    own = every["place"].astype(str) + "/" + every[columns[0]]
    rows = positions(pa.array(keys, pa.string()), pa.array(own, pa.string()))
    return every.drop(columns=columns[0]).iloc[rows].reset_index(drop=True)


def _shared(texts: pd.Series) -> NDArray[np.object_]:
    """The texts (Q,) as objects, one for each distinct text and not for each row; NaN if missing."""
    codes, distinct = pd.factorize(texts)
    return np.array([*distinct, np.nan], dtype=object)[codes]


def subgroups(facts: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Name → mask of queries; only for columns that have at least two subgroups of sufficient size."""
    masks: dict[str, NDArray[np.bool_]] = {}
    for column in facts.columns:
        counts = facts[column].value_counts()
        values = sorted(str(value) for value, count in counts.items() if count >= LEAST)
        if len(values) > 1:
            masks |= {f"{column} {value}": (facts[column] == value).to_numpy() for value in values}
    return masks

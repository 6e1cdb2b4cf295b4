"""All metrics of boxes of classes, from the answers of a model and of the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.scores import AREA_UNDER_ROC, Score, Statistics, ranking_statistics, ratio_statistics
from plainfilm.tasks.base import Metric
from plainfilm.tasks.locating.box_scores import (
    Answers,
    ClassBoxes,
    best_scores,
    froc_scores,
    froc_statistics,
    precision_scores,
    precision_statistics,
    true_boxes,
)
from plainfilm.tasks.locating.films import BoxedFilms
from plainfilm.tasks.scoring.measure import (
    DescribedScore,
    Measured,
    Resampling,
    items_table,
    measure,
    measure_film_subgroups,
)

BOXES, FROC, FILMS, PROMPTS = "boxes", "froc", "films", "prompts"
"""The names of the groups."""
PRESENT, ABSENT, DENIED = "present", "absent", "denied"

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClassAnswers:
    """Answers (N, C) to the prompts of classes and to their denials, by name of the baseline; "" is the
    model."""

    positive: Mapping[str, Answers]
    denied: Mapping[str, Answers]


@dataclass(frozen=True)
class ClassMeasures:
    """Metrics, and the statistics per item that they are computed from."""

    metrics: tuple[Metric, ...]
    items: pd.DataFrame


def measure_classes(
    films: BoxedFilms,
    truth: ClassBoxes,
    answers: ClassAnswers,
    presence: tuple[Mask, Mask],
    threshold: float,
    resampling: tuple[int, int],
    most: int,
    parts: Mapping[str, Mask],
) -> ClassMeasures:
    """Metrics of four groups; see `detection`.

    presence: whether films show classes, and whether that is known, (N, C). resampling: number of resamples
    and seed. most: the largest number of boxes of an answer. parts: subgroups of films (name → mask (N,)).
    """
    boxed = [name for name, count in zip(truth.classes, truth.counts.sum(axis=0), strict=True) if count]
    ids = np.array(films.ids)

    def of_all(statistics: Mapping[str, Statistics], group: str, heading: str, repeats: int = 1) -> Measured:
        trivial = {name: values for name, values in statistics.items() if name}
        return Measured(group, statistics[""], trivial, np.repeat(films.patients, repeats), heading)

    slots = most + truth.most
    precision = of_all(
        {name: precision_statistics(truth, own, most) for name, own in answers.positive.items()},
        BOXES,
        "Boxes",
        slots,
    )
    froc = of_all(
        {name: froc_statistics(truth, own) for name, own in answers.positive.items()},
        FROC,
        "Boxes found at a number of false ones",
    )
    whole = of_all(
        {name: _auroc(own, truth.classes, presence) for name, own in answers.positive.items()},
        FILMS,
        "Films with and without the finding, by the score of the best box",
    )
    prompts = of_all(
        {
            name: _rates(own, answers.denied[name], truth.classes, presence, threshold)
            for name, own in answers.positive.items()
        },
        PROMPTS,
        f"Something is found (best score from {threshold:.3g} on)",
    )
    rankable = [name for name in truth.classes if f"{AREA_UNDER_ROC}/{name}" in whole.values]
    groups = (
        (precision, precision_scores(precision.values, boxed), true_boxes, np.repeat(ids, slots)),
        (froc, froc_scores(boxed), _found_of, ids),
        (whole, _auroc_scores(rankable), _known, ids),
        (prompts, _rate_scores(truth.classes), _asked, ids),
    )
    metrics: list[Metric] = []
    tables = []
    for measured, scores, count, names in groups:
        if not scores:
            continue
        counted = Resampling(count, *resampling)
        metrics += measure(measured, scores, counted)
        film = np.repeat(np.arange(len(films)), len(measured.patients) // len(films))
        metrics += measure_film_subgroups(measured, scores, parts, film, counted)
        numbered = names if measured is not precision else _numbered(names, slots)
        tables.append(items_table(measured, numbered))
    return ClassMeasures(tuple(metrics), pd.concat(tables, ignore_index=True))


def _numbered(ids: NDArray[np.str_], slots: int) -> NDArray[np.str_]:
    places = np.tile(np.arange(slots), len(ids) // slots)
    return np.array([f"{name}#{place}" for name, place in zip(ids, places, strict=True)])


def _auroc(answers: Answers, classes: Sequence[str], presence: tuple[Mask, Mask]) -> Statistics:
    """The best scores of classes that are known to be there and not to be, on some films each."""
    best, codes = best_scores(answers), truth_codes(*presence)
    present, known = presence
    return {
        f"{AREA_UNDER_ROC}/{name}": ranking_statistics(best[:, place], codes[:, place])
        for place, name in enumerate(classes)
        if (present & known)[:, place].any() and (~present & known)[:, place].any()
    }


def _auroc_scores(classes: Sequence[str]) -> list[DescribedScore]:
    if not classes:
        return []
    parts = tuple(f"{AREA_UNDER_ROC}/{name}" for name in classes)
    title = "AUROC of the best box's score, mean over classes"
    return [
        DescribedScore("macro_auroc", AREA_UNDER_ROC, parts, title, "higher", headline=True),
        *(
            DescribedScore(part, AREA_UNDER_ROC, (part,), f"AUROC, {name}", "higher")
            for part, name in zip(parts, classes, strict=True)
        ),
    ]


def _rates(
    positive: Answers, denied: Answers, classes: Sequence[str], presence: tuple[Mask, Mask], threshold: float
) -> Statistics:
    """KIND and KIND/CLASS: of the films where a class is there, is not, and is denied, those with a box."""
    found, found_denied = best_scores(positive) >= threshold, best_scores(denied) >= threshold
    there, absent = presence[0] & presence[1], ~presence[0] & presence[1]
    kinds = {PRESENT: (found, there), ABSENT: (found, absent), DENIED: (found_denied, absent)}
    values = {}
    for kind, (has_box, of) in kinds.items():
        hits = has_box & of
        values[kind] = ratio_statistics(hits.sum(axis=1), of.sum(axis=1))
        for place, name in enumerate(classes):
            values[f"{kind}/{name}"] = ratio_statistics(hits[:, place], of[:, place])
    return values


def _rate_scores(classes: Sequence[str]) -> list[DescribedScore]:
    titles = {
        PRESENT: "of films with the finding",
        ABSENT: "of films without it",
        DENIED: 'of films without it, asked by a denial ("No pleural effusion")',
    }
    return [
        DescribedScore(
            name if one is None else f"{name}/{one}",
            "ratio",
            (name if one is None else f"{name}/{one}",),
            f"{title}{'' if one is None else f', {one}'}",
            "higher" if name == PRESENT else "lower",
            headline=one is None,
        )
        for name, title in titles.items()
        for one in (None, *classes)
    ]


def _found_of(score: Score, values: Statistics) -> int:
    """The true boxes."""
    return int(sum(values[part][:, 1].sum() for part in score.parts))


def _known(score: Score, values: Statistics) -> int:
    """The films whose truth is known for a class."""
    return int(np.any([values[part][:, 1] > 0 for part in score.parts], axis=0).sum())


def _asked(score: Score, values: Statistics) -> int:
    """The pairs of film and class."""
    return int(values[score.parts[0]][:, 1].sum())

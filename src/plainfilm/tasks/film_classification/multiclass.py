"""Multi-class accuracy: each image is assigned the class of the closest positive ensemble (CheXpert
5x200)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.errors import DataError
from plainfilm.metrics.classification import argmax_credit
from plainfilm.metrics.scores import Statistics, count, ratio_statistics
from plainfilm.tasks.film_classification.evaluate import SUBGROUP_SCORES, results_of
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.film_classification.thresholds import Floats
from plainfilm.tasks.scoring.measure import (
    DescribedScore,
    Measured,
    film_subgroups,
    items_table,
    measure,
    measure_subgroups,
)

if TYPE_CHECKING:
    from plainfilm.tasks.base import Results
    from plainfilm.tasks.film_classification.evaluate import EvaluationContext

GROUP = "multiclass"


@dataclass(frozen=True)
class Exclusive:
    """The images with exactly one positive class, and that class (N,); other images are only counted."""

    films: Films
    classes: NDArray[np.int64]
    none: int
    several: int


def evaluate_multiclass(context: EvaluationContext, films: Films, group: str) -> Results:
    """Evaluate the class predicted for each image by the scores of `group`.

    Raises:
        DataError: no image has exactly one class.
    """
    kept = exclusive(films)
    scores = context.scores_of(kept.films).groups[group]
    values, baselines = _statistics(scores, kept.classes, films.observations)
    measured = Measured(GROUP, values, baselines, kept.films.patients)
    resampling = replace(context.resampling, count=count)
    described = _accuracies(films.observations)
    metrics = measure(measured, described, resampling)
    chosen = [score for score in described if score.name in SUBGROUP_SCORES]
    parts = film_subgroups(context.collections, kept.films.frame)
    metrics += measure_subgroups(measured, chosen, parts, resampling)
    left_out = {"films of no class": kept.none, "films of several classes": kept.several}
    return results_of(
        context,
        kept.films,
        metrics,
        _predictions_table(kept, np.asarray(scores)),
        items_table(measured, kept.films.ids),
        {"thresholds": {"chosen_on": "none", "why": "the class of the highest score"}, "left_out": left_out},
    )


def exclusive(films: Films) -> Exclusive:
    """Keep the images with exactly one positive class.

    Raises:
        DataError: there is no such image.
    """
    positives = (films.positive & films.known).sum(axis=1)
    kept = positives == 1
    if not kept.any():
        raise DataError(
            f"no film has exactly one positive class of these observations ({len(films)} films); name the "
            "classes with observations=, or leave mode=multiclass out"
        )
    part = films.part(kept)
    classes = (part.positive & part.known).argmax(axis=1)
    return Exclusive(part, classes, int((positives == 0).sum()), int((positives > 1).sum()))


def _accuracies(observations: Sequence[str]) -> list[DescribedScore]:
    """Accuracy over all images, its mean over the classes, and that of each class."""
    parts = tuple(f"class/{name}" for name in observations)
    single = [
        DescribedScore(f"accuracy/{name}", "ratio", (part,), f"accuracy, {name}", "higher")
        for name, part in zip(observations, parts, strict=True)
    ]
    return [
        DescribedScore("accuracy", "ratio", ("all",), "accuracy", "higher", headline=True),
        DescribedScore("accuracy_macro", "mean", parts, "accuracy, macro", "higher", headline=True),
        *single,
    ]


def _accuracy_statistics(
    credit: Floats, classes: NDArray[np.int64], observations: Sequence[str]
) -> Statistics:
    """Statistics of the accuracies: credit (N,), the share of a right answer of each image."""
    statistics = {"all": ratio_statistics(credit)}
    for place, name in enumerate(observations):
        mine = (classes == place).astype(np.float64)
        statistics[f"class/{name}"] = ratio_statistics(credit * mine, mine)
    return statistics


def _statistics(
    scores: Floats, classes: NDArray[np.int64], observations: Sequence[str]
) -> tuple[Statistics, Mapping[str, Statistics]]:
    """Statistics of the model (scores (N, C)) and of the baselines: a random class, and the commonest."""
    common = int(np.bincount(classes, minlength=len(observations)).argmax())
    shares = {
        "random": np.full(len(classes), 1.0 / len(observations)),
        "majority": (classes == common).astype(np.float64),
    }
    mine = _accuracy_statistics(argmax_credit(scores, classes), classes, observations)
    baselines = {name: _accuracy_statistics(credit, classes, observations) for name, credit in shares.items()}
    return mine, baselines


def _predictions_table(exclusive: Exclusive, scores: Floats) -> pd.DataFrame:
    """One row per film: its class, the predicted class, and the score of each."""
    names = np.array(exclusive.films.observations, dtype=object)
    frame = exclusive.films.frame
    table = pd.DataFrame(
        {
            "query_id": exclusive.films.ids,
            "study_id": frame["study_id"].to_numpy(dtype=str),
            "patient_id": frame["patient_id"].to_numpy(dtype=str),
            "class": names[exclusive.classes],
            "predicted": names[scores.argmax(axis=1)],
        }
    )
    for place, name in enumerate(names):
        table[f"score:{name}"] = scores[:, place].astype(np.float32)
    return table

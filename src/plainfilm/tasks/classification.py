"""Classification: the predictions of a classifier against labels, by observation.

The evaluation is that of zero-shot classification (`tasks.film_classification.evaluate`): AUROC and average
precision; F1, precision, recall and specificity at thresholds chosen on the validation split of the same
collections; calibration and abstention fitted there; subgroups; every score with its interval by patient and
baselines.

Observations of the model without labels, and labels without an output, are left out and listed. With
`save_operating_points=true` the operating points are saved in the model's folder, for `plainfilm predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from plainfilm.collection import Collection
from plainfilm.collection.labels import Labels
from plainfilm.errors import DataError, nearest
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Results
from plainfilm.tasks.film_classification.evaluate import (
    ClassificationConfig,
    EvaluationContext,
    evaluate,
    fit_on_validation,
)
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.film_classification.thresholds import FITTED_ON, FilmScores
from plainfilm.tasks.scoring.label_choice import choose_labels
from plainfilm.tasks.scoring.measure import check_no_leak

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("classifies",)
GROUP = "classifier"


class Config(ClassificationConfig):
    """The protocol, see `evaluate.ClassificationConfig`.

    observations: by default all that model and labels share. labels: by default those of the model's
    training, if the collections have them.
    """


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Evaluate a classifier; see the module.

    Raises:
        UsageError: the model is no classifier.
        LeakageError: patients of the images are among those of the training split.
        DataError: no labels, no images, or no observation that labels and model share.
    """
    answered = predictor.classify([]).observations
    check_no_leak(predictor, collections, config.split)
    splits = (config.split, FITTED_ON)
    labels = choose_labels(predictor, collections, ("images",), splits, config.labels, progress)
    observations = _observations(predictor, labels, config.observations)
    left_out = {
        "observations without labels": [name for name in answered if name not in labels.stated],
        "labels the model does not answer": sorted(labels.stated - set(answered)),
    }
    for what, names in left_out.items():
        if names:
            progress.log(f"left out, {what}: {', '.join(names)}")
    places = [answered.index(name) for name in observations]

    def scores_of(films: Films) -> FilmScores:
        if films.are_studies:
            logits = predictor.classify_studies(*films.studies, progress=progress).logits
        else:
            logits = predictor.classify(films.frame["image"].tolist(), progress).logits
        logits = logits[:, places]
        return FilmScores(observations, {GROUP: logits.astype(np.float64)}, GROUP, 1.0, {"logit": logits})

    context = EvaluationContext(
        *("classification", predictor, collections, labels, observations, config, progress, scores_of),
        left_out=left_out,
    )
    films = context.evaluated_films()
    return evaluate(context, films, scores_of(films), fit_on_validation(context))


def _observations(predictor: Predictor, labels: Labels, wanted: Sequence[str] | None) -> tuple[str, ...]:
    for name in wanted or ():
        if name not in predictor.observations:
            raise DataError(
                f"{predictor.name} does not predict '{name}': {nearest(name, predictor.observations)}"
            )
        if name not in labels.stated:
            raise DataError(f"no labels of '{name}' from {labels.origin}: {nearest(name, labels.stated)}")
    chosen = tuple(wanted or (name for name in predictor.observations if name in labels.stated))
    if not chosen:
        raise DataError(
            f"labels of {labels.origin} ({', '.join(sorted(labels.stated))}) and {predictor.name} "
            f"({', '.join(predictor.observations)}) share no observation; choose other labels with labels="
        )
    return chosen

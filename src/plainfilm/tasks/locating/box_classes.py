"""Which of several classes a box shows: scores of boxes by the similarity of their vectors with prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plainfilm.geometry import Boxes, box_iou_xyxy, scale_boxes_xyxy
from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.confusion import RIGHT, confusion_statistics
from plainfilm.metrics.scores import AREA_UNDER_ROC, Score, Statistics, ranking_statistics, ratio_statistics
from plainfilm.tasks.locating.baselines import BoxPrior
from plainfilm.tasks.locating.described import DescribedBoxes
from plainfilm.tasks.locating.films import BoxedFilms
from plainfilm.tasks.scoring.measure import DescribedScore

GROUP = "boxes"
BOX_PRIOR, WHOLE_FILM, MOST_FREQUENT = "box_prior", "whole_film", "most_frequent"
BASELINES = {
    BOX_PRIOR: "without the film: the overlap of the box with the mean box of each class in the training "
    "split",
    WHOLE_FILM: "the same model, asked about the whole film instead of the box",
    MOST_FREQUENT: "always the commonest class of the training split",
}
_UNIT = (1, 1)

Floats = NDArray[np.float64]


def class_scores(vectors: Floats, prompts: Floats) -> Floats:
    """(K, C): the cosine of each box vector (K, D) with the prompt (C, D) of a class, less that with the mean
    of all prompts, as published (`pos_centroid`)."""
    centroid = prompts.mean(axis=0)
    centroid = centroid / max(float(np.linalg.norm(centroid)), 1e-12)
    scores: Floats = vectors @ prompts.T - (vectors @ centroid)[:, None]
    return scores


def prior_scores(prior: BoxPrior, boxes: DescribedBoxes, films: BoxedFilms, classes: Sequence[str]) -> Floats:
    """(K, C): the overlap of each box with the mean box of each class; 0 for a class without one."""
    sizes = films.sizes
    own: Boxes = np.concatenate(
        [np.zeros((0, 4))]
        + [
            scale_boxes_xyxy(box[None], sizes[film], _UNIT)
            for film, box in zip(boxes.film.tolist(), boxes.boxes, strict=True)
        ]
    )
    scores = np.zeros((len(boxes), len(classes)))
    for place, name in enumerate(classes):
        if name in prior.boxes:
            mean = prior.boxes[name].mean(axis=0, keepdims=True)
            scores[:, place] = box_iou_xyxy(own, mean)[:, 0]
    return scores


def frequency_scores(prior: BoxPrior, count: int, classes: Sequence[str]) -> Floats:
    """(K, C): the share of training films that have each class, for every box."""
    return np.tile([prior.share.get(name, 0.0) for name in classes], (count, 1))


def choice_statistics(scores: Floats, truth: NDArray[np.int64], classes: Sequence[str]) -> Statistics:
    """Statistics of K boxes with scores (K, C) and truths (K,), places in `classes`."""
    said = scores.argmax(axis=1)
    found = confusion_statistics(truth, said, classes)
    for place, name in enumerate(classes):
        of = truth == place
        if of.any() and not of.all():
            found[f"{AREA_UNDER_ROC}/{name}"] = ranking_statistics(scores[:, place], truth_codes(of))
        found[f"recall/{name}"] = ratio_statistics(of & (said == place), of)
    return found


def choice_scores(values: Statistics, classes: Sequence[str], present: Sequence[str]) -> list[DescribedScore]:
    """Scores of the choice of one of `classes`, of which `present` occur."""
    ranked = tuple(f"{AREA_UNDER_ROC}/{name}" for name in present if f"{AREA_UNDER_ROC}/{name}" in values)
    recalls = tuple(f"recall/{name}" for name in present)
    confusion = (RIGHT, *(f"class/{name}" for name in classes))
    mean = f"mean of {len(present)} classes"
    return [
        DescribedScore(
            "macro_auroc", AREA_UNDER_ROC, ranked, f"AUROC, one against the rest, {mean}", "higher", True
        ),
        DescribedScore("macro_accuracy", "mean", recalls, f"accuracy of each class, {mean}", "higher", True),
        DescribedScore("matthews", "matthews", confusion, "Matthews correlation coefficient", "higher", True),
        DescribedScore("accuracy", "ratio", (RIGHT,), "accuracy", "higher"),
        *(
            DescribedScore(one, AREA_UNDER_ROC, (one,), f"AUROC, {one.partition('/')[2]}", "higher")
            for one in ranked
        ),
        *(
            DescribedScore(one, "ratio", (one,), f"accuracy, {one.partition('/')[2]}", "higher")
            for one in recalls
        ),
    ]


def boxes_of(score: Score, values: Statistics) -> int:
    """The n of a score: the boxes, or of an accuracy those of the class."""
    if score.aggregation == "ratio":
        return int(values[score.parts[0]][:, 1].sum())
    return len(values[RIGHT])

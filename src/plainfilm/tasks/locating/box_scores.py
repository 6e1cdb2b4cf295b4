"""Statistics of scored boxes of classes: average precision, FROC, whether a film has the finding.

Rows of average precision are films times slots: the first slots are for boxes that are found, the others for
true boxes, so that results of two models have the same rows (see `metrics.detection`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.geometry import Boxes, box_area_xyxy
from plainfilm.metrics.coded import Pairs
from plainfilm.metrics.detection import FALSE, HIT, IOU_THRESHOLDS, MISSED, UNKNOWN, match_boxes
from plainfilm.metrics.scores import BOX_PRECISION, Score, Statistics, ratio_statistics
from plainfilm.tasks.locating.answers import Answer
from plainfilm.tasks.scoring.measure import DescribedScore

REPORTED_IOU = (0.1, 0.3, 0.5)
"""At which average precision is reported by itself, and of boxes by size."""
SIZES = {"small": (0.0, 0.01), "medium": (0.01, 0.05), "large": (0.05, 2.0)}
"""Of a true box, as a share of the film's area."""
FALSE_PER_FILM = (0.125, 0.25, 0.5, 1.0)
FROC_IOU = 0.3

Floats = NDArray[np.float64]
Answers = Sequence[Sequence[Answer]]
"""(N, C): of each film to the prompt of each class."""


@dataclass(frozen=True)
class ClassBoxes:
    """True boxes (N, C) of the classes on N films of `sizes` (width, height)."""

    classes: tuple[str, ...]
    true: Sequence[Sequence[Boxes]]
    sizes: Sequence[tuple[int, int]]

    @property
    def most(self) -> int:
        """The largest number of boxes of a class on a film."""
        return max((len(boxes) for own in self.true for boxes in own), default=0)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(N, C) the number of boxes."""
        return np.array([[len(boxes) for boxes in own] for own in self.true]).reshape(-1, len(self.classes))


def precision_statistics(truth: ClassBoxes, answers: Answers, most: int) -> Statistics:
    """Scores and codes (N * (most + M), 2) of each class with boxes: ap@IOU/CLASS, and ap-SIZE@IOU/CLASS.

    most: the number of slots for boxes that are found, the largest number of an answer.
    """
    slots, films = most + truth.most, len(truth.true)
    found: dict[str, Pairs] = {}
    for place in np.flatnonzero(truth.counts.sum(axis=0)).tolist():
        name = truth.classes[place]
        whole = np.zeros((len(IOU_THRESHOLDS), films, slots, 2))
        sized = {size: np.zeros((len(REPORTED_IOU), films, slots, 2)) for size in SIZES}
        for film, (true, own) in enumerate(zip(truth.true, answers, strict=True)):
            answer, area = own[place], float(np.prod(truth.sizes[film]))
            whole[:, film] = _codes(answer, true[place], most, slots, IOU_THRESHOLDS)
            for size, limits in SIZES.items():
                sized[size][:, film] = _codes(
                    answer, true[place], most, slots, REPORTED_IOU, (limits[0] * area, limits[1] * area)
                )
        for iou, rows in zip(IOU_THRESHOLDS, whole, strict=True):
            found[f"ap@{iou:g}/{name}"] = rows.reshape(-1, 2)
        for size, by_iou in sized.items():
            for iou, rows in zip(REPORTED_IOU, by_iou, strict=True):
                found[f"ap-{size}@{iou:g}/{name}"] = rows.reshape(-1, 2)
    return found


def _codes(
    answer: Answer,
    true: Boxes,
    most: int,
    slots: int,
    thresholds: Sequence[float],
    areas: tuple[float, float] | None = None,
) -> Floats:
    """(T, slots, 2). With `areas` true boxes of another area are ignored, and so are boxes that hit these, or
    hit nothing and are of another area, as in COCO."""
    ignored = np.zeros(len(true), dtype=bool) if areas is None else _is_beyond(true, areas)
    match = match_boxes(answer.boxes, answer.scores, true, thresholds, ignored)
    rows = np.zeros((len(thresholds), slots, 2))
    count = len(match.order)
    rows[:, :count, 0] = answer.scores[match.order]
    hits = match.taken >= 0
    codes = np.where(hits, HIT, FALSE)
    if areas is not None:
        codes[hits & np.append(ignored, False)[match.taken]] = UNKNOWN
        codes[~hits & _is_beyond(answer.boxes[match.order], areas)] = UNKNOWN
    rows[:, :count, 1] = codes
    missed = ~match.found(len(true)) & ~ignored
    rows[:, most : most + len(true), 1] = np.where(missed, MISSED, UNKNOWN)
    return rows


def _is_beyond(boxes: Boxes, areas: tuple[float, float]) -> NDArray[np.bool_]:
    own = box_area_xyxy(boxes)
    beyond: NDArray[np.bool_] = (own < areas[0]) | (own >= areas[1])
    return beyond


def precision_scores(values: Statistics, names: Sequence[str]) -> list[DescribedScore]:
    """Mean average precision of `names`, the classes that have boxes: of all, by IoU, by size, by class."""

    def score(name: str, prefixes: Sequence[str], title: str, headline: bool = False) -> DescribedScore:
        parts = [f"{prefix}/{one}" for one in names for prefix in prefixes]
        own = tuple(part for part in parts if part in values)
        return DescribedScore(name, BOX_PRECISION, own, title, "higher", headline)

    whole = [f"ap@{iou:g}" for iou in IOU_THRESHOLDS]
    first, last = IOU_THRESHOLDS[0], IOU_THRESHOLDS[-1]
    over = f"mean over classes and IoU {first:g} to {last:g}"
    scores = [score("map", whole, f"mAP, {over}", True)]
    scores += [score(f"ap@{iou:g}", [f"ap@{iou:g}"], f"AP at IoU {iou:g}", True) for iou in REPORTED_IOU]
    listed = ", ".join(f"{iou:g}" for iou in REPORTED_IOU)
    for size, (low, high) in SIZES.items():
        limits = f"from {low:.0%} of the film" if high > 1 else f"{low:.0%} to {high:.0%} of the film"
        title = f"AP of {size} boxes ({limits}), mean of IoU {listed}"
        scores.append(score(f"ap_{size}", [f"ap-{size}@{iou:g}" for iou in REPORTED_IOU], title))
    for name in names:
        scores += [
            DescribedScore(
                f"map/{name}", BOX_PRECISION, tuple(f"{one}/{name}" for one in whole), f"AP, {name}", "higher"
            ),
            *(
                DescribedScore(
                    f"ap@{iou:g}/{name}",
                    BOX_PRECISION,
                    (f"ap@{iou:g}/{name}",),
                    f"AP at IoU {iou:g}, {name}",
                    "higher",
                )
                for iou in REPORTED_IOU
            ),
        ]
    return scores


def true_boxes(score: Score, values: Statistics) -> int:
    """The n of average precision: the true boxes of its classes."""
    kinds = {part.partition("/")[0] for part in score.parts}
    return int(sum((values[part][:, 1] >= HIT).sum() for part in score.parts) / max(1, len(kinds)))


def froc_statistics(truth: ClassBoxes, answers: Answers) -> Statistics:
    """Found and all true boxes (N, 2) of each class, froc@RATE/CLASS, of boxes that score at least the
    threshold at which a film has at most RATE false boxes of the class."""
    found: dict[str, Pairs] = {}
    for place in np.flatnonzero(truth.counts.sum(axis=0)).tolist():
        scores, hits, films = [], [], []
        for film, (true, own) in enumerate(zip(truth.true, answers, strict=True)):
            match = match_boxes(own[place].boxes, own[place].scores, true[place], (FROC_IOU,))
            scores.append(own[place].scores[match.order])
            hits.append(match.taken[0] >= 0)
            films.append(np.full(len(match.order), film))
        score, hit, film_of = np.concatenate(scores), np.concatenate(hits), np.concatenate(films)
        for rate in FALSE_PER_FILM:
            kept = hit & (score >= _threshold(score, hit, rate * len(truth.true)))
            per_film = np.bincount(film_of[kept], minlength=len(truth.true))
            found[f"froc@{rate:g}/{truth.classes[place]}"] = ratio_statistics(
                per_film, truth.counts[:, place]
            )
    return found


def _threshold(scores: Floats, hits: NDArray[np.bool_], allowed: float) -> float:
    """The lowest score with at most `allowed` false boxes at or above it; infinite if there is none."""
    distinct, misses = np.unique(scores)[::-1], np.sort(scores[~hits])
    false = len(misses) - np.searchsorted(misses, distinct, side="left")
    return float(distinct[false <= allowed][-1]) if (false <= allowed).any() else np.inf


def froc_scores(names: Sequence[str]) -> list[DescribedScore]:
    """Sensitivity at each number of false boxes per film, mean over classes."""
    return [
        DescribedScore(
            f"froc@{rate:g}",
            "mean",
            tuple(f"froc@{rate:g}/{name}" for name in names),
            f"true boxes found at {rate:g} false boxes of a class per film (IoU {FROC_IOU:g})",
            "higher",
        )
        for rate in FALSE_PER_FILM
    ]


def best_scores(answers: Answers) -> Floats:
    """(N, C) the score of the best box; 0 where there is none."""
    return np.array([[one.scores.max(initial=0.0) for one in own] for own in answers])

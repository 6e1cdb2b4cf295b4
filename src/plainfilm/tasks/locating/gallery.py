"""Films for review: the best, the middle and the worst answers, and some drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plainfilm.geometry import Boxes
from plainfilm.metrics.grounding import best_overlaps
from plainfilm.seeding import generator
from plainfilm.tasks.base import Agreement, Example, ShownBox, ShownImage, ShownSentence
from plainfilm.tasks.locating.box_scores import Answers, ClassBoxes
from plainfilm.tasks.locating.films import BoxedFilms

HIT_IOU = 0.3
LEGEND: Mapping[Agreement, str] = {
    "agrees": f"the best box overlaps a true box (IoU from {HIT_IOU:g} on)",
    "contradicts": "it does not, or nothing was found",
}
KINDS = ("best", "middle", "worst", "drawn at random")


def chosen(scores: ArrayLike, patients: ArrayLike, count: int, seed: int) -> dict[str, list[int]]:
    """Places of N scores, by `KINDS`: `count` of each, of different patients within a kind; none twice.

    Where the best, middle and worst do not leave enough, fewer are drawn at random.
    """
    values, of = np.asarray(scores, dtype=np.float64), np.asarray(patients)
    best = np.argsort(-values, kind="stable")
    median = np.argsort(np.abs(values - np.median(values)), kind="stable") if len(values) else best
    drawn = generator(seed, "examples of boxes").permutation(len(values))
    taken: set[int] = set()
    found = {}
    for kind, order in zip(KINDS, (best, median, best[::-1], drawn), strict=True):
        kept: list[int] = []
        for place in order.tolist():
            if len(kept) == count:
                break
            if place not in taken and of[place] not in of[kept]:
                kept.append(place)
        taken.update(kept)
        found[kind] = kept
    return found


def examples_of(
    scores: ArrayLike,
    patients: ArrayLike,
    count: int,
    seed: int,
    example: Callable[[int, str], Example],
) -> tuple[Example, ...]:
    """The examples of chosen places; `example` makes one from a place and its kind."""
    return tuple(
        example(place, kind)
        for kind, places in chosen(scores, patients, count, seed).items()
        for place in places
    )


def shown_boxes(
    true: Boxes, boxes: Boxes, scores: NDArray[np.float64], name: str = ""
) -> tuple[ShownBox, ...]:
    """True boxes, then boxes that were found, with their scores."""
    return (
        *(ShownBox.at(box, name, "truth") for box in true),
        *(
            ShownBox.at(box, name, "prediction", float(score))
            for box, score in zip(boxes, scores, strict=True)
        ),
    )


def class_examples(
    films: BoxedFilms, truth: ClassBoxes, answers: Answers, count: int, seed: int
) -> tuple[Example, ...]:
    """Films with the true boxes of all classes, and the best box found for each class that is there."""
    there = np.flatnonzero(truth.counts.sum(axis=1))
    overlaps = [
        [
            best_overlaps(own.boxes[:1], true).mean() if len(true) else np.nan
            for own, true in zip(answers[film], truth.true[film], strict=True)
        ]
        for film in there.tolist()
    ]
    means = np.array([np.nanmean(own) for own in overlaps])

    def example(place: int, kind: str) -> Example:
        film = int(there[place])
        boxes: list[ShownBox] = []
        sentences = []
        for name, own, true, overlap in zip(
            truth.classes, answers[film], truth.true[film], overlaps[place], strict=True
        ):
            if len(true):
                start = len(boxes)
                boxes += shown_boxes(true, own.boxes[:1], own.scores[:1], name)
                agreement: Agreement = "agrees" if overlap >= HIT_IOU else "contradicts"
                places = tuple(range(start, len(boxes)))
                sentences.append(ShownSentence(name, f"IoU {overlap:.2f}", places, agreement))
        image = ShownImage(films.ids[film], films.paths[film], tuple(boxes))
        return Example(f"mean IoU {means[place]:.2f}", kind, image, tuple(sentences))

    return examples_of(means, films.patients[there], count, seed, example)

"""Boxes that are found without looking at the film: the mean box of each name, and random boxes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from plainfilm.geometry import Boxes, scale_boxes_xyxy
from plainfilm.seeding import generator
from plainfilm.tasks.locating.answers import BoxAnswer
from plainfilm.tasks.locating.films import CORNERS, BoxedFilms

PRIOR, RANDOM = "prior_boxes", "random_boxes"
BASELINES = {
    PRIOR: "on every film the mean box of the class in the training split; its score is the class's share of "
    "the films there (of a phrase 1)",
    RANDOM: "boxes of the widths and heights of the class in the training split (or of a tenth to a half of "
    "the film where there are none), anywhere on the film, with random scores",
}
"""The baselines, by name."""
RANDOM_BOXES = 3
_UNIT = (1, 1)
_SIDES = (0.1, 0.5)


@dataclass(frozen=True)
class BoxPrior:
    """Boxes by name as fractions of their films, and the share of `films` training films that have one."""

    boxes: dict[str, Boxes]
    share: dict[str, float]
    films: int

    @staticmethod
    def of(training: BoxedFilms) -> BoxPrior:
        """The boxes of a split."""
        boxes, share, sizes = {}, {}, training.sizes
        for name, group in training.boxes.groupby("name"):
            rows = zip(group["film"], group[CORNERS].to_numpy(dtype=np.float64), strict=True)
            boxes[str(name)] = np.concatenate(
                [scale_boxes_xyxy(box[None], sizes[int(film)], _UNIT) for film, box in rows]
            )
            share[str(name)] = group["film"].nunique() / len(training)
        return BoxPrior(boxes, share, len(training))

    def answer(self, name: str, size: tuple[int, int], certain: bool = False) -> BoxAnswer:
        """The mean box of a name on a film of `size`; none for a name that has no box here.

        certain: its score is 1 instead of the share of films, as of a phrase that is known to be true.
        """
        if name not in self.boxes:
            return BoxAnswer(np.zeros((0, 4)), np.zeros(0), size)
        mean = self.boxes[name].mean(axis=0, keepdims=True)
        score = 1.0 if certain else self.share[name]
        return BoxAnswer(scale_boxes_xyxy(mean, _UNIT, size), np.array([score]), size)


def random_answer(prior: BoxPrior, name: str, size: tuple[int, int], key: Iterable[object]) -> BoxAnswer:
    """`RANDOM_BOXES` boxes on a film of `size`; `key` decides which."""
    random = generator(*key, "random boxes")
    known = prior.boxes.get(name)
    if known is None:
        sides = random.uniform(*_SIDES, (RANDOM_BOXES, 2))
    else:
        drawn = known[random.integers(0, len(known), RANDOM_BOXES)]
        sides = np.clip(drawn[:, 2:] - drawn[:, :2], 0.0, 1.0)
    corners = random.uniform(0, 1, (RANDOM_BOXES, 2)) * (1 - sides)
    boxes = scale_boxes_xyxy(np.concatenate([corners, corners + sides], axis=1), _UNIT, size)
    scores = np.sort(random.uniform(0, 1, RANDOM_BOXES))[::-1]
    return BoxAnswer(boxes, scores, size)


def baseline_answers(
    prior: BoxPrior, names: Sequence[Sequence[str]], films: BoxedFilms, seed: int, certain: bool = False
) -> dict[str, list[list[BoxAnswer]]]:
    """The answers of every baseline to what is asked of each film, `names` of classes."""
    rows = list(zip(films.ids, films.sizes, names, strict=True))
    found = {
        RANDOM: [
            [random_answer(prior, name, size, (seed, film, place, name)) for place, name in enumerate(own)]
            for film, size, own in rows
        ]
    }
    if prior.boxes:
        found[PRIOR] = [[prior.answer(name, size, certain) for name in own] for _, size, own in rows]
    return dict(sorted(found.items()))

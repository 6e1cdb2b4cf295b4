"""Readers of phantom films: each draws boxes with small errors, misses some, and sometimes adds a false one.

Overlapping boxes of one class on a film are merged first, as readers draw them. So boxes of several readers
for one object overlap each other and nothing else, and the correct fusion is their mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plainfilm.phantom.publishing import finding_boxes
from plainfilm.phantom.truth import Film, Finding, StudyTruth
from plainfilm.seeding import generator

Corners = tuple[float, float, float, float]
"""`(x0, y0, x1, y1)` in pixels of a film."""

_APART = 0.15
"""Boxes closer than this share of their size are one box for a reader."""
_MISSED, _OFF, _AT_MOST_OFF = 0.15, 0.015, 0.04
_SEEN_AMISS = 0.2


@dataclass(frozen=True)
class Drawn:
    """One box: its reader, its class, and its true box, `None` for a false one."""

    reader: str
    name: str
    corners: Corners
    target: int | None


def targets(
    study: StudyTruth, film: Film, class_of: Callable[[Finding], str | None]
) -> dict[str, list[Corners]]:
    """The objects on a film by the class in a corpus; boxes of one class are disjoint."""
    boxes_by_class: dict[str, list[Corners]] = {}
    for finding, box in finding_boxes(study, film):
        name = class_of(finding)
        if name is not None:
            boxes_by_class.setdefault(name, []).append((box.x0, box.y0, box.x1, box.y1))
    return {name: apart(boxes) for name, boxes in boxes_by_class.items()}


def apart(boxes: Sequence[Corners]) -> list[Corners]:
    """Merge boxes that nearly touch, until none do."""
    kept: list[Corners] = []
    for box in boxes:
        while near := [other for other in kept if _is_near(box, other)]:
            kept = [other for other in kept if other not in near]
            box = _hull([box, *near])
        kept.append(box)
    return kept


def _is_near(first: Corners, second: Corners) -> bool:
    for low in (0, 1):
        margin = _APART * max(first[low + 2] - first[low], second[low + 2] - second[low])
        if first[low] - margin > second[low + 2] or second[low] - margin > first[low + 2]:
            return False
    return True


def _hull(boxes: Sequence[Corners]) -> Corners:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def three_readers(film: Film) -> list[str]:
    """The readers of a film, three of R1 to R17."""
    numbers = generator("readers", film.film_id).choice(17, 3, replace=False)
    return [f"R{number + 1}" for number in sorted(numbers.tolist())]


def readings(
    film: Film,
    true_boxes: Mapping[str, Sequence[Corners]],
    classes: Sequence[str],
    digits: int,
    *,
    sticks_out: bool,
) -> list[Drawn]:
    """The boxes that three readers draw for `true_boxes` on a film, corners rounded to `digits`.

    On one film in five, one of them draws a false box of another class; with `sticks_out` one always does,
    and that box extends beyond the right edge of the film.
    """
    rng = generator("readings", film.film_id)
    readers, drawn = three_readers(film), []
    things = [(name, box) for name, boxes in true_boxes.items() for box in boxes]
    for number, (name, box) in enumerate(things):
        seeing = [reader for reader in readers if rng.random() >= _MISSED]
        drawn += [Drawn(reader, name, _redrawn(box, film, digits, rng), number) for reader in seeing]
    others = [name for name in classes if name not in true_boxes]
    if others and (rng.random() < _SEEN_AMISS or sticks_out):
        reader, name = str(rng.choice(readers)), str(rng.choice(others))
        drawn.append(Drawn(reader, name, _anywhere(film, digits, rng, sticks_out), None))
    return drawn


def _redrawn(box: Corners, film: Film, digits: int, rng: np.random.Generator) -> Corners:
    wide, high = box[2] - box[0], box[3] - box[1]
    off = np.clip(rng.normal(0.0, _OFF, 4), -_AT_MOST_OFF, _AT_MOST_OFF) * [wide, high, wide, high]
    moved = np.clip(np.asarray(box) + off, 0.0, [film.width, film.height] * 2)
    return rounded(moved.tolist(), digits)


def _anywhere(film: Film, digits: int, rng: np.random.Generator, sticks_out: bool) -> Corners:
    side = film.width * float(rng.uniform(0.08, 0.14))
    x0 = film.width - side / 2 if sticks_out else film.width * float(rng.uniform(0.2, 0.7))
    y0 = film.height * float(rng.uniform(0.2, 0.6))
    return rounded([x0, y0, x0 + side, y0 + side], digits)


def rounded(corners: Sequence[float], digits: int) -> Corners:
    """Corners rounded to `digits` decimals, no side shorter than a unit of the last one."""
    x0, y0, x1, y1 = (round(value, digits) for value in corners)
    least = 10.0**-digits
    return x0, y0, max(x1, x0 + least), max(y1, y0 + least)


def fused(drawn: Sequence[Drawn]) -> Iterator[tuple[str, Corners]]:
    """The correct fusion of boxes: the mean of all boxes of one object, with its class."""
    groups: dict[tuple[str, int | None], list[Corners]] = {}
    for box in drawn:
        groups.setdefault((box.name, box.target), []).append(box.corners)
    for (name, _), boxes in groups.items():
        x0, y0, x1, y1 = np.mean(boxes, axis=0).tolist()
        yield name, (x0, y0, x1, y1)

"""Run-length masks: what is marked, as runs down the columns, and the boxes of its connected parts.

Nothing is painted: a mask of a million pixels has some hundred runs, and the parts and their boxes follow
from those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plainfilm.sources.common.boxes import Corners

Runs = NDArray[np.int64]
"""(N, 3): column, first row, row behind the last."""


class MaskFault(ValueError):
    """A run-length text that is no mask of the image; its message says why."""


def relative_runs(text: str, size: tuple[int, int]) -> Runs:
    """The runs of `start length start length ...` on an image of `size` (width, height).

    Pixels are numbered down the columns, from 0. A start counts from the end of the run before it (the form
    of SIIM-ACR). A run that goes beyond the foot of a column goes on at the head of the next.

    Raises:
        MaskFault: an odd count of numbers, one that is not a whole number of 0 or more, or a run that ends
            beyond the image.
    """
    words = text.split()
    if not words or len(words) % 2:
        raise MaskFault(f"has {len(words)} numbers; starts and lengths come in pairs")
    if not "".join(words).isdecimal():
        wrong = next(word for word in words if not word.isdecimal())
        raise MaskFault(f"has '{wrong}' among its numbers; expected whole numbers of 0 or more")
    numbers = [int(word) for word in words]
    width, height = size
    if sum(numbers) > width * height:
        raise MaskFault(f"ends at pixel {sum(numbers)}, beyond the {width * height} of {width} x {height}")
    pairs = np.array(numbers, np.int64).reshape(-1, 2)
    ends = pairs.sum(axis=1).cumsum()
    marked = pairs[:, 1] > 0
    return _by_column((ends - pairs[:, 1])[marked], ends[marked], height)


def _by_column(starts: NDArray[np.int64], ends: NDArray[np.int64], height: int) -> Runs:
    """Stretches of pixels cut where they go from one column to the next."""
    first = starts // height
    counts = (ends - 1) // height - first + 1
    place = np.repeat(np.arange(len(starts)), counts)
    column = first[place] + np.arange(len(place)) - (counts.cumsum() - counts)[place]
    top = np.maximum(starts[place], column * height) - column * height
    bottom = np.minimum(ends[place], (column + 1) * height) - column * height
    return np.stack([column, top, bottom], axis=1)


def component_boxes(runs: Runs) -> list[Corners]:
    """The box of every connected part of a mask, by column and row of its first pixel; any order of runs.

    Pixels that touch, if only at a corner, are one part; runs may overlap. A box is `(x0, y0, x1, y1)` with
    x1 and y1 behind the last pixel.
    """
    if not len(runs):
        return []
    # A run's ends as single numbers that grow with column and row, none of one column reaching the next.
    stride = int(runs[:, 2].max()) + 1
    tops, bottoms = _merged(runs[:, 0] * stride + runs[:, 1], runs[:, 0] * stride + runs[:, 2])
    roots = np.array(_roots(tops, bottoms, stride))
    order = np.argsort(roots, kind="stable")
    begins = np.flatnonzero(np.diff(roots[order], prepend=-1))
    column, row = np.divmod(tops[order], stride)
    corners = (
        np.minimum.reduceat(column, begins),
        np.minimum.reduceat(row, begins),
        np.maximum.reduceat(column + 1, begins),
        np.maximum.reduceat(bottoms[order] - column * stride, begins),
    )
    return [(float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in zip(*corners, strict=True)]


def _merged(
    tops: NDArray[np.int64], bottoms: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted runs, those of one column that overlap or follow on made one."""
    order = np.argsort(tops, kind="stable")
    tops, reach = tops[order], np.maximum.accumulate(bottoms[order])
    begins = np.concatenate([[True], tops[1:] > reach[:-1]])
    ends = np.concatenate([begins[1:], [True]])
    return tops[begins], reach[ends]


def _roots(tops: NDArray[np.int64], bottoms: NDArray[np.int64], stride: int) -> list[int]:
    """For each run the first run of its part: a union of those that touch in neighbouring columns."""
    first = np.searchsorted(bottoms, tops - stride, side="left").tolist()
    behind = np.searchsorted(tops, bottoms - stride, side="right").tolist()
    parents = list(range(len(tops)))
    for place in range(len(parents)):
        for other in range(first[place], behind[place]):
            one, two = _root(parents, other), _root(parents, place)
            parents[max(one, two)] = min(one, two)
    return [_root(parents, place) for place in range(len(parents))]


def _root(parents: list[int], place: int) -> int:
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place

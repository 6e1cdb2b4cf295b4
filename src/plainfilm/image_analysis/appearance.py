"""What a look at the pixels alone says of a film: a hint for a person, never a reason to refuse.

Three questions, all cheap (under a millisecond for a film of 512 pixels; `benchmarks/appearance.py` measures
how often they err). Is there text burned in? Letters are strokes close together, so lines of text stand out
by how many narrow rises and falls of grey lie side by side; a side marker is too short for a line. Does it
look inverted? Its eight by eight means are held against those of an average chest film. Has it any contrast?
A window or a number of bits that does not fit the values leaves a film nearly black.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plainfilm.image_analysis.strokes import strokes
from plainfilm.io.area_resize import area_mean
from plainfilm.io.raster_images import reduced_size

TEXT, INVERTED = "burned-in text", "looks inverted (black and white exchanged)"

LOOKED_AT = 512
"""Larger films are reduced to this shortest side first; letters on them are then 5 to 25 pixels high."""

_STROKES, _LINE = 10, 6
"""Two by two cells with so many strokes may be letters; so many of them in a row are a line of text."""

_CONTRAST, _EXTREMES = 60, 0.02
"""The least difference in grey of all but the darkest and brightest pixels, so many of each. The flattest of
869 real films has 65, and 12 bits shown as 14 leave 49."""

_AVERAGE = np.array(
    [
        [-76, -53, -26, 23],
        [-34, 10, 7, 57],
        [-32, -4, -19, 40],
        [-46, -26, -35, 28],
        [-50, -24, -33, 24],
        [-46, -12, -5, 48],
        [-41, 19, 51, 88],
        [-40, 31, 75, 99],
    ]
)
"""The left half of an average phantom, frontal and lateral, its mirror image averaged in; mean 0."""
_LIKE_ITS_NEGATIVE, _UPRIGHT = -0.2, 0.2
"""Films whose correlation with the average is lower look inverted; at the other value they cannot."""
_EVEN = 6
"""Rows and columns at the edges whose grey values deviate less are no film but strips of black, or frames."""

_STEP = 4
"""Every so many-th pixel is enough for evenness and contrast."""


def longest_line(film: NDArray[np.uint8]) -> int:
    """The length, in cells of 8 pixels, of the longest row of what looks like letters in a `film` (H, W)."""
    cells = strokes(film)
    pairs = cells[:-1] + cells[1:]
    is_letter = (pairs[:, :-1] + pairs[:, 1:]) >= _STROKES
    longest = 0
    for row in np.flatnonzero(is_letter.any(axis=1)):
        places = np.flatnonzero(is_letter[row])
        # Spaces between words leave a cell or two without strokes.
        words = np.split(places, np.flatnonzero(np.diff(places) > 2) + 1)
        longest = max(longest, *(int(word[-1] - word[0]) + 1 for word in words))
    return longest


def likeness(film: NDArray[np.uint8]) -> float:
    """The correlation of a `film` (H, W) with the average chest film: -1 for its negative, 1 for itself.

    Even strips around the film do not count.
    """
    return _correlation(_without_strips(film))


def _correlation(film: NDArray[np.uint8]) -> float:
    height, width = film.shape
    if min(height, width) < 8:
        return 0.0
    seen = area_mean(film, 8, 8).astype(np.float64)
    average = np.hstack([_AVERAGE, _AVERAGE[:, ::-1]])
    seen -= seen.mean()
    size = float(np.sqrt((seen**2).sum() * (average**2).sum()))
    return float((seen * average).sum()) / size if size > 0 else 0.0


def _without_strips(film: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The film without even rows and columns at its edges."""
    seen = film[::_STEP, ::_STEP].astype(np.float32)
    top = left = 0
    for _ in range(2):  # what is left of a frame in one direction shows in the other
        rows, columns = (np.flatnonzero(_deviation(seen, axis) > _EVEN) for axis in (1, 0))
        if not len(rows) or not len(columns):
            return film
        top, left = top + int(rows[0]), left + int(columns[0])
        seen = seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    bottom, right = top + seen.shape[0], left + seen.shape[1]
    return np.ascontiguousarray(film[_STEP * top : _STEP * bottom, _STEP * left : _STEP * right])


def _deviation(seen: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The standard deviation along an axis, in a third of the time that NumPy's takes."""
    mean = seen.mean(axis=axis)
    return np.sqrt(np.maximum(np.square(seen).mean(axis=axis) - mean * mean, 0))


def flags(film: NDArray[np.uint8]) -> tuple[str, ...]:
    """What a person should look at in a grey `film` (H, W), in words."""
    height, width = film.shape
    wide, high = reduced_size((width, height), LOOKED_AT)
    seen = film if (wide, high) == (width, height) else area_mean(film, high, wide)
    found: tuple[str, ...] = (TEXT,) if longest_line(seen) >= _LINE else ()
    # Most films are plainly upright, strips and all.
    if _correlation(seen) < _UPRIGHT and likeness(seen) < _LIKE_ITS_NEGATIVE:
        found += (INVERTED,)
    dark, bright = _extremes(seen)
    if bright - dark < _CONTRAST:
        found += (f"hardly any contrast (grey {dark} to {bright} of 255)",)
    return found


def _extremes(film: NDArray[np.uint8]) -> tuple[int, int]:
    """The grey values below and above which a few pixels of a `film` (H, W) lie."""
    counts = np.bincount(film[::_STEP, ::_STEP].ravel(), minlength=256).cumsum()
    few = _EXTREMES * counts[-1]
    return int(np.searchsorted(counts, few, side="right")), int(np.searchsorted(counts, counts[-1] - few))

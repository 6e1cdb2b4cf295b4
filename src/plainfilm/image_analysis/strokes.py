"""Counts narrow strokes, as those of letters, in the cells of a film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plainfilm.compiled import pays_off

EDGE, WIDEST = 48, 6
"""A stroke rises and falls by at least so many grey values between two pixels; it is so wide at most."""
HIGH, WIDE = 4, 8
"""The size of a cell in pixels."""


def strokes(film: NDArray[np.uint8]) -> NDArray[np.int32]:
    """How many narrow strokes, bright or dark, end in each cell of a `film` (H, W): (⌈H / 4⌉, ⌈W / 8⌉)."""
    if pays_off():
        from plainfilm.image_analysis.stroke_kernel import count_strokes

        counted: NDArray[np.int32] = count_strokes(np.ascontiguousarray(film))
        return counted
    height, width = film.shape
    steps = np.diff(film.astype(np.int16), axis=1)
    rises, falls = steps > EDGE, steps < -EDGE
    rise, fall = _last_before(rises), _last_before(falls)
    x = np.arange(width - 1)
    ends = (rises & (fall > rise) & (x - fall <= WIDEST)) | (falls & (rise > fall) & (x - rise <= WIDEST))
    rows, columns = np.nonzero(ends)
    shape = -(-height // HIGH), -(-width // WIDE)
    places = rows // HIGH * shape[1] + (columns + 1) // WIDE
    return np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int32)


def _last_before(steps: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The place of the last of `steps` (H, W) before each, in its row; one far away where there is none."""
    never = -steps.shape[1] - WIDEST - 1
    last = np.maximum.accumulate(np.where(steps, np.arange(steps.shape[1]), never), axis=1)
    return np.concatenate([np.full((len(steps), 1), never), last[:, :-1]], axis=1)

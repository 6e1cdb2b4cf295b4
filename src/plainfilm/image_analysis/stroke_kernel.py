"""The kernel of `strokes`, compiled. Importing this takes two seconds; see `compiled.pays_off`."""

from __future__ import annotations

import numpy as np
from numba import types

from plainfilm.compiled import njit
from plainfilm.image_analysis.strokes import EDGE, HIGH, WIDE, WIDEST

_FILM = types.Array(types.uint8, 2, "C", readonly=True)


@njit([types.int32[:, ::1](_FILM)])
def count_strokes(film):  # type: ignore[no-untyped-def]
    """The cells of a film (H, W); see `strokes.strokes`."""
    height, width = film.shape
    cells = np.zeros(((height + HIGH - 1) // HIGH, (width + WIDE - 1) // WIDE), np.int32)
    for y in range(height):
        rise = fall = -width
        for x in range(1, width):
            step = np.int32(film[y, x]) - np.int32(film[y, x - 1])
            if step > EDGE:
                cells[y // HIGH, x // WIDE] += fall > rise and x - fall <= WIDEST
                rise = x
            elif step < -EDGE:
                cells[y // HIGH, x // WIDE] += rise > fall and x - rise <= WIDEST
                fall = x
    return cells

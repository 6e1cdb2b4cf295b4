"""A short code of what a film shows, alike for copies that were resized, recompressed or brightened."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.areas import area_mean

SIDE = 16
"""A film is looked at as SIDE x SIDE differences, one bit each."""


def perceptual_hash(film: NDArray[np.uint8]) -> str:
    """The difference hash of a grey `film` (H, W) in hexadecimal: is each cell brighter than its left one?

    Two films are compared by how many of the bits differ. Zauner, "Implementation and benchmarking of
    perceptual image hash functions", 2010, calls the family block-mean and difference hashes.
    """
    height, width = film.shape
    if height < SIDE or width < SIDE + 1:
        film = np.kron(film, np.ones((SIDE, SIDE + 1), np.uint8))
    cells = area_mean(film, SIDE, SIDE + 1).astype(np.int16)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes().hex()

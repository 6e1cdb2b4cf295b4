"""The values of a film before window and level, for viewers that let a person choose them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FilmValues:
    """`values` (H, W) uint16, of which a larger one is brighter, up to 2 ** `bits` - 1.

    The straight line from `low` (black) to `high` (white) is the window of the file, or the closest to it
    where the file shows its values along a curve.
    """

    values: NDArray[np.uint16]
    bits: int
    low: float
    high: float


def closest_line(brightness: NDArray[np.uint16], grey: NDArray[np.uint8]) -> tuple[float, float]:
    """The values at black and white of the line closest to what is shown: `grey` of each `brightness`."""
    is_between = (grey > 0) & (grey < 255)
    x, y = brightness[is_between].astype(np.float64), grey[is_between].astype(np.float64)
    if len(x) > 1 and x.min() < x.max():
        slope, offset = np.polyfit(x, y, 1)
        if slope > 0:
            return float(-offset / slope), float((255.0 - offset) / slope)
    return float(brightness.min()), float(max(brightness.max(), int(brightness.min()) + 1))

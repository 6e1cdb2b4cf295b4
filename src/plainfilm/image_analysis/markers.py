"""Where letters are on a film: side markers, and text burned in near its edges.

Letters are narrow and nearly white, and stand out sharply from what is around them: a white top-hat (Serra
1982, Image Analysis and Mathematical Morphology) keeps what is bright and narrower than a stroke may be. Ribs
are wider, and lines and wires longer. Only the margins are searched, where markers are laid so that they
hide nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plainfilm.geometry import Boxes

MARGIN = 0.22
"""The share of width and of height on each side within which the middle of a marker lies."""
_STROKE, _REACH = 0.022, 0.02
"""The widest stroke, and the farthest that letters of one marker are apart, as shares of the longer side."""
_BRIGHT, _STANDS_OUT = 120, 45
"""The least grey value of a letter, and its least difference from what is around it."""
_SMALLEST, _WIDEST, _HIGHEST = 0.02, 0.35, 0.12
"""Sides of a marker as shares of the longer side of the film."""


def marker_boxes(film: NDArray[np.uint8]) -> Boxes:
    """Boxes (K, 4) x0 y0 x1 y1, in pixels, of what looks like letters in the margins of a `film` (H, W)."""
    from scipy import ndimage

    height, width = film.shape
    side = max(height, width)
    stroke = max(3, round(_STROKE * side) | 1)
    raised = film.astype(np.int16) - ndimage.grey_opening(film, size=(stroke, stroke))
    letters = (film >= _BRIGHT) & (raised >= _STANDS_OUT)
    reach = max(3, round(_REACH * side) | 1)
    areas, _ = ndimage.label(ndimage.binary_dilation(letters, np.ones((reach, reach))))
    areas[~letters] = 0
    found = [part for part in ndimage.find_objects(areas) if part is not None]
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in found]
    return np.array([box for box in boxes if _is_marker(box, (width, height))], dtype=np.float64).reshape(
        -1, 4
    )


def _is_marker(box: tuple[int, int, int, int], size: tuple[int, int]) -> bool:
    side = max(size)
    wide, high = (box[2] - box[0]) / side, (box[3] - box[1]) / side
    if not (max(wide, high) >= _SMALLEST and wide <= _WIDEST and high <= _HIGHEST):
        return False
    x, y = (box[0] + box[2]) / 2 / size[0], (box[1] + box[3]) / 2 / size[1]
    return min(x, 1 - x) <= MARGIN or min(y, 1 - y) <= MARGIN

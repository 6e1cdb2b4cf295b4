"""Resizes images to the square input of an encoder, exactly as `Preprocessing` states, with the geometry.

A `Preprocessing` becomes a few steps: windows of whole pixels (crops, and black around them) and changes of
size. `resize_to` applies them to a film, `fixed_geometry` to its coordinates, so that boxes and pixels agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from plainfilm.batches.resampling import Film, Square, resample
from plainfilm.geometry import Geometry
from plainfilm.io.preprocessing import Preprocessing, Resampling


@dataclass(frozen=True)
class _Window:
    """A rectangle of whole pixels, black outside the image."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class _Scaling:
    """The part `box` (x0, y0, x1, y1) of an image, resized."""

    width: int
    height: int
    how: Resampling
    box: tuple[float, float, float, float]


_BEGINS: dict[str, Callable[[int, int], int]] = {
    "nearest_even": lambda whole, part: round((whole - part) / 2),
    "down": lambda whole, part: (whole - part) // 2,
    "halves": lambda whole, part: whole // 2 - part // 2,
}
"""The start of the central `part` pixels of `whole`."""

Pixels = TypeVar("Pixels", Film, Square)
_Steps: TypeAlias = "tuple[_Window | _Scaling, ...]"


def resize_to(film: Film, preprocessing: Preprocessing) -> Square:
    """The encoder's square of a film: (H, W) → (S, S), S = `preprocessing.size`.

    Grey values stay on the scale 0 to 255, in uint8; in float32 if the last step does not round.
    """
    square: Square = stretched(film) if preprocessing.stretch else film
    height, width = film.shape
    for step in _steps(width, height, preprocessing):
        if isinstance(step, _Window):
            square = _windowed(square, step)
        else:
            square = resample(square, step.width, step.height, step.how, step.box, zero_of(preprocessing))
    return square


def fixed_geometry(film: tuple[int, int], preprocessing: Preprocessing) -> Geometry:
    """Where `resize_to` puts what is on a film of (width, height) pixels."""
    ends = np.array([[0.0, 0.0], [1.0, 1.0]]) * preprocessing.size
    # Backwards from the corners of the square to the film's coordinates.
    for step in reversed(_steps(*film, preprocessing)):
        if isinstance(step, _Window):
            ends += (step.left, step.top)
        else:
            left, top, right, bottom = step.box
            ends = ends * ((right - left) / step.width, (bottom - top) / step.height) + (left, top)
    (left, top), (right, bottom) = ends.tolist()
    return Geometry(film, preprocessing.size, (left, top, right, bottom))


def pad_to_square(array: Film) -> Film:
    """Centre an image (H, W) in a black square of its longer side."""
    height, width = array.shape
    if height == width:
        return array
    return _windowed(array, _padding(width, height))


def _steps(width: int, height: int, preprocessing: Preprocessing) -> _Steps:
    if preprocessing.order == "at_once":
        return _at_once(width, height, preprocessing)
    if preprocessing.order == "resize_first":
        wide, high = _scaled_size(width, height, preprocessing)
        steps: _Steps = (
            _whole(width, height, wide, high, preprocessing),
            *_squared(wide, high, preprocessing),
        )
    else:
        side = preprocessing.side
        steps = _squared(width, height, preprocessing)
        wide, high = (steps[-1].width, steps[-1].height) if steps else (width, height)
        steps = (*steps, _whole(wide, high, side, side, preprocessing))
    return (*steps, *_last(preprocessing))


def _at_once(width: int, height: int, preprocessing: Preprocessing) -> _Steps:
    steps: _Steps = ()
    if preprocessing.fit == "pad" and width != height:
        steps = (_padding(width, height),)
        width = height = max(width, height)
    kept = preprocessing.size / preprocessing.side
    wide, high = width * kept, height * kept
    if preprocessing.fit == "crop":
        wide = high = min(width, height) * kept
    left, top = (width - wide) / 2, (height - high) / 2
    box = (left, top, left + wide, top + high)
    return (*steps, _Scaling(preprocessing.size, preprocessing.size, preprocessing, box))


def _whole(width: int, height: int, wide: int, high: int, how: Resampling) -> _Scaling:
    return _Scaling(wide, high, how, (0.0, 0.0, float(width), float(height)))


def _scaled_size(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """(width, height) of the whole image after scaling; the other side is rounded down, as in torchvision and
    transformers."""
    side = preprocessing.side
    if preprocessing.fit == "squash":
        return side, side
    own = min(width, height) if preprocessing.fit == "crop" else max(width, height)
    other = max(1, int(side * (width + height - own) / own))
    return (side, other) if width == own else (other, side)


def _squared(width: int, height: int, preprocessing: Preprocessing) -> _Steps:
    """The step that makes an image square if it is not."""
    if width == height or preprocessing.fit == "squash":
        return ()
    if preprocessing.fit == "pad":
        return (_padding(width, height),)
    side = min(width, height)
    return (_middle(width, height, side, preprocessing),)


def _last(preprocessing: Preprocessing) -> _Steps:
    """The step from the square of `side` pixels to the input."""
    side, size = preprocessing.side, preprocessing.size
    if preprocessing.second is not None:
        return (_whole(side, side, size, size, preprocessing.second),)
    return () if side == size else (_middle(side, side, size, preprocessing),)


def _middle(width: int, height: int, side: int, preprocessing: Preprocessing) -> _Window:
    begins = _BEGINS[preprocessing.odd_margin]
    return _Window(begins(width, side), begins(height, side), side, side)


def _padding(width: int, height: int) -> _Window:
    side = max(width, height)
    return _Window(-((side - width) // 2), -((side - height) // 2), side, side)


def _windowed(film: Pixels, window: _Window) -> Pixels:
    height, width = film.shape
    left, top = max(window.left, 0), max(window.top, 0)
    right, bottom = min(window.left + window.width, width), min(window.top + window.height, height)
    inside = film[top:bottom, left:right]
    if inside.shape == (window.height, window.width):
        return inside
    square = np.zeros((window.height, window.width), dtype=film.dtype)
    y, x = top - window.top, left - window.left
    square[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return square


def stretched(film: Film) -> Film:
    """`film` with its darkest value at 0 and its brightest at 255."""
    low = int(film.min())
    spread = (film.astype(np.float64) - low) / max(1, int(film.max()) - low) * 255
    stretched: NDArray[np.uint8] = spread.astype(np.uint8)  # rounds down, as the published code does
    return stretched


def zero_of(preprocessing: Preprocessing) -> float:
    """The grey value that is 0 in `value_range`, which may lie outside 0 to 255."""
    black, white = preprocessing.value_range
    return -black / (white - black) * 255

"""Reduces a grey image to exact means over areas, compiled, in whole numbers: the same bytes everywhere.

Three times as fast as Pillow's closest filter (Hamming, 53 dB from the exact mean on films of 1272 pixels
reduced to 512), which was a sixth of the time that preparing a film took.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

_WHOLE = 1 << 14
"""The sum of the weights of one output pixel along one axis."""

_KEPT = 8
"""Bits of fraction that a row keeps between the two passes; the mean is exact to a tenth of a grey value."""

_WORDS = (types.uint8, types.uint16)
_TABLE = types.Array(types.uint8, 1, "C", readonly=True)
_FILMS = [types.Array(word, 2, "C", readonly=True) for word in _WORDS]
_RAMP = types.Tuple((types.float64, types.float64, types.int64))  # type: ignore[no-untyped-call]
_NO_TABLE = np.zeros(0, np.uint8)


class Ramp(NamedTuple):
    """Grey values in a straight line: `(word & mask) * slope + offset`, cut at 0 and 255, for every word."""

    slope: float
    offset: float
    mask: int


_NO_RAMP = Ramp(0.0, 0.0, 0)


@njit(cache=True)
def _weights(length, wanted):  # type: ignore[no-untyped-def]
    """For every output pixel along an axis: its first input pixel, and the share of each from there on."""
    scale = length / wanted
    taps = min(length, int(np.ceil(scale)) + 1)
    first = np.zeros(wanted, np.int64)
    weights = np.zeros((wanted, taps), np.int32)
    for place in range(wanted):
        low, high = place * scale, (place + 1) * scale
        first[place] = min(int(low), length - taps)
        rest = _WHOLE
        for tap in range(taps):
            pixel = first[place] + tap
            covered = max(0.0, min(high, pixel + 1.0) - max(low, float(pixel)))
            weights[place, tap] = int(np.rint(covered / scale * _WHOLE))
            rest -= weights[place, tap]
        weights[place, int((low + high) / 2) - first[place]] += rest
    return first, weights


@njit(cache=True)
def _look_up(film, source, table, ramp, line):  # type: ignore[no-untyped-def]
    slope, offset, mask = ramp
    if mask:
        low, high, word_mask = np.float32(0.5), np.float32(255.5), np.uint16(mask)
        for x in range(len(line)):
            value = np.float32(film[source, x] & word_mask) * np.float32(slope) + np.float32(offset)
            line[x] = np.uint8(min(max(value, low), high))
    elif len(table):
        for x in range(len(line)):
            line[x] = table[film[source, x]]
    else:
        for x in range(len(line)):
            line[x] = film[source, x]


@njit(cache=True)
def _average_rows(film, table, ramp, first, weights, row, line, held):  # type: ignore[no-untyped-def]
    """Sums weighted rows into `row`; `line` holds the grey values of row `held`, the one that is returned.

    The last row of one area is the first of the next: it is looked up once.
    """
    row[:] = 1 << (13 - _KEPT)
    for tap in range(len(weights)):
        share = weights[tap]
        if share == 0:
            continue
        if first + tap != held:
            held = first + tap
            _look_up(film, held, table, ramp, line)
        for x in range(len(row)):
            row[x] += share * line[x]
    for x in range(len(row)):
        row[x] >>= 14 - _KEPT
    return held


@njit(
    [types.uint8[:, ::1](film, _TABLE, _RAMP, types.int64, types.int64) for film in _FILMS],
    cache=True,
)
def _reduced(film, table, ramp, height, width):  # type: ignore[no-untyped-def]
    top, down = _weights(film.shape[0], height)
    left, across = _weights(film.shape[1], width)
    out = np.empty((height, width), np.uint8)
    row = np.empty(film.shape[1], np.int32)
    line, held = np.empty(film.shape[1], np.uint8), -1
    for y in range(height):
        held = _average_rows(film, table, ramp, top[y], down[y], row, line, held)
        for x in range(width):
            total = 1 << (13 + _KEPT)
            for tap in range(across.shape[1]):
                total += row[left[x] + tap] * across[x, tap]
            out[y, x] = total >> (14 + _KEPT)
    return out


@njit([types.boolean[::1](film) for film in _FILMS], cache=True)
def _occurring(film):  # type: ignore[no-untyped-def]
    occurs = np.zeros(1 << (8 * film.itemsize), np.bool_)
    for y in range(film.shape[0]):
        for x in range(film.shape[1]):
            occurs[film[y, x]] = True
    return occurs


def occurring(film: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.bool_]:
    """For every word of the type of `film` (H, W), whether it occurs."""
    occurs: NDArray[np.bool_] = _occurring(np.ascontiguousarray(film))
    return occurs


@njit([types.boolean(_TABLE, _RAMP)], cache=True)
def _fits(table, ramp):  # type: ignore[no-untyped-def]
    words = np.arange(len(table)).astype(np.uint16).reshape(1, len(table))
    line = np.empty(len(table), np.uint8)
    _look_up(words, 0, table, ramp, line)
    return (line == table).all()


def area_mean(
    film: NDArray[np.uint8] | NDArray[np.uint16],
    height: int,
    width: int,
    table: NDArray[np.uint8] | None = None,
    ramp: Ramp | None = None,
) -> NDArray[np.uint8]:
    """`film` (H, W) reduced to (height, width), neither larger than it was; grey values 0 to 255.

    With `table` the film holds words of which each stands for the grey value `table[word]`; the table has an
    entry for every word (256 or 65,536). Where `ramp` gives the same as the table for every word of 16 bits,
    it is computed instead of looked up: processors do that for many pixels at once.
    """
    grey = _NO_TABLE if table is None else np.ascontiguousarray(table)
    line = ramp if ramp is not None and film.dtype == np.uint16 and _fits(grey, tuple(ramp)) else _NO_RAMP
    reduced: NDArray[np.uint8] = _reduced(np.ascontiguousarray(film), grey, tuple(line), height, width)
    return reduced

"""Reduces a grey image to exact means over areas, compiled, in whole numbers: the same bytes everywhere.

Six times as fast as Pillow's closest filter (Hamming, 53 dB from the exact mean on films of 1272 pixels
reduced to 512), which was a sixth of the time that preparing a film took.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from plainfilm.compiled import njit

_WHOLE = 1 << 14
"""The sum of the weights of one output pixel along one axis."""

_KEPT = 8
"""Bits of fraction that a row keeps between the two passes; the mean is exact to a tenth of a grey value."""

_LANES = 8
"""Weights along a row come in multiples of this many, the last of them 0."""

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


@njit
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


# Where both sides of a product are cut to 32 bits, processors do sixteen at once; numba computes in 64.


@njit
def _add_row(words, table, ramp, share, row):  # type: ignore[no-untyped-def]
    """Adds the grey values of one row of the film, each `share` times, to `row`."""
    if ramp[2]:
        slope, offset, mask = np.float32(ramp[0]), np.float32(ramp[1]), np.uint16(ramp[2])
        low, high = np.float32(0.5), np.float32(255.5)
        for x in range(len(words)):
            value = np.float32(np.int32(words[x] & mask)) * slope + offset
            row[x] = np.int32(row[x] + np.int32(share * np.int32(min(max(value, low), high))))
    elif len(table):
        for x in range(len(words)):
            row[x] = np.int32(row[x] + np.int32(share * np.int32(table[words[x]])))
    else:
        for x in range(len(words)):
            row[x] = np.int32(row[x] + np.int32(share * np.int32(words[x])))


@njit
def _average_rows(film, table, ramp, first, weights, row):  # type: ignore[no-untyped-def]
    """Weighted rows of the film, summed into `row`, which is longer by `_LANES`."""
    row[:] = 1 << (13 - _KEPT)
    for tap in range(len(weights)):
        if weights[tap]:
            _add_row(film[first + tap], table, ramp, weights[tap], row)
    for x in range(len(row)):
        row[x] >>= 14 - _KEPT


@njit
def _average_columns(row, left, across, out):  # type: ignore[no-untyped-def]
    """Weighted pixels of `row`, summed for every pixel of `out`."""
    for x in range(len(out)):
        weights = across[x]
        pixels = row[left[x] : left[x] + len(weights)]
        total = np.int32(1 << (13 + _KEPT))
        for tap in range(len(weights)):
            total = np.int32(total + np.int32(pixels[tap] * weights[tap]))
        out[x] = total >> (14 + _KEPT)


@njit(
    [types.uint8[:, ::1](film, _TABLE, _RAMP, types.int64, types.int64) for film in _FILMS],
)
def _reduced(film, table, ramp, height, width):  # type: ignore[no-untyped-def]
    top, down = _weights(film.shape[0], height)
    left, some = _weights(film.shape[1], width)
    taps = some.shape[1]
    across = np.zeros((width, (taps + _LANES - 1) // _LANES * _LANES), np.int32)
    across[:, :taps] = some
    out = np.empty((height, width), np.uint8)
    row = np.empty(film.shape[1] + _LANES, np.int32)
    for y in range(height):
        _average_rows(film, table, ramp, top[y], down[y], row)
        _average_columns(row, left, across, out[y])
    return out


@njit([types.boolean[::1](film) for film in _FILMS])
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


@njit([types.boolean(_TABLE, _RAMP)])
def _fits(table, ramp):  # type: ignore[no-untyped-def]
    words = np.arange(len(table)).astype(np.uint16)
    line = np.zeros(len(table), np.int32)
    _add_row(words, table, ramp, np.int32(1), line)
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

"""The kernels of `area_resize`, compiled. Importing this takes two seconds; see `compiled.pays_off`."""

from __future__ import annotations

import numpy as np
from numba import types

from plainfilm.compiled import njit
from plainfilm.io.area_resize import KEPT

_LANES = 8
"""Weights along a row come in multiples of this many, the last of them 0."""

_TABLE = types.Array(types.uint8, 1, "C", readonly=True)
_FILMS = [types.Array(word, 2, "C", readonly=True) for word in (types.uint8, types.uint16)]
_RAMP = types.Tuple((types.float64, types.float64, types.int64))  # type: ignore[no-untyped-call]
_FIRST, _WEIGHTS = types.int64[::1], types.int32[:, ::1]


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
    row[:] = 1 << (13 - KEPT)
    for tap in range(len(weights)):
        if weights[tap]:
            _add_row(film[first + tap], table, ramp, weights[tap], row)
    for x in range(len(row)):
        row[x] >>= 14 - KEPT


@njit
def _average_columns(row, left, across, out):  # type: ignore[no-untyped-def]
    """Weighted pixels of `row`, summed for every pixel of `out`."""
    for x in range(len(out)):
        weights = across[x]
        pixels = row[left[x] : left[x] + len(weights)]
        total = np.int32(1 << (13 + KEPT))
        for tap in range(len(weights)):
            total = np.int32(total + np.int32(pixels[tap] * weights[tap]))
        out[x] = total >> (14 + KEPT)


@njit(
    [types.uint8[:, ::1](film, _TABLE, _RAMP, _FIRST, _WEIGHTS, _FIRST, _WEIGHTS) for film in _FILMS],
)
def reduced(film, table, ramp, top, down, left, some):  # type: ignore[no-untyped-def]
    """`film` (H, W) reduced to (h, w): see `area_resize.area_mean`; with the first pixel (h,) and weights
    (h, taps) of its rows, and those of its columns."""
    height, width, taps = len(top), len(left), some.shape[1]
    across = np.zeros((width, (taps + _LANES - 1) // _LANES * _LANES), np.int32)
    across[:, :taps] = some
    out = np.empty((height, width), np.uint8)
    row = np.empty(film.shape[1] + _LANES, np.int32)
    for y in range(height):
        _average_rows(film, table, ramp, top[y], down[y], row)
        _average_columns(row, left, across, out[y])
    return out


@njit([types.boolean[::1](film) for film in _FILMS])
def occurring(film):  # type: ignore[no-untyped-def]
    """For every word of the type of `film` (H, W), whether it occurs."""
    occurs = np.zeros(1 << (8 * film.itemsize), np.bool_)
    for y in range(film.shape[0]):
        for x in range(film.shape[1]):
            occurs[film[y, x]] = True
    return occurs


@njit([types.boolean(_TABLE, _RAMP)])
def fits(table, ramp):  # type: ignore[no-untyped-def]
    """Whether `ramp` gives the same as the table for every word of 16 bits."""
    words = np.arange(len(table)).astype(np.uint16)
    line = np.zeros(len(table), np.int32)
    _add_row(words, table, ramp, np.int32(1), line)
    return (line == table).all()

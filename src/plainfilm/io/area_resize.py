"""Reduces a grey image to exact means over areas, in whole numbers: the same bytes everywhere.

Compiled, it is six times as fast as Pillow's closest filter (Hamming, 53 dB from the exact mean on films of
1272 pixels reduced to 512), which was a sixth of the time that preparing a film took. NumPy reduces the first
films of a process, to the same bytes: the compiler takes two seconds to import.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plainfilm.compiled import pays_off

_WHOLE = 1 << 14
"""The sum of the weights of one output pixel along one axis."""

KEPT = 8
"""Bits of fraction that a row keeps between the two passes; the mean is exact to a tenth of a grey value."""

_NO_TABLE = np.zeros(0, np.uint8)

Words = NDArray[np.uint8] | NDArray[np.uint16]


class Ramp(NamedTuple):
    """Grey values in a straight line: `(word & mask) * slope + offset`, cut at 0 and 255, for every word."""

    slope: float
    offset: float
    mask: int


_NO_RAMP = Ramp(0.0, 0.0, 0)


def _weights(length: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """For every output pixel along an axis: its first input pixel (wanted,), and the share of each from there
    on (wanted, taps)."""
    scale = length / wanted
    taps = min(length, int(np.ceil(scale)) + 1)
    places = np.arange(wanted)
    low, high = places * scale, (places + 1) * scale
    first = np.minimum(low.astype(np.int64), length - taps)
    pixels = first[:, None] + np.arange(taps)
    covered = np.minimum(high[:, None], pixels + 1.0) - np.maximum(low[:, None], pixels)
    weights = np.rint(np.maximum(covered, 0.0) / scale * _WHOLE).astype(np.int32)
    weights[places, ((low + high) / 2).astype(np.int64) - first] += _WHOLE - weights.sum(
        axis=1, dtype=np.int32
    )
    return first, weights


def occurring(film: Words) -> NDArray[np.bool_]:
    """For every word of the type of `film` (H, W), whether it occurs."""
    if pays_off():
        from plainfilm.io import area_kernels

        occurs: NDArray[np.bool_] = area_kernels.occurring(np.ascontiguousarray(film))
        return occurs
    occurs = np.zeros(1 << (8 * film.itemsize), np.bool_)
    occurs[film] = True
    return occurs


def area_mean(
    film: Words,
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
    axes = (*_weights(film.shape[0], height), *_weights(film.shape[1], width))
    if not pays_off():
        return _by_numpy(film if table is None else table[film], *axes)
    from plainfilm.io import area_kernels

    grey = _NO_TABLE if table is None else np.ascontiguousarray(table)
    is_line = ramp is not None and film.dtype == np.uint16 and area_kernels.fits(grey, tuple(ramp))
    line = ramp if ramp is not None and is_line else _NO_RAMP
    reduced: NDArray[np.uint8] = area_kernels.reduced(np.ascontiguousarray(film), grey, tuple(line), *axes)
    return reduced


def _by_numpy(
    film: Words,
    top: NDArray[np.int64],
    down: NDArray[np.int32],
    left: NDArray[np.int64],
    across: NDArray[np.int32],
) -> NDArray[np.uint8]:
    rows = np.full((len(top), film.shape[1]), 1 << (13 - KEPT), np.int32)
    for tap, share in enumerate(down.T):
        rows += share[:, None] * film[top + tap].astype(np.int32)
    rows >>= 14 - KEPT
    out = np.full((len(top), len(left)), 1 << (13 + KEPT), np.int32)
    for tap, share in enumerate(across.T):
        out += rows[:, left + tap] * share
    return (out >> (14 + KEPT)).astype(np.uint8)

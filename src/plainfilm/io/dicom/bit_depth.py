"""Whether the bits and the sign that a header states can be true, by how smooth the film is with them.

A value that is cut to fewer bits than it has, or taken for signed when it is not, jumps over half its range
where the film itself goes on smoothly. Neighbouring pixels of a film do that at sharp edges only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.dicom.header import number

Words = NDArray[Any]
"""uint8 or uint16."""

_ROWS = 16
"""So many rows and those below them are looked at: a wrong reading shows everywhere, and it costs nothing."""
_JUMPS, _SHARE = 8, 0.001
"""A reading is doubted that has so many jumps, over so large a share of neighbours."""
_MENDED, _CARRIED, _SMOOTHER = 8.0, 0.05, 2.0
"""Another one is believed that mends so many times the jumps it makes. Where it has more bits, edges of the
film are jumps too, and this share is enough: of the edges of an overlay in the upper bits it mends none. Or
its neighbours must be so many times more alike, against all its values."""
_SHADES = 8
"""The upper half of the range must hold so many values: padding and lettering are a value or two."""
_WRAPPED, _SMALLEST = 0.03, 64
"""Where no reading is better, a film of so many pixels a side with a larger share of jumps is flagged. Of 432
real films of 8 bits one has 0.020, where a row lies on a frame around it, and 429 have less than 0.006."""


class Reading(NamedTuple):
    """How words are read: their lowest `bits`, as two's complement where `signed`, bytes `swapped` or not."""

    bits: int
    signed: bool
    swapped: bool = False


def is_doubtful(words: Words, stated: Reading) -> bool:
    """Whether a film (H, W) read as `stated` has more jumps than sharp edges make; quick, for every film."""
    sample = _sample(words)
    # In the upper bits of 16, of which the last is given up, no difference of two values overflows.
    high = sample.astype(np.uint16, copy=False) << np.uint16(16 - stated.bits)
    values = high.view(np.int16) >> 1 if stated.signed else (high >> 1).view(np.int16)
    half = np.int16(1 << 14)
    seen = 0
    for steps in (values[0, :, 1:] - values[0, :, :-1], values[1] - values[0]):
        steps += half
        seen += int(np.count_nonzero(steps.view(np.uint16) > 1 << 15))  # below -half, it wraps to the top
    return seen > max(_JUMPS, _SHARE * sample.size)


def _sample(words: Words) -> Words:
    """(2, N, W): some rows, and those below them."""
    step = max(1, (len(words) - 1) // _ROWS)
    return np.stack([words[:-1:step][:_ROWS], words[1::step][:_ROWS]])


def believed(
    words: Words, stated: Reading, others: tuple[Reading, ...], padding: float | None = None
) -> tuple[Reading, tuple[str, ...]]:
    """`stated`, or the first of `others` with which the film is far smoother, and a flag that says so.

    `padding` is the PixelPaddingValue, whose edges do not count.
    """
    sample = _sample(words)
    half = 1 << (stated.bits - 1)
    jumps = _jumps(sample, stated, half, padding)
    seen = int(jumps.sum())
    if _is_shaded(sample, stated):
        for other in others:
            left = _jumps(sample, other, half, padding)
            mended, made = int((jumps & ~left).sum()), int((left & ~jumps).sum())
            if mended < _JUMPS:
                continue
            needed = _CARRIED if other.bits > stated.bits else _MENDED
            is_better = mended >= needed * made and mended > seen / 2
            if is_better or _roughness(sample, other) * _SMOOTHER < _roughness(sample, stated):
                return other, (_difference(stated, other),)
    if seen > _WRAPPED * sample.size and min(words.shape) >= _SMALLEST:
        return stated, (f"its values jump as if they were cut to {stated.bits} bits; look at the film",)
    return stated, ()


def _jumps(sample: Words, reading: Reading, half: int, padding: float | None) -> NDArray[np.bool_]:
    """Where neighbours in rows (2, N, W), the second N below the first, differ by more than `half`."""
    values = read(sample, reading).astype(np.int32)
    is_film = np.ones(values.shape, np.bool_)
    if padding is not None:
        is_film = (values ^ (int(padding) & 0xFFFF)) & ((1 << reading.bits) - 1) != 0
    beside = (np.abs(np.diff(values[0])) > half) & is_film[0, :, 1:] & is_film[0, :, :-1]
    below = (np.abs(values[1] - values[0]) > half) & is_film.all(axis=0)
    return np.concatenate([beside.ravel(), below.ravel()])


def _roughness(sample: Words, reading: Reading) -> float:
    """How much neighbours differ, as a share of how much all values do; 1.3 for noise."""
    values = read(sample, reading)
    spread = float(np.abs(values - np.median(values)).mean())
    return float(np.abs(values[1] - values[0]).mean()) / spread if spread else 0.0


def _is_shaded(sample: Words, stated: Reading) -> bool:
    low = read(sample, Reading(stated.bits, signed=False, swapped=stated.swapped))
    upper = low[low >= (1 << (stated.bits - 1))]
    return upper.size > 0 and bool(np.count_nonzero(np.bincount(upper)) >= _SHADES)


def read(words: Words, reading: Reading) -> NDArray[np.int64]:
    """The values of words."""
    low = (words.byteswap() if reading.swapped else words).astype(np.int64) & ((1 << reading.bits) - 1)
    return np.where(low >> (reading.bits - 1), low - (1 << reading.bits), low) if reading.signed else low


def _difference(stated: Reading, found: Reading) -> str:
    if found.swapped:
        return "its bytes are in the other order than its header says"
    if found.signed != stated.signed:
        said, true = ("signed", "unsigned") if stated.signed else ("unsigned", "signed")
        return f"its header says {said} values, its pixels are {true}"
    return f"its header says {stated.bits} bits stored, its pixels have more"


def aligned(dataset: object, words: Words, stored: int) -> Words:
    """Words with their values in the lowest bits, where HighBit says that they lie higher (before 2008).

    HighBit is not believed where the bits above the values are unused and those below them are not.
    """
    high, allocated = number(dataset, "HighBit"), 8 * words.itemsize
    if high is None or not stored - 1 < high < allocated:
        return words
    shift = int(high) + 1 - stored
    used = int(np.bitwise_or.reduce(words[:: max(1, len(words) // _ROWS)], axis=None))
    if used >> stored == 0 and used & ((1 << shift) - 1):
        return words
    return words >> np.array(shift, words.dtype)

"""The stored values of a film: words, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.dicom.bit_depth import Reading, Words, believed, is_doubtful
from plainfilm.io.dicom.header import number

_MOST = 65535
"""The largest word."""


@dataclass(frozen=True)
class StoredValues:
    """`words` (H, W) uint8 or uint16 as they lie in the file; the low `bits` of each are a grey value.

    With `signed` they are two's complement of that many bits. `lossy` values are near what they were. Where
    values need more than 16 bits, or are no whole numbers, a word stands for `first + step * word`.
    """

    words: Words
    bits: int
    signed: bool
    lossy: bool
    first: float = 0.0
    step: float = 1.0

    def values(self) -> NDArray[Any]:
        """The grey value of each of the 2 ** `bits` low parts of a word, by that part."""
        low = np.arange(1 << self.bits, dtype=np.int64)
        if self.signed:
            return np.where(low >> (self.bits - 1), low - (1 << self.bits), low)
        return low if self.are_words else self.first + self.step * low

    @property
    def are_words(self) -> bool:
        """True where a word is its value, and does not stand for another number."""
        return self.step == 1.0 and self.first == 0.0


def read_words(
    dataset: Any, words: Words, stated: Reading, lossy: bool, width: int = 0
) -> tuple[StoredValues, tuple[str, ...]]:
    """Words (H, W) as `stated`, unless the film is far smoother otherwise, which a flag says.

    More bits are thought of up to the whole word, and first the `width` that a picture states; never those
    that an overlay lies in (PS3.5 8.1.2, retired).
    """
    if not is_doubtful(words, stated):
        return StoredValues(words, stated.bits, stated.signed, lossy), ()
    whole = 8 * words.itemsize
    limit = min([whole, *(place for place in _overlays(dataset) if place >= stated.bits)])
    widths = [stated.bits, *(bits for bits in (width, whole) if stated.bits < bits <= limit)]
    readings = [Reading(bits, signed) for bits in widths for signed in (stated.signed, not stated.signed)]
    swapped = [stated._replace(swapped=True)] if whole == 16 else []
    padding = number(dataset, "PixelPaddingValue")
    reading, flags = believed(words, stated, (*readings[1:], *swapped), padding)
    words = words.byteswap() if reading.swapped else words
    return StoredValues(words, reading.bits, reading.signed, lossy), flags


def _overlays(dataset: Any) -> list[int]:
    """The bits of a word that overlays lie in (OverlayBitPosition)."""
    elements = [dataset.get((group, 0x0102)) for group in range(0x6000, 0x6020, 2)]
    return [int(element.value) for element in elements if element is not None and element.value]


def quantised(values: NDArray[Any], padding: float | None = None) -> StoredValues:
    """Values (H, W) of 32 bits, or of floating point, as words of 16 bits; those not finite are the smallest.

    `padding` is a value that does not count, and becomes the smallest too.
    """
    counted = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, np.bool_)
    if padding is not None:
        counted &= values != values.dtype.type(padding)
    seen = values[counted].astype(np.float64)
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    is_whole = values.dtype.kind != "f" and high - low <= _MOST
    step = 1.0 if is_whole or high == low else (high - low) / _MOST
    words = np.zeros(values.shape, np.uint16)
    words[counted] = np.rint((seen - low) / step)
    return StoredValues(words, 16, signed=False, lossy=False, first=low, step=step)

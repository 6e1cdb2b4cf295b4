"""From stored values to grey: the pipeline of DICOM PS3.3 as one table of what each stored word looks like.

Modality LUT or rescale (C.11.1), then VOI LUT or window (C.11.2) over its whole range, then the polarity
(C.7.6.3.1.2 and C.11.6), then padding (C.7.5.1.1.2). A table has at most 65,536 entries, so it costs nothing
beside a film of eight million pixels and can be exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.area_resize import occurring
from plainfilm.io.dicom.header import code, element, frame_values, items, number, numbers
from plainfilm.io.dicom.lookup_table import LookupTable, lookup_table
from plainfilm.io.dicom.pixel_header import photometric_of
from plainfilm.io.dicom.values import StoredValues

Values = NDArray[np.float64]
Flags = tuple[str, ...]

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")

_NEAR_PADDING = 0.01
"""Lossy compression moves padding by less than this share of the range of stored values."""


@dataclass(frozen=True)
class Grey:
    """`table[word]` is the grey value, 0 black to 255 white, bones bright, of each stored word.

    `ramp` is the straight line (`area_resize.Ramp`) that the table may be where nothing bends it. `flags` say
    what a person should look at.
    """

    table: NDArray[np.uint8]
    ramp: tuple[float, float, int] | None
    flags: Flags


def grey_table(dataset: Any, stored: StoredValues, *, use_window: bool = True) -> Grey:
    """The table of a film of photometric interpretation MONOCHROME1 or MONOCHROME2.

    Without VOI LUT and window, and without `use_window`, values run from the smallest that occurs (padding
    apart) to the largest; those of 8 bits or fewer are grey values already.
    """
    padding = padding_words(dataset, stored)
    values = modality(dataset, stored.values())
    shown, odd = _voi(dataset, values) if use_window else (None, ())
    if shown is None:
        shown = _whole_range(stored, values, padding, use_window and _is_plain(dataset, stored))
    inverted, flags = polarity(dataset)
    flags += odd
    grey = 255.0 - 255.0 * shown if inverted else 255.0 * shown
    table = np.tile(np.rint(np.clip(grey, 0.0, 255.0)).astype(np.uint8), _words(stored) // len(grey))
    if padding is None:
        slope = float(grey[-1] - grey[0]) / (len(grey) - 1)
        return Grey(table, (slope, float(grey[0]) + 0.5, len(grey) - 1), flags)
    table[padding] = 0
    return Grey(table, None, flags)


def _words(stored: StoredValues) -> int:
    """How many different words there can be."""
    return 1 << (8 * stored.words.itemsize)


def modality(dataset: Any, words: NDArray[Any]) -> Values:
    """Stored values through the modality LUT, or rescaled."""
    for item in items(dataset, "ModalityLUTSequence"):
        table = _table(item, dataset)
        if table is not None:
            return table(words).astype(np.float64)
    rescale = frame_values(dataset, "PixelValueTransformationSequence", "RescaleSlope")
    slope, intercept = number(rescale, "RescaleSlope"), number(rescale, "RescaleIntercept")
    return np.asarray(words * (slope or 1.0) + (intercept or 0.0), np.float64)


def _table(item: Any, dataset: Any) -> LookupTable | None:
    return lookup_table(element(item, "LUTDescriptor"), element(item, "LUTData"), dataset)


def _voi(dataset: Any, values: Values) -> tuple[Values | None, Flags]:
    """Values through the first VOI LUT or else window, on a scale of 0 to 1; `None` without either."""
    for item in items(dataset, "VOILUTSequence"):
        table = _table(item, dataset)
        if table is not None:
            return table(values) / ((1 << table.bits) - 1), ()
    stated = frame_values(dataset, "FrameVOILUTSequence", "WindowCenter")
    function = code(stated, "VOILUTFunction") or "LINEAR"
    flags = () if function in FUNCTIONS else ("its VOI LUT function is not known; LINEAR is taken",)
    for centre, width in zip(numbers(stated, "WindowCenter"), numbers(stated, "WindowWidth"), strict=False):
        shown = window(values, centre, width, function)
        if shown is not None:
            return shown, flags
    return None, ()


def window(values: Values, centre: float, width: float, function: str = "LINEAR") -> Values | None:
    """`values` through a window to 0 (black) to 1 (white), PS3.3 C.11.2.1.2.1 to C.11.2.1.3.2.

    `function` is LINEAR, LINEAR_EXACT or SIGMOID, and LINEAR where it is anything else, as the standard has
    it for its absence. `None` for a width that the function does not allow.
    """
    if width <= 0 or (width < 1 and function not in ("LINEAR_EXACT", "SIGMOID")):
        return None
    if function == "SIGMOID":
        steps: Values = 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700.0, 700.0)))
        return steps
    if function != "LINEAR_EXACT":
        centre, width = centre - 0.5, width - 1.0
    if width == 0:
        return (values > centre).astype(np.float64)
    return (values - centre) / width + 0.5


def _whole_range(
    stored: StoredValues, values: Values, padding: NDArray[np.bool_] | None, is_grey: bool
) -> Values:
    if is_grey:
        return values / ((1 << stored.bits) - 1)
    occurs = occurring(stored.words)
    if padding is not None:
        occurs &= ~padding
    seen = values[occurs.reshape(-1, len(values)).any(axis=0)]
    low, high = (seen.min(), seen.max()) if len(seen) else (0.0, 0.0)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _is_plain(dataset: Any, stored: StoredValues) -> bool:
    rescaled = number(dataset, "RescaleSlope") not in (None, 1.0) or number(dataset, "RescaleIntercept")
    return stored.bits <= 8 and not stored.signed and not rescaled and "ModalityLUTSequence" not in dataset


def padding_words(dataset: Any, stored: StoredValues) -> NDArray[np.bool_] | None:
    """Which of all words are padding, one value or a range of them; nearly those after lossy coding."""
    first = number(dataset, "PixelPaddingValue")
    if first is None or not stored.are_words:
        return None
    limit = number(dataset, "PixelPaddingRangeLimit")
    ends = [int(first), int(first if limit is None else limit)]
    near = int(_NEAR_PADDING * (1 << stored.bits)) if stored.lossy else 0
    whole = np.arange(_words(stored))
    values = np.tile(stored.values(), len(whole) >> stored.bits)
    if stored.signed:
        whole = np.where(whole >= len(whole) // 2, whole - len(whole), whole)
    # A padding value may need more bits than are stored: then the word itself is compared.
    return _between(values, ends, near) | _between(whole, ends, near)


def _between(values: NDArray[np.int64], ends: list[int], near: int) -> NDArray[np.bool_]:
    """Which values lie between two padding values, whose sign is wrong where it is not that of the pixels.

    They have 16 bits, or as many as words have: such a value is taken modulo 65,536, or modulo that.
    """
    low, high = int(values.min()), int(values.max())

    def possible(end: int) -> int:
        others = [end + turn for turn in (65536, -65536, high - low + 1, low - high - 1)]
        return next((value for value in (end, *others) if low <= value <= high), end)

    first, last = sorted(map(possible, ends))
    return (values >= first - near) & (values <= last + near)


def polarity(dataset: Any) -> tuple[bool, Flags]:
    """Whether the smallest value is white, and a flag where the header says both.

    MONOCHROME1 means so, and a PresentationLUTShape of INVERSE says it again (DX image module, C.8.11.3.1.2);
    the two together are one inversion, not two.
    """
    photometric, shape = photometric_of(dataset), code(dataset, "PresentationLUTShape")
    inverted = photometric == "MONOCHROME1" or shape == "INVERSE"
    if (photometric, shape) in (("MONOCHROME2", "INVERSE"), ("MONOCHROME1", "IDENTITY")):
        return inverted, (f"polarity is stated both ways ({photometric}, {shape})",)
    return inverted, ()

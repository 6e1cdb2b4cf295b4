"""From stored values to brightness, the order that window and level work on.

Modality LUT or rescale, then the polarity; what the window of the file shows of it is kept as a line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from plainfilm.io.dicom.grey import grey_table, modality, padding_words, polarity
from plainfilm.io.dicom.values import StoredValues
from plainfilm.io.film_values import FilmValues, closest_line


def brightness(dataset: Any, stored: StoredValues) -> FilmValues:
    """The values of a film of photometric interpretation MONOCHROME1 or MONOCHROME2.

    Padding is 0. Values that the header rescales to something else than whole numbers keep their number.
    """
    values = modality(dataset, stored.values())
    is_inverted, _ = polarity(dataset)
    rising = values.max() - values if is_inverted else values - values.min()
    top, extent = float((1 << stored.bits) - 1), float(np.ptp(rising))
    table = np.rint(rising * (top / extent if extent else 0.0)).astype(np.uint16)
    grey = grey_table(dataset, stored).table
    padding = padding_words(dataset, stored)
    whole = np.tile(table, len(grey) // len(table))
    shown = np.ones(len(whole), np.bool_) if padding is None else ~padding
    low, high = closest_line(whole[shown], grey[shown])
    if padding is not None:
        whole[padding] = 0
    return FilmValues(whole[stored.words], stored.bits, low, high)

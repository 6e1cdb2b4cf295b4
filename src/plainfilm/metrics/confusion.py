"""Scores of the choice of one class of several, from sums over items: Matthews correlation coefficient.

Of C classes (Gorodkin 2004): with s items, c of them right, t_k of class k and p_k said to be, it is
(c s - sum t_k p_k) / sqrt((s^2 - sum p_k^2) (s^2 - sum t_k^2)); 0 where one class is said of all items, as in
scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plainfilm.metrics.coded import Pairs

Floats = NDArray[np.float64]

RIGHT = "right"


def confusion_statistics(truth: ArrayLike, said: ArrayLike, classes: Sequence[str]) -> dict[str, Pairs]:
    """Statistics (N, 2) of N choices, places in `classes`: `right`, and `class/NAME`: whether an item is of
    the class, and whether it is said to be."""
    true, chosen = np.asarray(truth), np.asarray(said)
    right = np.stack([true == chosen, np.ones(len(true))], axis=-1).astype(np.float64)
    each = {
        f"class/{name}": np.stack([true == place, chosen == place], axis=-1).astype(np.float64)
        for place, name in enumerate(classes)
    }
    return {RIGHT: right, **each}


def matthews(sums: Floats) -> Floats:
    """(...) from sums (..., 1 + C, 2) of `confusion_statistics`; NaN without items or with one true class."""
    right, items = sums[..., 0, 0], sums[..., 0, 1]
    true, said = sums[..., 1:, 0], sums[..., 1:, 1]
    above = right * items - (true * said).sum(axis=-1)
    spread = [items**2 - (counts**2).sum(axis=-1) for counts in (true, said)]
    below = np.sqrt(np.maximum(spread[0], 0) * np.maximum(spread[1], 0))
    value = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return np.where(spread[0] > 0, value, np.nan)

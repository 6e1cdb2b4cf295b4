"""Corrects p-values for the number of tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values corrected by Holm's step-down method (1979): below a level if the test is significant at that
    level among all, whatever their dependence. `None` stays, and is no test.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    places = [place for place, p in enumerate(p_values) if p is not None]
    raw = np.array([p_values[place] for place in places], dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    corrected: list[float | None] = [None] * len(p_values)
    for rank, place in enumerate(order):
        corrected[places[place]] = float(min(1.0, stepped[rank]))
    return corrected

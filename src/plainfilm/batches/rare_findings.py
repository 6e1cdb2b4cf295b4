"""How often items are visited so that rare findings are seen more than once in a while.

Repeat factor sampling (Gupta et al. 2019, arXiv:1908.03195). Of the items of a collection that state a
finding, the share f affirms it; an item is visited max(1, sqrt(threshold / f)) times as often, for the rarest
finding that it affirms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plainfilm.batches.rows import Rows
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.types import State


def repeat_factors(rows: Rows, threshold: float) -> NDArray[np.float64]:
    """(N,) how often each item is visited where others are visited once."""
    factors = np.ones(len(rows.source))
    for source in np.unique(rows.source):
        own = rows.source == source
        states = rows.states[own]
        positive, stated = states == State.POSITIVE, states > NOT_MENTIONED
        shares = positive.sum(axis=0) / np.maximum(stated.sum(axis=0), 1)
        often = np.sqrt(threshold / np.where(shares > 0, shares, 1.0)) * positive
        factors[own] = np.maximum(often.max(axis=1, initial=1.0), 1.0)
    return factors

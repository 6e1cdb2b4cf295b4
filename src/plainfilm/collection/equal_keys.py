"""Finds equal ones among millions of keys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Key = tuple[NDArray[np.uint64], NDArray[np.uint64]]
"""Two hashes (N,) of each of N things, which are equal if both are."""


def equal_groups(keys: Key) -> list[Ints]:
    """The positions of each key that occurs more than once, in ascending order; groups are in the order of
    their first positions."""
    return sorted(_groups(keys), key=lambda group: int(group[0]))


def is_first_occurrence(keys: Key) -> NDArray[np.bool_]:
    """(N,) whether the key does not occur before."""
    is_first = np.ones(len(keys[0]), dtype=bool)
    for group in _groups(keys):
        is_first[group[1:]] = False
    return is_first


def _groups(keys: Key) -> Iterator[Ints]:
    order = np.lexsort(keys)
    is_new = np.ones(len(order) + 1, dtype=bool)  # one more, after which nothing is equal
    is_new[1:-1] = False
    for key in keys:
        ordered = key[order]
        is_new[1:-1] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(is_new[:-1] & ~is_new[1:])  # the next one is equal
    ends = np.flatnonzero(~is_new[:-1] & is_new[1:]) + 1
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield order[start:end].copy()  # not a view, which would hold all of the order

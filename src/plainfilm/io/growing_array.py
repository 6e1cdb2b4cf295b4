"""Columns of numbers that come in parts, without a second copy of them in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_MOST_EXPECTED = 1 << 28
"""A table that says that it has more rows is believed when they come."""


class GrowingArray:
    """A column of numbers of one NumPy type, for as many as are `expected`; for more it is copied.

    Parts in a list would be copied to be joined, and leave holes in memory behind. Memory that no number was
    written to yet is not taken from the system.
    """

    def __init__(self, dtype: DTypeLike, expected: int) -> None:
        self._numbers = np.empty(min(expected, _MOST_EXPECTED), dtype)
        self._count = 0

    def add(self, part: NDArray[Any]) -> None:
        """Add numbers (n,) at the end."""
        end = self._count + len(part)
        if end > len(self._numbers):
            more = np.empty(end, self._numbers.dtype)
            self._numbers = np.concatenate([self._numbers[: self._count], more])
        self._numbers[self._count : end] = part
        self._count = end

    def array(self) -> NDArray[Any]:
        """All numbers (N,)."""
        return self._numbers[: self._count]

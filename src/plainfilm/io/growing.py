"""Columns of numbers that come in parts, without a second copy of them in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Growing:
    """A column of numbers of one type, for as many as are `expected`; for more it is copied.

    Parts in a list would be copied to be joined, and leave holes in memory behind. Memory that no number was
    written to yet is not taken from the system.
    """

    def __init__(self, kind: DTypeLike, expected: int) -> None:
        self._numbers = np.empty(expected, kind)
        self._count = 0

    def add(self, part: NDArray[Any]) -> None:
        """Add numbers (n,) at the end."""
        end = self._count + len(part)
        if end > len(self._numbers):
            more = np.empty(end, self._numbers.dtype)
            self._numbers = np.concatenate([self._numbers[: self._count], more])
        self._numbers[self._count : end] = part
        self._count = end

    def taken(self) -> NDArray[Any]:
        """All numbers (N,)."""
        return self._numbers[: self._count]

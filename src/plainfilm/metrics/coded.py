"""Statistics of items that take few different values: a byte for each item, whatever their number.

Whether a film is called rightly has a handful of values, and an evaluation has dozens of such statistics of
every film: as pairs of doubles they would take more memory than all scores.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Floats = NDArray[np.float64]

FEWEST = 1 << 15
"""Statistics of fewer items stay as they are."""
_DIFFERENT = 256
_SAMPLE = 4096


class CodedPairs:
    """(N, 2) numbers, dictionary-encoded: of each of N items which of K `pairs` (K, 2) it is, K at most 256.

    It is read like the array that it stands for: some of its rows, which stay coded, or one of its columns.
    """

    def __init__(self, codes: NDArray[np.uint8], pairs: Floats) -> None:
        self.codes = codes
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, key: tuple[slice, int]) -> Floats: ...

    @overload
    def __getitem__(self, key: slice | NDArray[Any]) -> CodedPairs: ...

    def __getitem__(self, key: tuple[slice, int] | slice | NDArray[Any]) -> Floats | CodedPairs:
        if isinstance(key, tuple):
            rows, column = key
            return self.pairs[self.codes[rows], column]
        return CodedPairs(self.codes[key], self.pairs)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self.pairs[self.codes].astype(dtype or np.float64, copy=False)


Pairs = Floats | CodedPairs
"""The numerators and denominators (N, 2) of a statistic."""


def paired(numerators: ArrayLike, denominators: ArrayLike) -> Pairs:
    """(N, 2) from N numerators and denominators, coded if there are many with few different values."""
    columns = [np.asarray(one, dtype=np.float64) for one in (numerators, denominators)]
    if columns[0].shape == columns[1].shape and columns[0].ndim == 1 and len(columns[0]) >= FEWEST:
        tops, bottoms = map(_coded, columns)
        if tops and bottoms and len(tops[1]) * len(bottoms[1]) <= _DIFFERENT:
            (above, first), (below, second) = tops, bottoms
            codes = (above * len(second) + below).astype(np.uint8)
            return CodedPairs(codes, np.stack([first.repeat(len(second)), np.tile(second, len(first))], 1))
    return np.stack(columns, axis=-1)


def _coded(column: Floats) -> tuple[NDArray[np.int64], Floats] | None:
    """The number of the value of each item and the values, by their bits, which tell 0 from -0."""
    import pandas as pd  # not for statistics of few items

    bits = np.ascontiguousarray(column).view(np.int64)
    if len(np.unique(bits[:_SAMPLE])) > _DIFFERENT:
        return None
    codes, values = pd.factorize(bits)
    return (codes, values.view(np.float64)) if len(values) <= _DIFFERENT else None

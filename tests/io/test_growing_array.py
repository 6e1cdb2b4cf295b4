"""A column that grows has the numbers that were added, whatever was expected."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.io.growing_array import GrowingArray


@pytest.mark.parametrize("expected", [0, 4, 7, 100])
def test_numbers_are_those_of_the_parts(expected: int) -> None:
    column = GrowingArray(np.int32, expected)
    for start, end in ((0, 3), (3, 3), (3, 7)):
        column.add(np.arange(start, end))
    assert column.array().tolist() == [*range(7)]
    assert column.array().dtype == np.int32


def test_nothing_added_is_nothing() -> None:
    assert GrowingArray(np.uint64, 5).array().tolist() == []

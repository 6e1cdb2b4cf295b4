"""Charts: points are drawn in proportion, within the axes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plainfilm.pages.charts import HEIGHT, MOST_POINTS, WIDTH, chart, thinned, ticks


def places(drawn: str) -> np.ndarray:
    return np.array([[float(value) for value in pair.split(",")] for pair in drawn.split()])


def test_points_are_in_proportion():
    found = chart("t", {"a": [(0, 1.0), (5, 3.0), (10, 2.0)]})
    x, y = places(found.lines[0].points).T
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert y[0] - y[2] == pytest.approx(y[2] - y[1], abs=0.2)
    assert (x >= found.left - 0.1).all()
    assert (x <= WIDTH).all()
    assert (y <= HEIGHT).all()
    assert found.lines[0].last == 2.0


def test_lines_share_their_axes():
    found = chart("t", {"a": [(0, 0.0), (1, 1.0)], "b": [(0, 0.5), (1, 0.5)]}, limits=(0, 2))
    first, second = (places(line.points) for line in found.lines)
    assert second[0, 1] == pytest.approx((first[0, 1] + first[1, 1]) / 2, abs=0.1)
    assert first[1, 0] == pytest.approx((found.left + found.right) / 2, abs=0.1)


def test_one_point_is_a_dot_and_none_is_no_chart():
    assert chart("t", {"a": [(1, 2.0)]}).lines[0].dot is not None
    assert chart("t", {"a": [(1, math.nan)], "b": []}) is None


def test_many_points_are_averaged():
    values = [(float(n), float(n % 7)) for n in range(10_000)]
    found = thinned(values)
    assert len(found) <= MOST_POINTS
    assert np.mean([y for _, y in found]) == pytest.approx(np.mean([y for _, y in values]), abs=0.05)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.0012, 0.0031), (-40, 900), (3.99, 4.01)])
def test_ticks_are_round_and_within(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    assert np.allclose(np.diff(found), found[1] - found[0])

"""Scores from fractions per item, by each reducer."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.scores import Score, count, differences, intervals, terms

VALUES = {
    "half": terms([1, 0, 1, 0]),
    "third": terms([1, 0, 0, 0], [1, 1, 1, 0]),
    "zero": terms([0, 0, 0, 0]),
    "empty": terms([0, 0, 0, 0], [0, 0, 0, 0]),
    "rank": terms([1, 2, 9, 4], [1, 1, 1, 0]),
}


def value_of(reducer, *parts):
    [interval] = intervals([Score("s", reducer, parts)], VALUES, PatientBootstrap(["a", "b", "c", "d"]))
    return interval.value


@pytest.mark.parametrize(
    ("reducer", "parts", "expected"),
    [
        ("ratio", ["half"], 0.5),
        ("ratio", ["third"], 1 / 3),
        ("ratio", ["empty"], None),
        ("mean", ["half", "third", "empty"], (0.5 + 1 / 3) / 2),
        ("mean", ["empty"], None),
        ("strict_mean", ["half", "third", "empty"], (0.5 + 1 / 3) / 3),
        ("harmonic", ["half", "third"], 2 * 0.5 / 3 / (0.5 + 1 / 3)),
        ("harmonic", ["half", "zero"], 0.0),
        ("harmonic", ["half", "empty"], None),
        ("median", ["rank"], 2.0),
        ("median", ["empty"], None),
    ],
)
def test_reducers(reducer, parts, expected):
    assert value_of(reducer, *parts) == (None if expected is None else pytest.approx(expected))


def test_the_count_is_of_items_that_enter():
    assert count(Score("s", "ratio", ("third",)), VALUES) == 3
    assert count(Score("s", "mean", ("third", "half")), VALUES) == 4


def test_scores_keep_their_order():
    scores = [Score("m", "median", ("rank",)), Score("r", "ratio", ("half",))]
    found = intervals(scores, VALUES, PatientBootstrap(["a", "b", "c", "d"]))
    assert [interval.value for interval in found] == [2.0, 0.5]


@pytest.mark.parametrize("score", [Score("r", "ratio", ("x",)), Score("m", "median", ("x",))])
def test_differences_are_paired(score):
    random = np.random.default_rng(0)
    base = random.integers(0, 50, 80).astype(float)
    [difference] = differences(
        [score], {"x": terms(base + 1)}, {"x": terms(base)}, PatientBootstrap(np.arange(80))
    )
    assert (difference.value, difference.low, difference.high) == pytest.approx((1.0, 1.0, 1.0))

"""Scores from fractions per item, by each aggregation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.scores import (
    Score,
    count,
    differences,
    intervals,
    ranking_statistics,
    ranks,
    ratio_statistics,
)

VALUES = {
    "half": ratio_statistics([1, 0, 1, 0]),
    "third": ratio_statistics([1, 0, 0, 0], [1, 1, 1, 0]),
    "zero": ratio_statistics([0, 0, 0, 0]),
    "empty": ratio_statistics([0, 0, 0, 0], [0, 0, 0, 0]),
    "rank": ratio_statistics([1, 2, 9, 4], [1, 1, 1, 0]),
}


def value_of(aggregation, *parts):
    [interval] = intervals([Score("s", aggregation, parts)], VALUES, PatientBootstrap(["a", "b", "c", "d"]))
    return interval.value


@pytest.mark.parametrize(
    ("aggregation", "parts", "expected"),
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
def test_aggregations(aggregation, parts, expected):
    assert value_of(aggregation, *parts) == (None if expected is None else pytest.approx(expected))


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
        [score],
        {"x": ratio_statistics(base + 1)},
        {"x": ratio_statistics(base)},
        PatientBootstrap(np.arange(80)),
    )
    assert (difference.value, difference.low, difference.high) == pytest.approx((1.0, 1.0, 1.0))


RANKED = {
    "score/a": ranking_statistics([3.0, -1.0, 2.0, 2.0], [2, 1, 1, 2]),
    "score/b": ranking_statistics([1.0, 2.0, 3.0, np.nan], [2, 1, 0, 2]),
    "score/one class": ranking_statistics([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1]),
}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("score/a",), 0.875),
        (("score/b",), 0.0),
        (("score/a", "score/b", "score/one class"), 0.4375),
        (("score/one class",), None),
    ],
)
def test_rankings_are_the_mean_over_the_parts_of_both_classes(parts, expected):
    score = Score("auroc", "auroc", parts)
    [found] = intervals([score], RANKED, PatientBootstrap(np.zeros(4)))
    assert found.value == (None if expected is None else pytest.approx(expected))
    assert count(score, RANKED) == (2 if parts == ("score/b",) else 4)


def test_differences_of_rankings_are_paired():
    flipped = {name: pairs * [-1, 1] for name, pairs in RANKED.items()}
    score = Score("auroc", "auroc", ("score/a",))
    [found] = differences([score], RANKED, flipped, PatientBootstrap(np.zeros(4)))
    assert found.value == pytest.approx(0.75)
    [none] = differences([score], RANKED, RANKED, PatientBootstrap(list("abcd"), 100))
    assert (none.value, none.low, none.high) == (0.0, 0.0, 0.0)


def test_ranks_are_those_of_every_resample():
    random = np.random.default_rng(3)
    patients = np.repeat(np.arange(12), 2)
    sides = [{"part": ratio_statistics(random.random(24) < rate)} for rate in (0.3, 0.6, 0.5)]
    bootstrap = PatientBootstrap(patients, 200)
    found = ranks(Score("s", "ratio", ("part",)), sides, bootstrap)
    values = np.stack([side["part"][:, 0] for side in sides], axis=1)
    drawn = np.concatenate([weights[:, bootstrap.codes] @ values for weights in bootstrap._weights()])
    expected = np.apply_along_axis(lambda row: rankdata(-row), 1, drawn)
    for place, one in enumerate(found):
        assert one.value == rankdata(-values.sum(axis=0))[place]
        assert (one.low, one.high) == tuple(np.percentile(expected[:, place], [2.5, 97.5]))
    lower = ranks(Score("s", "ratio", ("part",)), sides, bootstrap, higher=False)
    assert [one.value for one in lower] == [4 - one.value for one in found]

"""Statistics of few different values take a byte, and read like the pairs that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.metrics import coded
from plainfilm.metrics.coded import CodedPairs, paired


@pytest.fixture(autouse=True)
def any_number_of_items(monkeypatch):
    monkeypatch.setattr(coded, "FEWEST", 1)


def columns(different, count=500):
    draw = np.random.default_rng(0)
    return draw.normal(size=different)[draw.integers(0, different, count)], draw.integers(0, 3, count)


@pytest.mark.parametrize("different", [1, 2, 85])
def test_coded_pairs_are_the_pairs(different):
    tops, bottoms = columns(different)
    pairs, plain = paired(tops, bottoms), np.stack([tops, bottoms], axis=-1)
    assert isinstance(pairs, CodedPairs)
    assert pairs.codes.dtype == np.uint8
    assert np.array_equal(np.asarray(pairs), plain)
    assert np.array_equal(pairs[:, 0], tops)
    rows = np.random.default_rng(1).random(500) < 0.5
    assert np.array_equal(np.asarray(pairs[rows]), plain[rows])
    assert len(pairs[rows]) == rows.sum()


@pytest.mark.parametrize("different", [86, 300])
def test_more_pairs_than_a_byte_can_tell_apart_stay_as_they_are(different):
    assert isinstance(paired(*columns(different, 20_000)), np.ndarray)


def test_values_that_show_late_are_found():
    tops = np.zeros(20_000)
    tops[10_000:] = np.arange(10_000)
    assert np.array_equal(paired(tops, np.ones(20_000))[:, 0], tops)


def test_nan_and_the_sign_of_zero_are_kept():
    tops = np.array([np.nan, 0.0, -0.0, np.inf])
    assert np.array_equal(paired(tops, np.ones(4))[:, 0].view(np.int64), tops.view(np.int64))


def test_few_items_and_tables_of_numbers_are_not_coded(monkeypatch):
    assert paired(np.zeros((4, 3)), np.ones((4, 3))).shape == (4, 3, 2)
    monkeypatch.setattr(coded, "FEWEST", 5)
    assert isinstance(paired(np.zeros(4), np.ones(4)), np.ndarray)


@pytest.mark.parametrize("count", [3, 30])
def test_another_number_of_denominators_is_refused(count):
    with pytest.raises(ValueError, match="same shape"):
        paired(np.zeros(count), np.ones(1))

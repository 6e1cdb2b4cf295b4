"""Calibration: scores against scikit-learn and hand-worked cases, and repairs that repair."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.calibration import (
    bin_of,
    brier,
    calibration_interval,
    expected_calibration_error,
    fit_platt,
    fit_scale,
    reliability,
    sigmoid,
)


@pytest.fixture
def drawn():
    random = np.random.default_rng(0)
    logits = random.normal(size=20_000) * 2 - 1
    return logits, random.random(20_000) < sigmoid(logits)


def test_brier_is_that_of_scikit_learn(drawn):
    logits, truth = drawn
    assert brier(sigmoid(logits), truth) == pytest.approx(brier_score_loss(truth, sigmoid(logits)))
    assert math.isnan(brier([], []))


def test_calibrated_probabilities_have_little_error(drawn):
    logits, truth = drawn
    assert expected_calibration_error(sigmoid(logits), truth) < 0.02
    assert expected_calibration_error(sigmoid(3 * logits), truth) > 0.05


@pytest.mark.parametrize("binning", ["mass", "width"])
def test_a_constant_is_as_wrong_as_its_distance_from_the_share(binning):
    truth = np.arange(10) < 3
    assert expected_calibration_error(np.full(10, 0.5), truth, binning) == pytest.approx(0.2)


def test_bins_of_equal_mass_hold_equally_many_and_keep_ties():
    assert np.bincount(bin_of(np.arange(30) / 30, "mass", 10)).tolist() == [3] * 10
    assert len(set(bin_of([0.2] * 5 + [0.9] * 5, "mass", 10))) == 2


def test_one_is_in_the_last_bin_of_equal_width():
    assert bin_of([0.0, 0.19, 0.2, 1.0], "width", 5).tolist() == [0, 0, 1, 4]


def test_empty_bins_are_left_out():
    found = reliability([0.1, 0.1, 0.9], [0, 1, 1], "width", 10)
    assert found.count.tolist() == [2, 1]
    assert found.observed.tolist() == [0.5, 1.0]


def test_the_interval_s_value_is_the_error_of_what_is_known(drawn):
    logits, truth = drawn[0][:500], drawn[1][:500]
    values = np.stack([sigmoid(logits), sigmoid(2 * logits)], axis=1)
    known = np.ones((500, 2), dtype=bool)
    known[400:, 1] = False
    found = calibration_interval(
        values, np.stack([truth] * 2, 1), known, PatientBootstrap(np.arange(500), 100)
    )
    expected = [
        expected_calibration_error(values[:, 0], truth),
        expected_calibration_error(values[:400, 1], truth[:400]),
    ]
    assert [one.value for one in found[:2]] == pytest.approx(expected)
    assert found[2].value == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("factor", [0.2, 1.0, 50.0])
def test_the_temperature_is_found(drawn, factor):
    logits, truth = drawn
    assert fit_scale(logits * factor, truth) == pytest.approx(1 / factor, rel=0.05)


def test_scores_that_say_nothing_get_the_smallest_scale():
    assert fit_scale([1.0, -1.0, 1.0, -1.0], [True, True, False, False]) < 0.001


def test_platt_is_logistic_regression(drawn):
    logits, truth = drawn
    found = fit_platt(logits / 7 + 3, truth)
    reference = LogisticRegression(C=np.inf).fit((logits / 7 + 3)[:, None], truth)
    assert found.slope == pytest.approx(reference.coef_[0, 0], rel=0.01)
    assert found.bias == pytest.approx(reference.intercept_[0], rel=0.01)


def test_separable_data_do_not_run_away():
    found = fit_platt([-2.0, -1.0, 1.0, 2.0], [False, False, True, True])
    assert 0.5 < found.probability(2.0) < 0.95


def test_scores_that_rank_backwards_give_the_prevalence():
    found = fit_platt([3.0, 2.0, 1.0, 0.0], [False, False, True, True])
    assert (found.slope, found.probability(9.0)) == (0.0, pytest.approx(0.5))


@pytest.mark.parametrize("truth", [[], [True, True], [False]])
def test_one_class_cannot_be_calibrated(truth):
    assert fit_platt(np.arange(len(truth)), truth) is None


def test_far_logits_do_not_overflow():
    assert sigmoid([-1e4, 0.0, 1e4]).tolist() == [0.0, 0.5, 1.0]

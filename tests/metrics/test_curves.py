"""ROC and precision-recall curves against scikit-learn, their means, and thresholds at a specificity."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn

from plainfilm.metrics import curves
from plainfilm.metrics.multiple_tests import holm
from plainfilm.seeding import generator

RNG = generator("curves")
TRUTH = RNG.random(120) < 0.3
SCORES = np.round(RNG.normal(size=120) + TRUTH, 1)


def test_roc_is_that_of_scikit_learn() -> None:
    false_positive, sensitivity, _ = sklearn.roc_curve(TRUTH, SCORES, drop_intermediate=False)
    found = curves.roc_curve(SCORES, TRUTH)
    assert found[0] == pytest.approx(false_positive)
    assert found[1] == pytest.approx(sensitivity)
    assert np.trapezoid(found[1], found[0]) == pytest.approx(sklearn.roc_auc_score(TRUTH, SCORES))


def test_precision_recall_is_that_of_scikit_learn_from_the_highest_threshold_on() -> None:
    precision, recall, _ = sklearn.precision_recall_curve(TRUTH, SCORES)
    found = curves.precision_recall_curve(SCORES, TRUTH)
    assert found[0][1:] == pytest.approx(recall[-2::-1])
    assert found[1][1:] == pytest.approx(precision[-2::-1])
    area = np.sum(np.diff(found[0]) * found[1][1:])
    assert area == pytest.approx(sklearn.average_precision_score(TRUTH, SCORES))


def test_a_constant_score_is_the_diagonal() -> None:
    assert [axis.tolist() for axis in curves.roc_curve(np.zeros(120), TRUTH)] == [[0, 1], [0, 1]]


def test_the_mean_is_flat_where_curves_are_and_highest_where_they_rise() -> None:
    first = np.array([0, 0, 0.1, 0.1, 1]), np.array([0, 0.5, 0.5, 0.8, 1])
    x, y = curves.mean_roc([first, (np.array([0.0, 1]), np.array([0.0, 1]))])
    at = dict(zip(np.round(x, 3).tolist(), (2 * y).tolist(), strict=True))
    assert [at[0.0], at[0.05], at[0.1], at[1.0]] == pytest.approx([0.5, 0.55, 0.9, 2])


def test_the_mean_of_equal_curves_is_the_curve() -> None:
    own = curves.roc_curve(SCORES, TRUTH)
    x, y = curves.mean_roc([own, own])
    assert np.trapezoid(y, x) == pytest.approx(np.trapezoid(own[1], own[0]), abs=0.01)
    x, y = curves.mean_precision_recall([curves.precision_recall_curve(SCORES, TRUTH)])
    assert y[1:].mean() == pytest.approx(sklearn.average_precision_score(TRUTH, SCORES), abs=0.02)


def test_sensitivity_at_a_specificity_is_the_best_threshold_that_has_it() -> None:
    false_positive, sensitivity, _ = sklearn.roc_curve(TRUTH, SCORES, drop_intermediate=False)
    wanted = max(s for f, s in zip(false_positive, sensitivity, strict=True) if 1 - f >= 0.9)
    assert curves.sensitivity_at(SCORES, TRUTH, 0.9) == pytest.approx(wanted)
    assert curves.sensitivity_at([0.0, 1.0], [False, True], 1.0) == 1


def test_a_thinned_curve_keeps_its_ends_and_its_area() -> None:
    truth = RNG.random(20_000) < 0.1
    whole = curves.roc_curve(RNG.normal(size=20_000) + truth, truth)
    x, y = curves.thinned(whole)
    assert len(x) < 500
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(np.trapezoid(whole[1], whole[0]), abs=2e-3)


def test_holm_is_that_of_the_step_down_definition() -> None:
    p = RNG.random(9).tolist()
    corrected = holm([*p, None])
    order = np.argsort(p)
    highest = 0.0
    for step, place in enumerate(order):
        highest = max(highest, min(1.0, (9 - step) * p[place]))
        assert corrected[place] == pytest.approx(highest)
    assert corrected[-1] is None

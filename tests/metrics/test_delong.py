"""The DeLong test against its definition by pairs, and by patient against a world drawn many times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from plainfilm.metrics.delong import delong
from plainfilm.seeding import generator

RNG = generator("delong")
TRUTH = RNG.random(90) < 0.3
FIRST = np.round(RNG.normal(size=90) + TRUTH, 1)
SECOND = np.round(0.5 * FIRST + RNG.normal(size=90) + TRUTH, 1)


def stated(first: np.ndarray, second: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUROCs and covariance by DeLong's formulas (1988), from every pair of a positive and a negative."""

    def kernel(x: float, y: float) -> float:
        return 1.0 if x > y else 0.5 if x == y else 0.0

    tables = []
    for scores in (first, second):
        tables.append([[kernel(x, y) for y in scores[~truth]] for x in scores[truth]])
    psi = np.array(tables)
    m, n = psi.shape[1:]
    return psi.mean(axis=(1, 2)), np.cov(psi.mean(axis=2)) / m + np.cov(psi.mean(axis=1)) / n


def test_auroc_and_covariance_are_those_of_the_definition() -> None:
    auroc, covariance = stated(FIRST, SECOND, TRUTH)
    found = delong([FIRST, SECOND], TRUTH)
    assert found.auroc == pytest.approx(auroc)
    assert found.auroc[0] == pytest.approx(roc_auc_score(TRUTH, FIRST))
    assert found.covariance == pytest.approx(covariance)


def test_p_is_that_of_a_normal_difference() -> None:
    auroc, covariance = stated(FIRST, SECOND, TRUTH)
    apart, error, p = delong([FIRST, SECOND], TRUTH).difference()
    assert apart == pytest.approx(auroc[1] - auroc[0])
    assert error == pytest.approx(math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))
    assert p == pytest.approx(math.erfc(abs(apart / error) / math.sqrt(2)))
    assert delong([FIRST, FIRST], TRUTH).difference() == (0, 0, 1)


def test_items_of_one_patient_are_no_further_evidence() -> None:
    alone = delong([FIRST, SECOND], TRUTH)
    groups = np.arange(90)
    assert delong([FIRST, SECOND], TRUTH, groups).covariance == pytest.approx(alone.covariance)
    twice = delong(np.tile([FIRST, SECOND], 2), np.tile(TRUTH, 2), np.tile(groups, 2))
    assert twice.covariance == pytest.approx(alone.covariance)
    assert delong(np.tile([FIRST, SECOND], 2), np.tile(TRUTH, 2)).difference()[1] < alone.difference()[1]


def test_the_error_by_patient_is_the_spread_over_worlds() -> None:
    random = generator("worlds")
    found, errors = [], []
    for _ in range(300):
        patient = np.repeat(np.arange(60), 3)
        sick = np.repeat(random.random(60), 3) + 0.3 * random.normal(size=180) > 0.6
        shared = np.repeat(random.normal(size=60), 3)
        pair = [shared + random.normal(size=180) + sick, random.normal(size=180) + sick]
        apart, error, _ = delong(pair, sick, patient).difference()
        found.append(apart)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.15)


@pytest.mark.parametrize("truth", [np.zeros(90, bool), np.ones(90, bool), np.arange(90) == 3])
def test_a_class_of_fewer_than_two_items_has_no_test(truth: np.ndarray) -> None:
    assert delong([FIRST, SECOND], truth) is None

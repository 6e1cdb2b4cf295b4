"""Scores of classification against scikit-learn: ties, negative scores, empty and one-class inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.classification import (
    argmax_credit,
    auroc,
    average_precision,
    best_threshold,
    confusion,
    macro,
    rank,
    truth_codes,
)


def sample(seed, count=60, values=9):
    random = np.random.default_rng(seed)
    return random.integers(-values, values, count) / 4, random.random(count) < 0.3


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("values", [1, 3, 1000])
def test_rankings_are_those_of_scikit_learn_with_ties_and_negative_scores(seed, values):
    scores, truth = sample(seed, values=values)
    assert auroc(scores, truth) == pytest.approx(reference.roc_auc_score(truth, scores))
    expected = reference.average_precision_score(truth, scores)
    assert average_precision(scores, truth) == pytest.approx(expected)


def test_equal_scores_give_one_half_and_the_prevalence():
    truth = np.arange(10) < 3
    assert auroc(np.zeros(10), truth) == 0.5
    assert average_precision(np.zeros(10), truth) == pytest.approx(0.3)


@pytest.mark.parametrize("truth", [[], [True, True], [False, False]])
def test_one_class_or_nothing_is_not_a_number(truth):
    scores = np.arange(len(truth))
    assert math.isnan(auroc(scores, truth))
    assert math.isnan(average_precision(scores, truth))
    assert best_threshold(scores, truth) is None


def test_a_weight_counts_as_so_many_items():
    scores, truth = sample(0)
    weights = np.random.default_rng(1).integers(0, 4, (40, len(scores)))
    found = rank(scores[:, None], truth_codes(truth[:, None])).under(weights)
    for row, mine in zip(weights, found[:, 0], strict=True):
        repeated = np.repeat(np.arange(len(scores)), row)
        expected = reference.roc_auc_score(truth[repeated], scores[repeated])
        assert mine[0] == pytest.approx(expected)
        expected = reference.average_precision_score(truth[repeated], scores[repeated])
        assert mine[1] == pytest.approx(expected)


def test_what_is_unknown_or_not_finite_does_not_count():
    scores = np.array([0.9, 0.1, np.nan, 0.5, 0.2])[:, None]
    truth = truth_codes([[True], [False], [True], [True], [False]], [[True], [True], [True], [False], [True]])
    assert rank(scores, truth).under(np.ones((1, 5)))[0, 0, 0] == 1.0


def test_resamples_go_through_the_patient_bootstrap():
    scores, truth = sample(3, 200, 1000)
    presorted = rank(scores[:, None], truth_codes(truth[:, None]))
    [interval] = PatientBootstrap(np.arange(200) // 2, 200).of_weights(
        lambda weights: presorted.under(weights)[:, 0, 0]
    )
    assert interval.low < interval.value < interval.high
    assert interval.value == pytest.approx(auroc(scores, truth))


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.75, 99.0])
def test_decisions_are_those_of_scikit_learn(threshold):
    scores, truth = sample(4)
    found, said = confusion(scores, truth, threshold), scores >= threshold
    expected = reference.precision_score(truth, said, zero_division=np.nan)
    assert found.precision == pytest.approx(expected, nan_ok=True)
    assert found.recall == pytest.approx(reference.recall_score(truth, said))
    assert found.f1 == pytest.approx(reference.f1_score(truth, said))
    assert found.specificity == pytest.approx(reference.recall_score(~truth, ~said))


def test_undefined_decisions_are_not_numbers():
    found = confusion([0.1, 0.2], [False, False], 0.5)
    assert found.specificity == 1.0
    assert all(math.isnan(value) for value in (found.precision, found.recall, found.f1))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("criterion", ["f1", "youden"])
def test_no_threshold_is_better_than_the_best(seed, criterion):
    scores, truth = sample(seed)

    def worth(threshold):
        found = confusion(scores, truth, threshold)
        return found.f1 if criterion == "f1" else found.recall + found.specificity

    best = best_threshold(scores, truth, criterion)
    assert worth(best) == pytest.approx(max(worth(value) for value in np.unique(scores)))


def test_the_threshold_stands_between_two_scores():
    assert best_threshold([1.0, 2.0, 4.0, 5.0], [False, False, True, True]) == 3.0


def test_accuracy_shares_the_credit_among_ties():
    scores = np.array([[0.1, 0.9], [0.5, 0.5], [-1.0, -2.0]])
    assert argmax_credit(scores, [1, 0, 1]).tolist() == [1.0, 0.5, 0.0]


def test_the_macro_mean_leaves_out_what_cannot_be_computed():
    assert macro([0.25, np.nan, 0.75]) == 0.5
    assert math.isnan(macro([np.nan]))


@pytest.mark.parametrize("direction", [-np.inf, np.inf])
def test_a_threshold_parts_scores_that_no_double_lies_between(direction: float) -> None:
    for start in np.random.default_rng(0).uniform(-4, 4, 50):
        low, high = sorted((start, np.nextafter(start, direction)))
        scores, truth = np.array([high, high, low, low]), np.array([True, True, False, False])
        threshold = best_threshold(scores, truth)
        assert threshold is not None
        assert ((scores >= threshold) == truth).all()


def test_no_columns_have_no_scores():
    assert rank(np.empty((5, 0)), np.empty((5, 0), dtype=int)).under(np.ones((2, 5))).shape == (2, 0, 2)

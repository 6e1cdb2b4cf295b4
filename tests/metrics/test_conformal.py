"""Conformal sets: they hold the truth as often as was asked for, whatever the scores are worth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plainfilm.metrics.conformal import Bounds, fit_bounds


@pytest.mark.parametrize("miss", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("signal", [0.0, 1.5])
def test_both_classes_are_covered_as_asked(miss, signal):
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        truth = random.random(200) < 0.2
        scores = random.normal(size=200) + signal * truth
        held = fit_bounds(scores[:100], truth[:100], miss).holds(scores[100:])
        covered.append([held[truth[100:], 1].mean(), held[~truth[100:], 0].mean()])
    coverage = np.mean(covered, axis=0)
    assert (coverage >= 1 - miss - 0.01).all()
    assert (coverage <= 1 - miss + 0.07).all()


def test_the_quantile_is_the_one_of_n_plus_one():
    scores = np.arange(9.0)
    found = fit_bounds(np.concatenate([scores, scores]), np.arange(18) < 9, 0.1)
    assert found == Bounds(positive_from=0.0, negative_to=8.0)


def test_too_few_films_of_a_class_leave_its_label_always_plausible():
    found = fit_bounds([0.0] * 8 + [1.0] * 20, [True] * 8 + [False] * 20, 0.1)
    assert found.positive_from == -math.inf
    assert found.holds([-99.0])[0, 1]


@pytest.mark.parametrize(("score", "abstains"), [(-2.0, False), (0.0, True), (2.0, False)])
def test_both_labels_abstain(score, abstains):
    assert Bounds(positive_from=-1.0, negative_to=1.0).abstains([score]).tolist() == [abstains]


def test_neither_label_abstains():
    assert Bounds(positive_from=1.0, negative_to=-1.0).abstains([-2.0, 0.0, 2.0]).tolist() == [
        False,
        True,
        False,
    ]


def test_nothing_to_fit_on_abstains_always():
    assert fit_bounds([], []).abstains([-1e9, 1e9]).all()


def test_a_film_at_a_bound_is_within_it():
    bounds = Bounds(positive_from=0.25, negative_to=0.75)
    assert bounds.holds([0.25, 0.75]).tolist() == [[True, True], [True, True]]
    assert bounds.holds(np.nextafter([0.25, 0.75], [0.0, 1.0])).tolist() == [[True, False], [False, True]]


def test_tied_scores_are_covered_as_asked():
    # All films of a class with one score: the bound is that score, and holds every one of them.
    found = fit_bounds([0.5] * 40, np.arange(40) < 20, 0.1)
    assert found.holds([0.5]).all()

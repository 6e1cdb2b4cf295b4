"""Logistic regressions against scikit-learn's, on features that are awkward in each way they can be."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from plainfilm.seeding import generator
from plainfilm.tasks.probing.logistic import fit_path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler


def problem(films=400, width=12, labels=3, seed=0):
    """Features that vary together, of very different size and with an offset; labels that follow some."""
    random = generator("logistic", seed)
    hidden = random.normal(size=(films, width)) * np.geomspace(1, 1e-2, width)
    features = hidden @ random.normal(size=(width, width)) * np.geomspace(1e-3, 1e3, width) + 5
    wanted = hidden @ random.normal(size=(width, labels)) + random.normal(size=(films, labels)) - 0.5
    return features.astype(np.float32), wanted > 0, random.random((films, labels)) < 0.8


def reference(features, positive, penalty):
    scaler = StandardScaler().fit(features.astype(np.float64))
    solver = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    return solver.fit(scaler.transform(features.astype(np.float64)), positive), scaler


@pytest.mark.parametrize("penalty", [1e-2, 1.0, 1e3])
def test_coefficients_are_those_of_scikit_learn(penalty):
    features, positive, _ = problem()
    known = np.ones_like(positive)
    found = fit_path(features, positive, known, [penalty])[penalty]
    for column in range(positive.shape[1]):
        solver, scaler = reference(features, positive[:, column], penalty)
        assert found.weights[:, column] * scaler.scale_ == pytest.approx(solver.coef_[0], abs=1e-5)
        bias = found.bias[column] + scaler.mean_ @ found.weights[:, column]
        assert bias == pytest.approx(solver.intercept_[0], abs=1e-5)


def test_more_features_than_films_and_labels_that_can_be_told_apart():
    features, positive, _ = problem(films=30, width=80, labels=2)
    found = fit_path(features, positive, np.ones_like(positive), [0.01])[0.01]
    for column in range(2):
        solver, scaler = reference(features, positive[:, column], 0.01)
        assert found.weights[:, column] * scaler.scale_ == pytest.approx(solver.coef_[0], abs=1e-5)


def test_each_label_counts_the_films_known_for_it():
    features, positive, known = problem()
    found = fit_path(features, positive, known, [10.0])[10.0]
    logits = found.logits(features)
    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    for column in range(positive.shape[1]):
        rows = known[:, column]
        solver = LogisticRegression(C=0.1, solver="newton-cholesky", tol=1e-12)
        solver.fit(scaled[rows], positive[rows, column])
        assert logits[:, column] == pytest.approx(solver.decision_function(scaled), abs=1e-5)


def test_a_feature_that_never_varies_gets_no_weight():
    features, positive, _ = problem()
    features[:, 3] = 0.1
    found = fit_path(features, positive, np.ones_like(positive), [1.0])[1.0]
    assert (found.weights[3] == 0).all()
    assert np.isfinite(found.logits(features)).all()


def test_the_path_does_not_decide_the_solution():
    features, positive, known = problem()
    along = fit_path(features, positive, known, [0.1, 10.0, 1000.0])[0.1]
    alone = fit_path(features, positive, known, [0.1])[0.1]
    assert along.weights == pytest.approx(alone.weights, rel=1e-5, abs=1e-8)


def test_films_are_widened_block_by_block_to_the_same_result(monkeypatch):
    features, positive, known = problem()
    whole = fit_path(features, positive, known, [1.0])[1.0].logits(features)
    monkeypatch.setattr("plainfilm.tasks.probing.logistic.BLOCK", 7)
    cut = fit_path(features, positive, known, [1.0])[1.0].logits(features)
    assert cut == pytest.approx(whole, abs=1e-8)

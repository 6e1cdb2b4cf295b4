"""Logistic regressions: where the gradient of the stated objective vanishes, the unique minimum is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plainfilm.errors import DataError
from plainfilm.seeding import generator
from plainfilm.tasks.probing import logistic
from plainfilm.tasks.probing.logistic import LBFGS, NEWTON_FEATURES, fit_path


def problem(films=400, width=12, labels=3, seed=0):
    """Features that vary together, of very different size and with an offset; labels that follow some."""
    random = generator("logistic", seed)
    hidden = random.normal(size=(films, width)) * np.geomspace(1, 1e-2, width)
    features = hidden @ random.normal(size=(width, width)) * np.geomspace(1e-3, 1e3, width) + 5
    wanted = hidden @ random.normal(size=(width, labels)) + random.normal(size=(films, labels)) - 0.5
    return features.astype(np.float32), wanted > 0, random.random((films, labels)) < 0.8


def largest_gradient(features, positive, known, penalty, found, column):
    """Of the objective, by automatic differentiation in standardised features, per film."""
    values = torch.tensor(features.astype(np.float64))
    spread = values.std(0, correction=0)
    standard = (values - values.mean(0)) / torch.where(spread > 1e-6, spread, 1.0)
    weights = torch.tensor(found.weights[:, column] * spread.numpy(), requires_grad=True)
    own_bias = found.bias[column] + values.mean(0).numpy() @ found.weights[:, column]
    bias = torch.tensor(own_bias, dtype=torch.float64, requires_grad=True)
    rows = torch.tensor(known[:, column])
    signs = torch.tensor(np.where(positive[:, column], 1.0, -1.0))[rows]
    loss = torch.nn.functional.softplus(-signs * (standard[rows] @ weights + bias)).sum()
    (loss + 0.5 * penalty * weights.square().sum()).backward()
    return max(float(weights.grad.abs().max()), abs(float(bias.grad))) / int(rows.sum())


@pytest.mark.parametrize("penalty", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize(
    "sizes",
    [{}, {"films": 30, "width": 80, "labels": 2}, {"films": 500, "width": NEWTON_FEATURES + 4}],
    ids=["more films", "more features", "many of both"],
)
def test_the_gradient_vanishes_at_the_solution(sizes, penalty):
    features, positive, known = problem(**sizes)
    found = fit_path(features, positive, known, [penalty])[penalty]
    for column in range(positive.shape[1]):
        assert largest_gradient(features, positive, known, penalty, found, column) < 2e-6


def test_the_gradient_does_not_vanish_elsewhere():
    features, positive, known = problem()
    found = fit_path(features, positive, known, [10.0])[10.0]
    assert largest_gradient(features, positive, known, 1.0, found, 0) > 1e-3


def test_logits_are_those_of_the_weights():
    features, positive, known = problem()
    found = fit_path(features, positive, known, [1.0])[1.0]
    expected = features.astype(np.float64) @ found.weights + found.bias
    assert found.logits(features) == pytest.approx(expected, abs=1e-9)


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
    assert along.logits(features) == pytest.approx(alone.logits(features), abs=1e-3)


def test_both_solvers_find_the_same_solution(monkeypatch):
    features, positive, known = problem()
    newton = fit_path(features, positive, known, [1.0])[1.0].logits(features)
    monkeypatch.setattr(logistic, "NEWTON_FEATURES", 1)
    assert fit_path(features, positive, known, [1.0])[1.0].logits(features) == pytest.approx(newton, abs=1e-3)


def test_films_are_widened_block_by_block_to_the_same_result(monkeypatch):
    features, positive, known = problem()
    whole = fit_path(features, positive, known, [1.0])[1.0].logits(features)
    monkeypatch.setattr(logistic, "BLOCK", 7)
    assert fit_path(features, positive, known, [1.0])[1.0].logits(features) == pytest.approx(whole, abs=1e-8)


def test_no_convergence_names_the_penalty_and_the_way_out(monkeypatch):
    features, positive, known = problem()
    monkeypatch.setattr(logistic, "NEWTON", LBFGS)
    monkeypatch.setattr(logistic, "ITERATIONS", 2)
    with pytest.raises(DataError, match=r"no convergence with penalty 0\.1; leave so weak a penalty out"):
        fit_path(features, positive, known, [0.1])

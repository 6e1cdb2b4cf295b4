"""Lookahead: the two updates of the paper, and a state that says all."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from plainfilm.collection import Collection
from plainfilm.training import trainer
from plainfilm.training.lookahead import Lookahead, LookaheadConfig
from plainfilm.training.recipe import Recipe
from tests.training.test_trainer import assert_same_weights, killed_and_resumed

Tiny = Callable[..., Recipe]
RATE, MOMENTUM = 0.1, 0.9
GRADIENTS = np.random.default_rng(0).normal(size=(13, 3))


def stepped(optimizer: Lookahead, weights: nn.Parameter, gradients: np.ndarray) -> None:
    for gradient in gradients:
        weights.grad = torch.tensor(gradient)
        optimizer.step()


def built(start: np.ndarray, config: LookaheadConfig) -> tuple[Lookahead, nn.Parameter]:
    weights = nn.Parameter(torch.tensor(start))
    return Lookahead(torch.optim.SGD([weights], lr=RATE, momentum=MOMENTUM), config), weights


def as_in_the_paper(start: np.ndarray, steps: int, alpha: float) -> np.ndarray:
    fast, slow, velocity = start.copy(), start.copy(), np.zeros_like(start)
    for number, gradient in enumerate(GRADIENTS, start=1):
        velocity = MOMENTUM * velocity + gradient
        fast = fast - RATE * velocity
        if number % steps == 0:
            slow = slow + alpha * (fast - slow)
            fast = slow.copy()
    return fast


@pytest.mark.parametrize(("steps", "alpha"), [(5, 0.5), (1, 0.8), (4, 1.0)])
def test_slow_weights_follow_the_fast_ones(steps: int, alpha: float) -> None:
    start = np.array([1.0, -2.0, 0.5])
    optimizer, weights = built(start, LookaheadConfig(steps=steps, alpha=alpha))
    stepped(optimizer, weights, GRADIENTS)
    np.testing.assert_allclose(weights.detach(), as_in_the_paper(start, steps, alpha), rtol=1e-12)


@pytest.mark.parametrize("stop", [3, 5, 8])
def test_a_saved_state_continues_in_the_same_bits(stop: int) -> None:
    start = np.array([1.0, -2.0, 0.5])
    whole, weights = built(start, LookaheadConfig())
    stepped(whole, weights, GRADIENTS)
    first, begun = built(start, LookaheadConfig())
    stepped(first, begun, GRADIENTS[:stop])
    stored = io.BytesIO()
    torch.save(first.state_dict(), stored)
    stored.seek(0)
    second, resumed = built(begun.detach().numpy(), LookaheadConfig())
    second.load_state_dict(torch.load(stored, weights_only=True))
    stepped(second, resumed, GRADIENTS[stop:])
    assert torch.equal(resumed, weights)


def test_a_state_of_another_model_is_refused() -> None:
    optimizer, _ = built(np.zeros(3), LookaheadConfig())
    other, _ = built(np.zeros(2), LookaheadConfig())
    with pytest.raises(ValueError, match="of another model"):
        optimizer.load_state_dict(other.state_dict())


@pytest.mark.slow
def test_a_killed_run_ends_in_the_same_bits(
    tiny: Tiny, recipe_file: Path, collection: Collection, tmp_path: Path
) -> None:
    overrides = ["training.optimizer=sgd", "training.lookahead={steps: 4}", "training.checkpoint_steps=1"]
    trainer.train(tiny(*overrides), [collection], tmp_path / "whole")
    killed_and_resumed(3, recipe_file, collection, tmp_path / "killed", overrides)
    assert_same_weights(tmp_path / "whole", tmp_path / "killed")


def test_it_changes_what_is_learned(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny(), [collection], tmp_path / "without")
    trainer.train(tiny("training.lookahead={steps: 2}"), [collection], tmp_path / "with")
    with pytest.raises(AssertionError):
        assert_same_weights(tmp_path / "without", tmp_path / "with")

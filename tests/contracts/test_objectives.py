"""Every objective in the folder keeps its contract: finite, exact in slices, state that comes back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plainfilm import plugins
from plainfilm.batches.batch import Batch, Needs
from plainfilm.config import Settings
from plainfilm.objectives.base import Objective, objective
from plainfilm.training.step import measure_step, train_step
from tests.toys import gradients, toy_batch, toy_model_for

NAMES = plugins.names("objective")


def _built(name: str, model: nn.Module) -> Objective:
    module = objective(name)
    return module.build(module.Config(), model).train()


def _batch(name: str, rows: int = 7) -> Batch:
    return toy_batch(rows, needs=objective(name).NEEDS)


@pytest.mark.parametrize("name", NAMES)
def test_the_module_offers_the_three_names(name: str) -> None:
    module = objective(name)
    assert issubclass(module.Config, Settings)
    assert isinstance(module.NEEDS, Needs)
    assert isinstance(_built(name, toy_model_for(name)), Objective)


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_finite_and_reaches_every_trained_parameter(name: str) -> None:
    model = toy_model_for(name)
    built = _built(name, model)
    report = train_step(model, built, _batch(name), seed=0, step=0)
    trained = {key for m in (model, built) for key, value in m.named_parameters() if value.requires_grad}
    assert report.total.isfinite()
    assert report.total.ndim == 0
    assert gradients(model, built).keys() == trained


@pytest.mark.parametrize("name", NAMES)
def test_features_and_targets_are_row_wise(name: str) -> None:
    model, batch = toy_model_for(name).eval(), _batch(name, 5)
    built = _built(name, model)
    for encode in (lambda part: built.encode(model, part), built.targets):
        whole, piece = encode(batch), encode(batch.slice(1, 3))
        for key in whole:
            torch.testing.assert_close(whole[key][1:3], piece[key], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_detached_numbers(name: str) -> None:
    model = toy_model_for(name)
    report = train_step(model, _built(name, model), _batch(name), seed=0, step=0)
    assert all(value.ndim == 0 and not value.requires_grad for value in report.parts.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_has_a_finite_loss(name: str) -> None:
    model = toy_model_for(name)
    assert train_step(model, _built(name, model), _batch(name, 1), seed=0, step=0).total.isfinite()


@pytest.mark.parametrize("name", NAMES)
def test_its_state_comes_back(name: str) -> None:
    model = toy_model_for(name)
    built = _built(name, model)
    train_step(model, built, _batch(name), seed=0, step=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    built.after_step(model)
    again = _built(name, toy_model_for(name, seed=9))
    again.load_state_dict(built.state_dict(), strict=True)
    model.eval()
    first, second = (measure_step(model, item, _batch(name)).report.total for item in (built, again))
    assert float(first) == float(second)


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_lower_the_loss(name: str) -> None:
    model = toy_model_for(name).eval()
    built = _built(name, model)
    trained = [p for m in (model, built) for p in m.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01)
    losses = []
    for step in range(6):
        optimizer.zero_grad()
        losses.append(float(train_step(model, built, _batch(name), seed=0, step=step).total))
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        built.after_step(model)
    assert losses[-1] < losses[0]

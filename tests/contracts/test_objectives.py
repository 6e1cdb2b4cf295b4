"""Every objective in the folder keeps its contract: finite, exact in slices, state that comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from plainfilm import plugins
from plainfilm.batches.targets.base import target
from plainfilm.config import Settings
from plainfilm.objectives.base import Coupled, Encoded, Objective, PerItem, films_of, objective
from plainfilm.training.step import measure_step, train_step
from tests.toys import gradients, toy_batch_for, toy_model_for, toy_objective

NAMES = plugins.names("objective")


@pytest.mark.parametrize("name", NAMES)
def test_the_module_offers_the_names(name: str) -> None:
    module = objective(name)
    assert issubclass(module.Config, Settings)
    assert module.Config().use == name
    assert isinstance(module.NEEDS, tuple)
    assert all(hasattr(target(one), "open_target") for one in module.NEEDS)
    assert films_of(module) in ("one", "pair", "all")
    [built] = toy_objective(name, toy_model_for(name))
    assert isinstance(built, Objective)
    assert isinstance(built, Coupled) != isinstance(built, PerItem)


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_finite_and_reaches_every_trained_parameter(name: str) -> None:
    model = toy_model_for(name)
    built = toy_objective(name, model)
    [report] = train_step(model, built, [toy_batch_for(name)], seed=0, step=0)
    trained = {key for m in (model, built) for key, value in m.named_parameters() if value.requires_grad}
    assert report.total.isfinite()
    assert report.total.ndim == 0
    assert gradients(model, built).keys() == trained


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_what_it_makes_of_a_slice_does_not_depend_on_the_others(name: str) -> None:
    model, batch = toy_model_for(name).eval(), toy_batch_for(name, 5)
    [built] = toy_objective(name, model).eval()
    if isinstance(built, PerItem):
        pieces = [batch.slice(0, 1), batch.slice(1, 3), batch.slice(3, 5)]
        for count in (built.counts, lambda part: built.sums(Encoded(model, part))):
            whole, parts = count(batch), [count(piece) for piece in pieces]
            assert {key for part in parts for key in part} == whole.keys()
            for key, value in whole.items():
                added = torch.stack([part[key] for part in parts]).sum()
                torch.testing.assert_close(added, value, atol=1e-4, rtol=1e-4)
        return
    assert isinstance(built, Coupled)
    for encode in (lambda part: built.encode(Encoded(model, part)), built.targets):
        whole, piece = encode(batch), encode(batch.slice(1, 3))
        assert all(len(value) == 5 for value in whole.values())
        for key in whole:
            torch.testing.assert_close(whole[key][1:3], piece[key], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_detached_numbers_and_metrics_are_among_them(name: str) -> None:
    model = toy_model_for(name)
    built = toy_objective(name, model)
    [report] = train_step(model, built, [toy_batch_for(name)], seed=0, step=0)
    assert all(value.ndim == 0 and not value.requires_grad for value in report.parts.values())
    assert built.metrics().keys() <= {"loss", *report.parts}
    assert set(built.metrics().values()) <= {"higher", "lower"}


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_has_a_finite_loss(name: str) -> None:
    model = toy_model_for(name)
    [report] = train_step(model, toy_objective(name, model), [toy_batch_for(name, 1)], seed=0, step=0)
    assert report.total.isfinite()


@pytest.mark.parametrize("name", NAMES)
def test_a_process_without_items_counts_none(name: str) -> None:
    model = toy_model_for(name)
    [built] = toy_objective(name, model)
    if isinstance(built, PerItem):
        assert {float(count) for count in built.counts(toy_batch_for(name, 3).slice(0, 0)).values()} == {0.0}


@pytest.mark.parametrize("name", NAMES)
def test_items_without_its_targets_are_left_out(name: str) -> None:
    model, batch = toy_model_for(name).double(), toy_batch_for(name, 6, dtype=torch.float64)
    whole = toy_objective(name, model).double()
    present = torch.arange(6) < 4
    missing = {key: replace(one, present=one.present & present) for key, one in batch.targets.items()}
    if "labels" in missing:
        states = torch.where(present[:, None], missing["labels"].states, -3)
        missing["labels"] = replace(missing["labels"], states=states.to(torch.int8))
    [found] = train_step(model, whole, [replace(batch, targets=missing)], seed=1, step=0, sub_batch_size=5)
    expected_model = toy_model_for(name).double()
    fewer = toy_objective(name, expected_model).double()
    [expected] = train_step(expected_model, fewer, [batch.slice(0, 4)], seed=1, step=0)
    assert float(found.total) == pytest.approx(float(expected.total), abs=1e-9)
    first, second = gradients(model, whole), gradients(expected_model, fewer)
    for key, value in second.items():
        torch.testing.assert_close(first[key], value, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_its_state_comes_back(name: str) -> None:
    model = toy_model_for(name)
    built = toy_objective(name, model)
    train_step(model, built, [toy_batch_for(name)], seed=0, step=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    built.after_step(model)
    again = toy_objective(name, toy_model_for(name, seed=9))
    again.load_state_dict(built.state_dict(), strict=True)
    model.eval()
    first, second = (
        measure_step(model, item, toy_batch_for(name)).report(item).total for item in (built, again)
    )
    assert float(first) == float(second)


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_lower_the_loss(name: str) -> None:
    model = toy_model_for(name).eval()
    built = toy_objective(name, model)
    trained = [p for m in (model, built) for p in m.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01)
    losses = []
    for step in range(6):
        optimizer.zero_grad()
        losses.append(float(train_step(model, built, [toy_batch_for(name)], seed=0, step=step)[0].total))
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        built.after_step(model)
    assert losses[-1] < losses[0]

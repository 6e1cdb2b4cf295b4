"""Measuring on the validation split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from plainfilm.collection import Collection
from plainfilm.progress import SILENT
from plainfilm.training.data import build_data
from plainfilm.training.recipe import Recipe, load_recipe
from plainfilm.training.setup import Setup, build_setup, build_tokenizers
from plainfilm.training.step import measure_step
from tests.training.conftest import SMALL

Tiny = Callable[..., Recipe]


@pytest.fixture
def setup(tiny: Tiny, collection: Collection, tmp_path: Path) -> Setup:
    recipe = tiny("validation.metric=recall@3")
    data = build_data(recipe, [collection], tmp_path, SILENT)
    tokenizers = build_tokenizers(recipe, data, tmp_path / "none")
    return build_setup(recipe, [collection], data, tokenizers, torch.device("cpu"))


def test_repeats_to_the_bit(setup: Setup) -> None:
    first, second = (setup.validator(setup.model, setup.objective) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("metric", ["loss", "recall@3"])
def test_a_side_that_gets_one_vector_is_told(setup: Setup, metric: str) -> None:
    validator = replace(setup.validator, metric=metric)
    validator(setup.model, setup.objective)
    assert validator.alarms() == []
    for parameter in setup.model.image_projection.parameters():
        parameter.data = torch.full_like(parameter, float(parameter.ndim == 1))
    validator(setup.model, setup.objective)
    (alarm,) = validator.alarms()
    assert "images get nearly the same vector" in alarm


def test_leaves_model_and_mode_alone(setup: Setup) -> None:
    before = {key: value.clone() for key, value in setup.model.state_dict().items()}
    setup.validator(setup.model, setup.objective)
    assert setup.model.training
    assert setup.objective.training
    assert all(torch.equal(before[key], value) for key, value in setup.model.state_dict().items())


def test_recall_agrees_with_sorting(setup: Setup) -> None:
    measured = setup.validator(setup.model, setup.objective)["recall@3"]
    setup.model.eval()
    (batch,) = setup.validator.loader.epoch(0)
    with torch.no_grad():
        images, target = setup.model.encode_images(batch.films.pixels).numpy(), batch.targets["text"]
        texts = setup.model.encode_texts(target.token_ids[:, 0], target.token_mask[:, 0]).numpy()
    best = np.argsort(-(images @ texts.T), axis=1, kind="stable")[:, :3]
    study, text = batch.keys.study.numpy(), batch.keys.text[:, 0].numpy()
    right = (study[best] == study[:, None]) | (text[best] == text[:, None])
    assert measured == pytest.approx(right.any(axis=1).mean())


def test_loss_is_the_mean_over_items_of_uneven_batches(setup: Setup) -> None:
    validator = replace(setup.validator, loader=replace(setup.validator.loader, batch_size=6), metric="loss")
    setup.model.eval()
    setup.objective.eval()
    sizes, losses = [], []
    for batch in validator.loader.epoch(0):
        sizes.append(len(batch))
        found = measure_step(setup.model, setup.objective, batch, autocast=validator.machine.autocast)
        losses.append(float(found.report(setup.objective).total))
    assert sizes == [6, 6, 4]
    assert validator(setup.model, setup.objective)["loss"] == pytest.approx(np.average(losses, weights=sizes))


def test_recall_in_slices_is_that_of_whole_batches(setup: Setup) -> None:
    whole = setup.validator(setup.model, setup.objective)
    sliced = replace(setup.validator, sub_batch_size=3)(setup.model, setup.objective)
    assert sliced == pytest.approx(whole, abs=1e-5)


def test_limit_measures_fewer(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    recipe = tiny("validation.items=5")
    data = build_data(recipe, [collection], tmp_path, SILENT)
    tokenizers = build_tokenizers(recipe, data, tmp_path / "none")
    made = build_setup(recipe, [collection], data, tokenizers, torch.device("cpu"))
    assert sum(len(batch) for batch in made.validator.loader.epoch(0)) == 5


def _classifying(collection: Collection, run: Path, *more: str) -> Setup:
    recipe = load_recipe("classifier-tiny", [*SMALL, "training.precision=fp32", *more])
    data = build_data(recipe, [collection], run, SILENT)
    return build_setup(recipe, [collection], data, {}, torch.device("cpu"))


def test_loss_of_single_items_is_the_mean_over_what_is_known_in_any_batches(
    labelled: Collection, tmp_path: Path
) -> None:
    setup = _classifying(labelled, tmp_path)
    found = []
    for size in (24, 7, 5):
        loader = replace(setup.validator.loader, batch_size=size)
        found.append(replace(setup.validator, loader=loader)(setup.model, setup.objective))
    assert found[1] == pytest.approx(found[0], abs=1e-5)
    assert found[2] == pytest.approx(found[0], abs=1e-5)
    (batch,) = replace(setup.validator.loader, batch_size=24).epoch(0)
    whole = measure_step(setup.model.eval(), setup.objective.eval(), batch).report(setup.objective)
    assert found[0]["loss"] == pytest.approx(float(whole.total), abs=1e-5)


def test_evaluators_are_measured_beside_the_loss(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    recipe = tiny("validation.evaluators=[{use: recall, at: [1, 2]}]", "validation.metric=recall@4")
    data = build_data(recipe, [collection], tmp_path, SILENT)
    tokenizers = build_tokenizers(recipe, data, tmp_path / "none")
    made = build_setup(recipe, [collection], data, tokenizers, torch.device("cpu"))
    found = made.validator(made.model, made.objective)
    assert {"loss", "accuracy", "scale", "recall@1", "recall@2", "recall@4"} == found.keys()
    assert found["recall@1"] <= found["recall@2"] <= found["recall@4"]
    assert made.validator.is_better(0.5, 0.4)


def test_films_are_encoded_once_for_the_loss_and_all_evaluators(setup: Setup) -> None:
    passed = []
    setup.model.image.register_forward_pre_hook(lambda _, inputs: passed.append(len(inputs[0])))
    setup.validator(setup.model, setup.objective)
    assert passed == [16]

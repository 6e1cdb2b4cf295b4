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
from plainfilm.training.recipe import Recipe
from plainfilm.training.setup import Setup, build_data, build_setup, build_tokenizer

Tiny = Callable[..., Recipe]


@pytest.fixture
def setup(tiny: Tiny, collection: Collection, tmp_path: Path) -> Setup:
    recipe = tiny("validation.metric=recall@3")
    data = build_data(recipe, [collection], tmp_path, SILENT)
    tokenizer = build_tokenizer(recipe, data, tmp_path / "none")
    return build_setup(recipe, [collection], data, tokenizer, torch.device("cpu"))


def test_repeats_to_the_bit(setup: Setup) -> None:
    first, second = (setup.validator(setup.model, setup.objective) for _ in range(2))
    assert first == second


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
        images = setup.model.encode_images(batch.images[:, 0]).numpy()
        texts = setup.model.encode_texts(batch.token_ids[:, 0], batch.token_mask[:, 0]).numpy()
    best = np.argsort(-(images @ texts.T), axis=1, kind="stable")[:, :3]
    study, text = batch.keys.study.numpy(), batch.keys.text[:, 0].numpy()
    right = (study[best] == study[:, None]) | (text[best] == text[:, None])
    assert measured == pytest.approx(right.any(axis=1).mean())


def test_loss_is_the_mean_over_items_of_uneven_batches(setup: Setup) -> None:
    validator = replace(setup.validator, loader=replace(setup.validator.loader, batch_size=6), metric="loss")
    setup.model.eval()
    sizes, losses = [], []
    for batch in validator.loader.epoch(0):
        sizes.append(len(batch))
        losses.append(float(validator._measured(setup.model, setup.objective, batch).report.total))
    assert sizes == [6, 6, 4]
    assert validator(setup.model, setup.objective)["loss"] == pytest.approx(np.average(losses, weights=sizes))


def test_recall_in_slices_is_that_of_whole_batches(setup: Setup) -> None:
    whole = setup.validator(setup.model, setup.objective)
    sliced = replace(setup.validator, sub_batch_size=3)(setup.model, setup.objective)
    assert sliced == pytest.approx(whole, abs=1e-5)


def test_limit_measures_fewer(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    recipe = tiny("validation.items=5")
    data = build_data(recipe, [collection], tmp_path, SILENT)
    tokenizer = build_tokenizer(recipe, data, tmp_path / "none")
    made = build_setup(recipe, [collection], data, tokenizer, torch.device("cpu"))
    assert sum(len(batch) for batch in made.validator.loader.epoch(0)) == 5

"""Activation checkpointing: the same gradients and statistics from fewer kept activations."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import timm
import torch
from torch import nn

from plainfilm.errors import ConfigError
from plainfilm.nn.text.transformers import TINY
from plainfilm.training.activation_checkpointing import blocks_of, checkpoint_activations
from plainfilm.training.freezing import freeze
from plainfilm.training.step import train_step
from tests.toys import (
    COMPACT,
    TEXT,
    gradients,
    largest_difference,
    toy_batch,
    toy_classifier,
    toy_model,
    toy_objective,
)

DROPPED = {"use": "timm", "drop_rate": 0.2, "drop_path_rate": 0.2}
ENCODERS: dict[str, dict[str, Any]] = {
    "vision transformer": {"image": DROPPED | {"name": "test_vit", "image_size": 64}},
    "batch normalisation": {"image": DROPPED | {"name": "test_resnet"}},
    "stages of one block": {"image": DROPPED | {"name": "test_efficientnet"}},
    "layer normalisation": {"image": DROPPED | {"name": "test_convnext"}},
    "language model": {"image": COMPACT, "text": TINY.model_dump()},
    "own transformer": {"image": COMPACT, "text": TEXT | {"depth": 2}},
}


def step(changes: dict[str, Any], checkpointed: bool, size: int | None, **how: Any) -> nn.Module:
    model = toy_model(**changes).double()
    if checkpointed:
        checkpoint_activations(model)
    batch = toy_batch(6, side=64, dtype=torch.float64)
    train_step(model, toy_objective("infonce", model), [batch], seed=5, step=1, sub_batch_size=size, **how)
    return model


@pytest.mark.parametrize("size", [None, 4])
@pytest.mark.parametrize("name", ENCODERS)
def test_gradients_and_statistics_are_those_without(name: str, size: int | None) -> None:
    plain, found = (step(ENCODERS[name], checkpointed, size) for checkpointed in (False, True))
    assert largest_difference(gradients(found), gradients(plain)) < 1e-6
    assert max(float(value.abs().max()) for value in gradients(plain).values()) > 0.01
    assert found.state_dict().keys() == plain.state_dict().keys()
    for name, value in plain.named_buffers():
        torch.testing.assert_close(found.get_buffer(name), value)


def test_a_single_film_is_normalised_by_the_stored_statistics_both_times() -> None:
    plain, found = (step(ENCODERS["batch normalisation"], checkpointed, 5) for checkpointed in (False, True))
    assert largest_difference(gradients(found), gradients(plain)) < 1e-6


@pytest.mark.parametrize("name", ENCODERS)
def test_less_is_kept(name: str) -> None:
    kept = []
    for checkpointed in (False, True):
        model, batch, sizes = toy_model(**ENCODERS[name]), toy_batch(6, side=64), []
        if checkpointed:
            checkpoint_activations(model)
        text = batch.targets["text"]

        def pack(value: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(value.numel())
            return value

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
            if ENCODERS[name]["image"] is COMPACT:
                model.encode_texts(text.token_ids[:, 0], text.token_mask[:, 0])
            else:
                model.encode_images(batch.films.pixels)
        kept.append(sum(sizes))
    assert kept[1] < 0.7 * kept[0]


def test_dropout_outside_a_training_step_is_the_same_both_times() -> None:
    results = []
    for checkpointed in (False, True):
        model = toy_model(**ENCODERS["vision transformer"])
        if checkpointed:
            checkpoint_activations(model)
        torch.manual_seed(3)
        model.encode_images(toy_batch(4, side=64).films.pixels).square().mean(1)[0].backward()
        results.append(gradients(model))
    assert largest_difference(*results) < 1e-6


def test_a_copy_runs_its_own_blocks() -> None:
    model = toy_model(**ENCODERS["vision transformer"]).eval()
    checkpoint_activations(model)
    other, films = copy.deepcopy(model), toy_batch(2, side=64).films.pixels
    for parameter in blocks_of(other.image)[0].parameters():
        parameter.data.add_(1.0)
    assert not torch.allclose(other.encode_images(films), model.encode_images(films))


def test_a_frozen_encoder_gets_no_gradient() -> None:
    model = toy_model(**ENCODERS["vision transformer"])
    freeze(model, {"image": 1})
    checkpoint_activations(model)
    train_step(model, toy_objective("infonce", model), [toy_batch(4, side=64)], seed=0, step=0)
    with_gradient = [p.grad is not None for p in model.image.backbone.blocks.parameters()]
    assert any(with_gradient)
    assert not all(with_gradient)


def test_half_precision_is_repeated() -> None:
    autocast = lambda: torch.autocast("cpu", torch.bfloat16)  # noqa: E731
    plain, found = (
        gradients(step(ENCODERS["own transformer"], checkpointed, 4, autocast=autocast))
        for checkpointed in (False, True)
    )
    assert largest_difference(found, plain) == 0.0


def test_a_model_without_blocks_is_refused() -> None:
    with pytest.raises(ConfigError, match="no encoder of this model has blocks"):
        checkpoint_activations(toy_classifier(image=COMPACT))


PUBLISHED = {
    "resnet50": 16,
    "vit_base_patch16_224.orig_in21k": 12,
    "swin_tiny_patch4_window7_224": 12,
    "tf_efficientnet_b2": 23,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_blocks_hold_nearly_all_of_a_published_encoder(name: str) -> None:
    with torch.device("meta"):
        encoder = timm.create_model(name, pretrained=False, num_classes=0)
    blocks = blocks_of(encoder)
    inside = sum(parameter.numel() for block in blocks for parameter in block.parameters())
    assert len(blocks) == PUBLISHED[name]
    assert inside > 0.9 * sum(parameter.numel() for parameter in encoder.parameters())

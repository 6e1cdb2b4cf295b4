"""Frozen parts: no gradient, nothing random, nothing that moves."""

from __future__ import annotations

import pytest
import torch

from plainfilm.errors import ConfigError
from plainfilm.nn.freezing import freeze
from tests.toys import CNN, TEXT, toy_batch, toy_model


def test_a_frozen_encoder_stays_in_evaluation_mode_when_training_begins() -> None:
    model = toy_model(image=CNN)
    freeze(model, image=True)
    model.eval().train()
    assert not any(module.training for module in model.image.modules())
    assert model.image_projection.training
    assert model.text.training


def test_batch_statistics_of_a_frozen_encoder_do_not_move() -> None:
    model = toy_model(image=CNN)
    freeze(model, image=True)
    before = {key: value.clone() for key, value in model.image.state_dict().items()}
    model.encode_images(toy_batch(4, side=64).images[:, 0])
    assert all(torch.equal(value, before[key]) for key, value in model.image.state_dict().items())


def test_batch_statistics_stay_while_the_encoder_trains() -> None:
    model = toy_model(image=CNN)
    freeze(model, batch_norm=True)
    before = {key: value.clone() for key, value in model.image.named_buffers()}
    model.encode_images(toy_batch(4, side=64).images[:, 0]).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in model.image.named_buffers())
    assert all(parameter.grad is not None for parameter in model.image.parameters())


def test_some_text_blocks_are_frozen_with_the_embeddings() -> None:
    model = toy_model(text=TEXT | {"depth": 3})
    freeze(model, text=2)
    layers = model.text.layers()
    frozen = [not any(p.requires_grad for p in layer.parameters()) for layer in layers]
    assert frozen == [True, True, True, False]
    assert [layer.training for layer in layers] == [False, False, False, True]


def test_zero_text_blocks_freeze_the_embeddings_alone() -> None:
    model = toy_model()
    freeze(model, text=0)
    assert not model.text.embeddings.training
    assert model.text.blocks[0].training


def test_the_whole_text_encoder_can_be_frozen() -> None:
    model = toy_model()
    freeze(model, text=True)
    assert not any(parameter.requires_grad for parameter in model.text_parameters())
    assert all(parameter.requires_grad for parameter in model.other_parameters())


def test_freezing_again_replaces_what_was_frozen() -> None:
    model = toy_model()
    freeze(model, image=True, text=True)
    freeze(model)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.modules())


def test_more_blocks_than_there_are_is_an_error() -> None:
    with pytest.raises(ConfigError, match="freezing 5 text blocks: this encoder has 1"):
        freeze(toy_model(), text=5)

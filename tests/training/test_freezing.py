"""Frozen parts: no gradient, nothing random, nothing that moves."""

from __future__ import annotations

import pytest
import torch

from plainfilm.errors import ConfigError
from plainfilm.training.freezing import freeze
from tests.toys import CNN, TEXT, toy_batch, toy_model


def test_a_frozen_encoder_stays_in_evaluation_mode_when_training_begins() -> None:
    model = toy_model(image=CNN)
    freeze(model, {"image": True})
    model.eval().train()
    assert not any(module.training for module in model.image.modules())
    assert model.image_projection.training
    assert model.text.training


def test_batch_statistics_of_a_frozen_encoder_do_not_move() -> None:
    model = toy_model(image=CNN)
    freeze(model, {"image": True})
    before = {key: value.clone() for key, value in model.image.state_dict().items()}
    model.encode_images(toy_batch(4, side=64).films.pixels)
    assert all(torch.equal(value, before[key]) for key, value in model.image.state_dict().items())


def test_batch_statistics_stay_while_the_encoder_trains() -> None:
    model = toy_model(image=CNN)
    freeze(model, {}, batch_norm=True)
    before = {key: value.clone() for key, value in model.image.named_buffers()}
    model.encode_images(toy_batch(4, side=64).films.pixels).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in model.image.named_buffers())
    assert all(parameter.grad is not None for parameter in model.image.parameters())


def test_some_text_blocks_are_frozen_with_the_embeddings() -> None:
    model = toy_model(text=TEXT | {"depth": 3})
    freeze(model, {"text": 2})
    layers = model.text.layers()
    frozen = [not any(p.requires_grad for p in layer.parameters()) for layer in layers]
    assert frozen == [True, True, True, False]
    assert [layer.training for layer in layers] == [False, False, False, True]


def test_some_blocks_of_a_vision_transformer_are_frozen_with_the_embeddings() -> None:
    model = toy_model()
    backbone = model.image.backbone
    freeze(model, {"image": 1})
    model.eval().train()
    assert not backbone.pos_embed.requires_grad
    assert not backbone.cls_token.requires_grad
    assert not any(parameter.requires_grad for parameter in backbone.patch_embed.parameters())
    assert [block.training for block in backbone.blocks] == [False, *[True] * (len(backbone.blocks) - 1)]
    assert all(parameter.requires_grad for parameter in backbone.blocks[1].parameters())


def test_zero_text_blocks_freeze_the_embeddings_alone() -> None:
    model = toy_model()
    freeze(model, {"text": 0})
    assert not model.text.embeddings.training
    assert model.text.blocks[0].training


def test_the_whole_text_encoder_can_be_frozen() -> None:
    model = toy_model()
    freeze(model, {"text": True})
    assert not any(parameter.requires_grad for parameter in model.text.parameters())
    others = {name: part for name, part in model.parts().items() if name != "text"}
    assert all(one.requires_grad for part in others.values() for one in part.parameters())
    assert all(one.requires_grad for one in model.other_parameters())


def test_freezing_again_replaces_what_was_frozen() -> None:
    model = toy_model()
    freeze(model, {"image": True, "text": True})
    freeze(model, {"image": False})
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.modules())


def test_more_blocks_than_there_are_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"parts.text.freeze is 5, and this encoder has 1 besides"):
        freeze(toy_model(), {"text": 5})


def test_a_part_without_blocks_cannot_be_frozen_in_part() -> None:
    with pytest.raises(ConfigError, match=r"parts.image_projection.freeze is 1, but .* no numbered blocks"):
        freeze(toy_model(), {"image_projection": 1})


def test_a_part_that_the_model_does_not_have_is_named_with_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match="unknown part 'imag' of model 'dual_encoder': did you mean 'image'"
    ):
        freeze(toy_model(), {"imag": True})


def test_any_part_may_be_frozen_alone() -> None:
    model = toy_model()
    freeze(model, {"text_projection": True})
    frozen = [name for name, one in model.named_parameters() if not one.requires_grad]
    assert frozen
    assert {name.split(".")[0] for name in frozen} == {"text_projection"}

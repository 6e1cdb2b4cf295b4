"""Parameter groups and the schedule."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from plainfilm.errors import ConfigError
from plainfilm.models.base import Facts, TokenizerFacts, build_model
from plainfilm.models.dual_encoder import DualEncoder
from plainfilm.objectives.base import Objective
from plainfilm.training.freezing import freeze
from plainfilm.training.optim import build_optimizer, rate_factor, set_rates
from plainfilm.training.recipe import Recipe

Tiny = Callable[..., Recipe]


@pytest.fixture
def model(tiny: Tiny) -> DualEncoder:
    facts = Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=320, max_tokens=32)})
    return build_model(tiny().architecture, facts)


def ids(parameters: list[nn.Parameter]) -> set[int]:
    return {id(parameter) for parameter in parameters}


def test_every_parameter_is_in_one_group(tiny: Tiny, model: DualEncoder) -> None:
    optimizer = build_optimizer(tiny(), model, Objective())
    grouped = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert len(grouped) == len(ids(grouped))
    assert ids(grouped) == ids(list(model.parameters()))


def test_parts_have_their_own_rates(tiny: Tiny, model: DualEncoder) -> None:
    rates = ["parts.image.learning_rate=0.5", "parts.text.learning_rate=0.25", "training.learning_rate=0.125"]
    optimizer = build_optimizer(tiny(*rates), model, Objective())
    found = set_rates(optimizer, 0.5)
    others = dict.fromkeys(("image_projection", "text_projection", "rest"), 0.0625)
    assert found == {"image": 0.25, "text": 0.125, **others}


DECAYED = ["parts.text.learning_rate=0.8", "parts.text.layer_decay=0.5", "model.text.depth=2"]


def test_rates_fall_from_block_to_block(tiny: Tiny) -> None:
    recipe = tiny(*DECAYED)
    facts = Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=320, max_tokens=32)})
    model = build_model(recipe.architecture, facts)
    optimizer = build_optimizer(recipe, model, Objective())
    rates = {id(p): group["peak"] for group in optimizer.param_groups for p in group["params"]}
    of_layers = [{rates[id(p)] for p in layer.parameters()} for layer in model.text.layers()]
    assert of_layers == [{0.2}, {0.4}, {0.8}]
    assert rates.keys() == ids(list(model.parameters()))
    assert set_rates(optimizer, 0.5)["text"] == 0.4


def test_a_part_without_blocks_has_no_rates_of_blocks(tiny: Tiny, model: DualEncoder) -> None:
    with pytest.raises(
        ConfigError, match=r"parts\.text_projection\.layer_decay is 0\.5, but this part has no"
    ):
        build_optimizer(tiny("parts.text_projection.layer_decay=0.5"), model, Objective())


def test_weight_decay_leaves_vectors_alone(tiny: Tiny, model: DualEncoder) -> None:
    optimizer = build_optimizer(tiny("training.weight_decay=0.1"), model, Objective())
    for group in optimizer.param_groups:
        assert {parameter.ndim > 1 for parameter in group["params"]} == {group["weight_decay"] > 0}


def test_frozen_parameters_are_left_out(tiny: Tiny, model: DualEncoder) -> None:
    freeze(model, {"image": True})
    optimizer = build_optimizer(tiny(), model, Objective())
    assert "image" not in {group["name"] for group in optimizer.param_groups}


def test_the_objectives_own_parameters_are_trained(tiny: Tiny, model: DualEncoder) -> None:
    objective = Objective()
    objective.own = nn.Parameter(torch.zeros(()))
    optimizer = build_optimizer(tiny(), model, objective)
    grouped = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert id(objective.own) in ids(grouped)


def test_sgd_has_momentum(tiny: Tiny, model: DualEncoder) -> None:
    optimizer = build_optimizer(tiny("training.optimizer=sgd"), model, Objective())
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["momentum"] == 0.9


def test_schedule_agrees_with_torch() -> None:
    total, warmup = 40, 8
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total - warmup)
    for step in range(warmup, total):
        assert rate_factor(step, total, warmup, "cosine") == pytest.approx(cosine.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        cosine.step()


def test_warm_up_is_linear_and_never_zero() -> None:
    assert [rate_factor(step, 100, 4, "cosine") for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_constant_schedule() -> None:
    assert {rate_factor(step, 10, 0, "constant") for step in range(10)} == {1.0}


def test_the_schedule_is_the_squared_cosine_of_virtex() -> None:
    total, warmup = 50, 10
    for step in range(warmup, total):
        published = math.cos((step - warmup) / (total - warmup) * math.pi / 2) ** 2
        assert rate_factor(step, total, warmup, "cosine") == pytest.approx(published, abs=1e-12)


def test_lookahead_keeps_the_groups_and_their_rates(tiny: Tiny, model: DualEncoder) -> None:
    plain, slow = (
        build_optimizer(tiny(*more), model, Objective()) for more in ((), ("training.lookahead={}",))
    )
    assert [g["name"] for g in slow.param_groups] == [g["name"] for g in plain.param_groups]
    assert set_rates(slow, 0.5) == set_rates(plain, 0.5)

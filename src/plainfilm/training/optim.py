"""Optimizers with a learning rate per parameter group, and the learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from plainfilm.models.base import REST, Model
from plainfilm.training.lookahead import Lookahead
from plainfilm.training.parts import PartConfig, blocks_of
from plainfilm.training.recipe import Recipe, TrainingConfig


def build_optimizer(recipe: Recipe, model: Model, objective: nn.Module) -> Optimizer:
    """AdamW or SGD over all parameters that are not frozen.

    Groups are named after the model's parts; "rest" holds parameters outside all parts and those of the
    objective. A part with `layer_decay` has groups for each of its blocks. Each group stores its peak rate
    as `peak`. Weight decay applies to weights of two or more axes only, not to biases, normalisation layers
    and the temperature. `training.lookahead` adds slow weights.

    Raises:
        ConfigError: `layer_decay` of a part that names no blocks.
    """
    config = recipe.training
    groups = []
    for name, part in model.parts().items():
        own = recipe.parts.get(name, PartConfig())
        for factor, parameters in _by_factor(name, part, own.layer_decay):
            groups += _groups(name, parameters, (own.learning_rate or config.learning_rate) * factor, config)
    rest = recipe.parts.get(REST, PartConfig()).learning_rate or config.learning_rate
    groups += _groups(REST, [*model.other_parameters(), *objective.parameters()], rest, config)
    fast: Optimizer = torch.optim.AdamW(groups, lr=config.learning_rate)
    if config.optimizer == "sgd":
        fast = torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
    return fast if config.lookahead is None else Lookahead(fast, config.lookahead)


def _by_factor(name: str, part: nn.Module, decay: float | None) -> list[tuple[float, list[nn.Parameter]]]:
    """The parameters of a part with the factors of its rate: 1 in the last block and outside all blocks."""
    if decay is None:
        return [(1.0, list(part.parameters()))]
    blocks = [list(block.parameters()) for block in blocks_of(part, f"parts.{name}.layer_decay", decay)]
    of_blocks = {id(parameter) for block in blocks for parameter in block}
    outside = [parameter for parameter in part.parameters() if id(parameter) not in of_blocks]
    below = [(decay ** (len(blocks) - 1 - index), block) for index, block in enumerate(blocks[:-1])]
    return [*below, (1.0, blocks[-1] + outside)]


def _groups(
    name: str, parameters: Iterable[nn.Parameter], rate: float, config: TrainingConfig
) -> list[dict[str, Any]]:
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    split = [
        ([p for p in trained if p.ndim > 1], config.weight_decay),
        ([p for p in trained if p.ndim <= 1], 0.0),
    ]
    return [
        {"params": part, "name": name, "peak": rate, "lr": rate, "weight_decay": decay}
        for part, decay in split
        if part
    ]


def rate_factor(step: int, total: int, warmup: int, schedule: str) -> float:
    """The factor of the peak rate at optimizer step `step` (from 0) of `total`.

    Linear from 1/`warmup` up to 1 over the first `warmup` steps, then down to nearly 0 at the last step
    along a half cosine (Loshchilov and Hutter 2017, arXiv:1608.03983; the same as the square of a quarter
    cosine, as VirTex and REFERS write it), or constant.

    >>> [round(rate_factor(step, 6, 2, "cosine"), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def set_rates(optimizer: Optimizer, factor: float) -> dict[str, float]:
    """Set every group's rate to `factor` times its peak; return the highest rate by group name."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return {group["name"]: group["lr"] for group in optimizer.param_groups}

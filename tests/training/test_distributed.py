"""Gathering and adding up in a world of one; `test_step.py` runs them in a world of two."""

from __future__ import annotations

import torch
from torch import nn

from plainfilm.training.distributed import Gathering, _buckets, add_up_gradients, rank, world_size


def test_alone_is_a_world_of_one() -> None:
    assert (rank(), world_size()) == (0, 1)


def test_alone_the_whole_is_what_is_here_detached() -> None:
    gathering = Gathering.of(torch.tensor([4, 2]))
    values = torch.ones(2, 3, requires_grad=True)
    assert gathering.mine.tolist() == [0, 1]
    assert gathering.counts == (2,)
    assert not gathering.all_gather_rows(values).requires_grad
    assert gathering.all_gather_by_name({"b": values, "a": values}, values.device).keys() == {"a", "b"}


def test_alone_gradients_stay_as_they_are() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.grad = torch.ones(2, 2)
    add_up_gradients(list(layer.parameters()))
    assert layer.weight.grad.sum() == 4
    assert layer.bias.grad is None


def test_buckets_hold_one_type_and_a_bounded_size() -> None:
    large = [torch.zeros(5 * 2**20) for _ in range(3)]
    mixed = [*large, torch.zeros(3, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)]
    sizes = [[tensor.numel() for tensor in bucket] for bucket in _buckets(mixed)]
    assert sizes == [[5 * 2**20], [5 * 2**20], [5 * 2**20], [3, 4]]

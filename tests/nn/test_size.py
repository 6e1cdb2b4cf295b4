"""A module built without storage has the shapes that it has with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from plainfilm.errors import ConfigError
from plainfilm.nn.size import check_fits_in_memory, on_meta


def build() -> nn.Module:
    module = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 3), nn.Conv2d(1, 2, 3), nn.LayerNorm(3))
    nn.init.trunc_normal_(module[1].weight, std=0.1)
    nn.init.xavier_uniform_(tensor=module[2].weight)
    nn.init.normal_(tensor=module[0].weight)
    return module


def test_shapes_are_those_with_storage() -> None:
    described = on_meta(build)
    assert described is not None
    shapes = {name: value.shape for name, value in build().state_dict().items()}
    assert {name: value.shape for name, value in described.state_dict().items()} == shapes
    assert all(value.is_meta for value in described.state_dict().values())


def test_no_random_number_is_drawn() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    on_meta(build)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_torch_s_compiler_stays_out() -> None:
    code = "import sys; from tests.nn.test_size import build, on_meta; on_meta(build); "
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", code + "sys.exit('torch._dynamo' in sys.modules)"]
    done = subprocess.run(words, cwd=root)
    assert done.returncode == 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="make it smaller"):
        check_fits_in_memory(lambda: nn.Linear(1 << 24, 1 << 24), "a layer")

"""Projections into the shared space."""

from __future__ import annotations

import pytest
import torch

from plainfilm.errors import ConfigError
from plainfilm.nn.projection import build_projection


@pytest.mark.parametrize(("kind", "layers"), [("none", 0), ("linear", 1), ("mlp", 2)])
def test_each_kind_has_its_layers(kind: str, layers: int) -> None:
    projection = build_projection(kind, 6, 6)
    assert projection(torch.randn(3, 6)).shape == (3, 6)
    assert sum(isinstance(module, torch.nn.Linear) for module in projection.modules()) == layers


def test_no_projection_between_spaces_of_different_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs encoders with 768 features, this one has 384"):
        build_projection("none", 384, 768)

"""Projections into the shared space."""

from __future__ import annotations

import pytest
import torch

from plainfilm.errors import ConfigError
from plainfilm.nn.projection import build_projection


@pytest.mark.parametrize(("kind", "layers"), [("none", 0), ("linear", 1), ("mlp", 2), ("residual_mlp", 2)])
def test_each_kind_has_its_layers(kind: str, layers: int) -> None:
    projection = build_projection(kind, 6, 6)
    assert projection(torch.randn(3, 6)).shape == (3, 6)
    assert sum(isinstance(module, torch.nn.Linear) for module in projection.modules()) == layers


def test_a_residual_projection_adds_the_second_layer_to_the_first_and_normalises() -> None:
    torch.manual_seed(0)
    projection = build_projection("residual_mlp", 5, 4, dropout=0.5).eval()
    named = dict(projection.named_parameters())
    features = torch.randn(3, 5)
    first = features @ named["inner.weight"].T + named["inner.bias"]
    second = torch.nn.functional.gelu(first) @ named["outer.weight"].T + named["outer.bias"]
    total = first + second
    variance = total.var(1, correction=0, keepdim=True)
    expected = (total - total.mean(1, keepdim=True)) / (variance + 1e-5).sqrt()
    torch.testing.assert_close(projection(features), expected)


def test_no_projection_between_spaces_of_different_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs encoders with 768 features, but this one has 384"):
        build_projection("none", 384, 768)

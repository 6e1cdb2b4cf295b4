"""Attention, written out or fused, against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plainfilm.nn.attention import attended

SHOWN = torch.rand(3, 1, 5, 7, generator=torch.Generator().manual_seed(0)) < 0.5


@pytest.mark.parametrize("visible", [None, SHOWN | (torch.arange(7) == 2)], ids=["all", "some"])
@pytest.mark.parametrize("dropout", [None, nn.Dropout(0.0), nn.Dropout(0.5).eval()], ids=str)
def test_value_and_gradient_are_torchs_own(visible: torch.Tensor | None, dropout: nn.Module | None) -> None:
    draw = torch.Generator().manual_seed(1)
    inputs = [torch.randn(3, 2, length, 4, generator=draw).requires_grad_() for length in (5, 7, 7)]
    expected = nn.functional.scaled_dot_product_attention(*inputs, attn_mask=visible)
    found = attended(*inputs, visible, dropout)
    torch.testing.assert_close(found, expected)
    with torch.no_grad():
        torch.testing.assert_close(attended(*inputs, visible, dropout), expected)
    for one, other in zip(
        *(torch.autograd.grad(made.sin().sum(), inputs) for made in (found, expected)), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_weights_are_dropped_in_training() -> None:
    values = torch.ones(1, 1, 1, 1000, 1)[0]
    dropped = attended(torch.zeros(1, 1, 50, 1), torch.zeros_like(values), values, None, nn.Dropout(0.5))
    assert float(dropped.std()) > 0.01
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.03)

"""What calls cost without storage is what torch's own counter says of real ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from plainfilm import plugins
from plainfilm.nn import base
from plainfilm.nn.cost import Cost, cost_of

SIDE, LENGTH = 64, 12
HEADS, TOKENS = 2, 5000


def counted(run: Any) -> int:
    """By torch's own counter, which leaves out the fused attention of CPUs."""
    own = (sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False))
    with torch.no_grad(), own[0], own[1] as counter:
        run()
    return int(counter.get_total_flops())


@pytest.mark.parametrize("name", plugins.names("image encoder"))
def test_operations_of_a_film(name: str) -> None:
    module = base.image_encoder(name)
    shape = (1, getattr(module.TINY, "channels", 3), SIDE, SIDE)
    encoder = module.build(module.TINY).eval()
    expected = counted(lambda: encoder(torch.zeros(shape)))
    with torch.device("meta"):
        encoder = module.build(module.TINY).eval()
    cost = cost_of(lambda: encoder(torch.empty(shape)))
    assert cost is not None
    assert cost.operations == expected > 0


@pytest.mark.parametrize("name", plugins.names("text encoder"))
def test_operations_of_a_text(name: str) -> None:
    module = base.text_encoder(name)
    given = (torch.zeros(1, LENGTH, dtype=torch.int64), torch.ones(1, LENGTH, dtype=torch.bool))
    encoder = module.build(module.TINY, 40).eval()
    expected = counted(lambda: encoder(*given))
    with torch.device("meta"):
        encoder = module.build(module.TINY, 40).eval()
    cost = cost_of(lambda: encoder(*(one.to("meta") for one in given)))
    assert cost is not None
    assert cost.operations == expected > 0


def attention() -> Tensor:
    values = torch.empty(1, HEADS, TOKENS, 4, device="meta")
    return nn.functional.scaled_dot_product_attention(values, values, values)


def test_weights_of_attention_are_the_largest_array() -> None:
    pairs = HEADS * TOKENS**2
    assert cost_of(attention) == Cost(operations=2 * 2 * pairs * 4, largest=pairs * 4)


def test_a_transposed_convolution() -> None:
    layer = nn.ConvTranspose2d(3, 5, 4, stride=2)
    expected = counted(lambda: layer(torch.zeros(1, 3, 7, 7)))
    cost = cost_of(lambda: layer.to("meta")(torch.empty(1, 3, 7, 7)))
    assert cost is not None
    assert cost.operations == expected


def test_what_is_asked_holds() -> None:
    mask, values = torch.ones(3, dtype=torch.bool), torch.empty(4, 4, device="meta")
    cost = cost_of(lambda: values @ values if mask.to("meta").all() else None)
    assert cost is not None
    assert cost.operations == 2 * 4**3


def test_what_needs_values_has_no_known_cost() -> None:
    assert cost_of(lambda: torch.empty(3).sum().item()) is None

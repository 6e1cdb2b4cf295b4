"""Attention over the values that may be seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def attended(
    queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor | None, dropout: nn.Module | None = None
) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762): (N, heads, L, D).

    queries: (N, heads, L, D). keys, values: (N, heads, M, D). visible: True where a value may be seen, of a
    shape that broadcasts to (N, heads, L, M). dropout: of the weights, in training.
    """
    drops = dropout is not None and dropout.training and bool(getattr(dropout, "p", 0.0))
    # On CPUs the backward pass of torch's fused kernel takes longer than all the rest of a small model.
    is_slow = queries.device.type == "cpu" and torch.is_grad_enabled()
    if not drops and not is_slow:
        return nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=visible)
    scores = queries @ keys.transpose(-2, -1) * queries.shape[-1] ** -0.5
    scores = scores if visible is None else scores.masked_fill(~visible, -torch.inf)
    weights = scores.softmax(dim=-1)
    return (dropout(weights) if drops and dropout is not None else weights) @ values

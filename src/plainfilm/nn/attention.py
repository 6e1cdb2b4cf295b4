"""Attention over the values that may be seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def attended(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    visible: Tensor | None,
    dropout: nn.Module | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762): (N, heads, L, D).

    queries: (N, heads, L, D). keys, values: (N, heads, M, D). visible: True where a value may be seen, of a
    shape that broadcasts to (N, heads, L, M). dropout: of the weights, in training. bias: (N, heads, L, M),
    added to the scaled products.
    """
    drops = dropout is not None and dropout.training and bool(getattr(dropout, "p", 0.0))
    # On CPUs the backward pass of torch's fused kernel takes longer than all the rest of a small model.
    is_slow = queries.device.type == "cpu" and torch.is_grad_enabled()
    if not drops and not is_slow and bias is None:
        return nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=visible)
    scores = queries @ keys.transpose(-2, -1) * queries.shape[-1] ** -0.5
    scores = scores if bias is None else scores + bias
    scores = scores if visible is None else scores.masked_fill(~visible, -torch.inf)
    weights = scores.softmax(dim=-1)
    if drops and dropout is not None:
        # By token before by head: what is drawn for a token does not depend on how many there are.
        weights = dropout(weights.transpose(1, 2)).transpose(1, 2)
    return weights @ values

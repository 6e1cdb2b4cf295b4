"""Pooling of token features."""

from __future__ import annotations

import torch

from plainfilm.nn.pooling import end_token, masked_mean, start_token

TOKENS = torch.arange(24.0).reshape(2, 4, 3)
MASK = torch.tensor([[True, True, False, False], [True, True, True, True]])


def test_the_mean_is_over_what_is_not_padding() -> None:
    expected = torch.stack([TOKENS[0, :2].mean(0), TOKENS[1].mean(0)])
    torch.testing.assert_close(masked_mean(TOKENS, MASK), expected)


def test_a_text_of_padding_only_has_a_mean_of_zero() -> None:
    assert not masked_mean(TOKENS, torch.zeros_like(MASK)).any()


def test_the_end_token_is_the_last_that_is_not_padding() -> None:
    assert torch.equal(end_token(TOKENS, MASK), torch.stack([TOKENS[0, 1], TOKENS[1, 3]]))


def test_the_end_token_is_found_with_padding_on_the_left() -> None:
    assert torch.equal(end_token(TOKENS, MASK.flip(1)), TOKENS[:, 3])


def test_the_start_token_is_the_first() -> None:
    assert torch.equal(start_token(TOKENS, MASK), TOKENS[:, 0])

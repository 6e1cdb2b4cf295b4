"""The compact transformer."""

from __future__ import annotations

import pytest
import torch

from plainfilm.errors import ModelError
from plainfilm.nn.text.compact import TINY, Config, build

IDS = torch.tensor([[2, 7, 8, 9, 3], [2, 9, 3, 0, 0]])
MASK = IDS != 0


def _encoder(**changes: object):
    torch.manual_seed(0)
    return build(TINY.model_copy(update=changes), 20).eval()


def test_padding_is_never_looked_at() -> None:
    encoder, other = _encoder(), IDS.clone()
    other[1, 3:] = 11
    torch.testing.assert_close(encoder(IDS, MASK).pooled, encoder(other, MASK).pooled)


def test_the_order_of_words_matters() -> None:
    encoder = _encoder()
    assert not torch.allclose(encoder(IDS, MASK).pooled[0], encoder(IDS[:, [0, 2, 1, 3, 4]], MASK).pooled[0])


@pytest.mark.parametrize(("pooling", "position"), [("start", 0), ("end", 2)])
def test_pooling_takes_the_stated_token(pooling: str, position: int) -> None:
    found = _encoder(pooling=pooling)(IDS, MASK)
    assert torch.equal(found.pooled[1], found.tokens[1, position])


def test_depth_and_width_are_as_asked() -> None:
    encoder = build(Config(width=24, depth=3, heads=4), 20)
    assert len(encoder.layers()) == 4
    assert encoder(IDS, MASK).pooled.shape == (2, 24)


def test_a_text_that_is_too_long_is_refused() -> None:
    ids = torch.full((1, 33), 5)
    with pytest.raises(ModelError, match="a text of 33 tokens, but this encoder takes 32"):
        _encoder()(ids, ids > 0)

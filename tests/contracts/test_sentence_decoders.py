"""Every sentence decoder keeps its contract: a prefix that is read as stated, a cache, settings that come
back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from plainfilm import plugins
from plainfilm.nn import base
from plainfilm.nn.decoding import Decoding, Ends, write
from plainfilm.nn.regions.prefix import Prefix, PrefixConfig
from plainfilm.nn.size import on_meta

NAMES = plugins.names("sentence decoder")
VOCABULARY, FEATURES, TEXTS = 40, 8, 3
ENDS = Ends(2, 3, (0, 2))


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest) -> tuple[base.SentenceDecoder, Prefix]:
    """The decoder's `TINY` with weights that matter, and prefixes of four places for it."""
    torch.manual_seed(0)
    module = base.sentence_decoder(request.param)
    decoder = module.build(module.TINY, VOCABULARY, 0).eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return decoder, Prefix(PrefixConfig(length=2, hidden=12), FEATURES, decoder.shape).eval()


def vectors(seed: int = 0) -> Tensor:
    return torch.randn(TEXTS, 2, FEATURES, generator=torch.Generator().manual_seed(seed))


MASK = torch.tensor([[True, True], [True, False], [True, True]])
IDS = torch.randint(4, VOCABULARY, (TEXTS, 6), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_a_prefix_is_as_stated(made: tuple[base.SentenceDecoder, Prefix]) -> None:
    decoder, prefix = made
    found, mask = prefix(vectors(), MASK)
    shape = decoder.shape
    first, last = prefix.perceptron[0], prefix.perceptron[3]
    for text in range(TEXTS):
        for place in range(2):
            inner = first.weight.double().numpy() @ vectors()[text, place].double().numpy()
            inner = torch.nn.functional.gelu(torch.from_numpy(inner) + first.bias.double()).numpy()
            out = last.weight.double().numpy() @ inner + last.bias.double().numpy()
            pairs = out.reshape(2, shape.layers, 2, shape.heads, shape.size)
            own = found[:, :, text, :, 2 * place : 2 * place + 2].double().numpy()
            np.testing.assert_allclose(own, pairs.transpose(1, 2, 3, 0, 4), atol=1e-5)
    assert mask.tolist() == [[True] * 4, [True, True, False, False], [True] * 4]


@torch.no_grad()
def test_what_is_masked_of_a_prefix_is_not_read(made: tuple[base.SentenceDecoder, Prefix]) -> None:
    decoder, prefix = made
    other = vectors()
    other[1, 1] = 9.0
    first, second = (decoder(IDS, *prefix(given, MASK)) for given in (vectors(), other))
    torch.testing.assert_close(first, second)
    everything = torch.ones_like(MASK)
    changed = decoder(IDS, *prefix(other, everything)) - decoder(IDS, *prefix(vectors(), everything))
    assert float(changed[1].abs().max()) > 1e-3


@torch.no_grad()
def test_a_token_depends_on_those_before_it(made: tuple[base.SentenceDecoder, Prefix]) -> None:
    decoder, prefix = made
    given, later = prefix(vectors(), MASK), IDS.clone()
    later[:, 4:] = 5
    first, second = decoder(IDS, *given), decoder(later, *given)
    torch.testing.assert_close(first[:, :4], second[:, :4])
    assert not torch.allclose(first[:, 4:], second[:, 4:])


@torch.no_grad()
def test_a_text_does_not_depend_on_the_others(made: tuple[base.SentenceDecoder, Prefix]) -> None:
    decoder, prefix = made
    whole = decoder(IDS, *prefix(vectors(), MASK))
    alone = decoder(IDS[1:2], *prefix(vectors()[1:2, :1], MASK[1:2, :1]))
    torch.testing.assert_close(alone[0], whole[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("decoding", [Decoding(max_tokens=8), Decoding(use="beam", beams=3, max_tokens=8)])
@torch.no_grad()
def test_the_cache_changes_nothing(made: tuple[base.SentenceDecoder, Prefix], decoding: Decoding) -> None:
    decoder, prefix = made
    keys, mask = prefix(vectors(), MASK)
    cached = write(decoder.writer(keys, mask, 8), TEXTS, ENDS, decoding, torch.device("cpu"))
    plain = write(_Plain(decoder, keys, mask, decoding.beams), TEXTS, ENDS, decoding, torch.device("cpu"))
    assert cached.tolist() == plain.tolist()


class _Plain:
    """A writer that reads the whole text again for every token."""

    def __init__(self, decoder: base.SentenceDecoder, prefix: Tensor, mask: Tensor, beams: int) -> None:
        self._decoder = decoder
        self._prefix = prefix.repeat_interleave(beams, dim=2)
        self._mask = mask.repeat_interleave(beams, dim=0)
        self._ids = torch.zeros(len(self._mask), 0, dtype=torch.int64)

    def next_logits(self, token_ids: Tensor) -> Tensor:
        self._ids = torch.cat([self._ids, token_ids[:, None]], dim=1)
        return self._decoder.logits(self._decoder(self._ids, self._prefix, self._mask)[:, -1])

    def reorder(self, rows: Tensor) -> None:
        self._ids = self._ids[rows]


def test_the_loss_reaches_decoder_and_prefix(made: tuple[base.SentenceDecoder, Prefix]) -> None:
    decoder, prefix = made
    logits = decoder.logits(decoder(IDS[:, :-1], *prefix(vectors(), MASK)))
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), IDS[:, 1:].flatten()).backward()
    for part in made:
        assert [name for name, one in part.named_parameters() if one.grad is None] == []
    assert prefix.perceptron[0].weight.grad.abs().max() > 0


def test_settings_rebuild_it(made: tuple[base.SentenceDecoder, Prefix]) -> None:
    decoder, _ = made
    settings = base.encoder_config("sentence decoder", decoder.rebuilt_from(), "here")
    module = base.sentence_decoder(settings.use)
    again = on_meta(lambda: module.build(settings, VOCABULARY, 0)) or module.build(settings, VOCABULARY, 0)
    own, other = decoder.state_dict(), again.state_dict()
    assert {key: value.shape for key, value in own.items()} == {
        key: value.shape for key, value in other.items()
    }

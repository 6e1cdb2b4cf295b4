"""The report decoder: with kept keys and values it writes what it writes without; it reads no later token."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plainfilm.errors import ConfigError
from plainfilm.nn.decoding import Decoding, Ends, write
from plainfilm.nn.report_decoder import ReportDecoder, ReportDecoderConfig
from plainfilm.nn.row_dropout import install_row_dropout, per_row_dropout

PIECES, FEATURES, VECTOR, ENDS = 30, 12, 5, Ends(1, 2, (0, 1))
DEVICE = torch.device("cpu")


def decoder(**options: Any) -> ReportDecoder:
    """A decoder whose tokens differ enough to be told apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = ReportDecoderConfig(**({"width": 16, "depth": 2, "heads": 4, "max_tokens": 40} | options))
        made = ReportDecoder(config, FEATURES, PIECES, pad=0, vector_features=VECTOR).eval()
        for parameter in made.parameters():
            nn.init.normal_(parameter, std=0.7)
    return made


def memory(count: int = 3) -> tuple[Tensor, Tensor]:
    values = 5 * torch.randn(count, 6, FEATURES, generator=torch.Generator().manual_seed(1))
    return values, torch.arange(6) < torch.tensor([6, 3, 4])[:count, None]


def vectors(count: int = 3) -> Tensor:
    return torch.randn(count, VECTOR, generator=torch.Generator().manual_seed(4))


class WithoutCache:
    """A writer that reads all tokens so far again at every step."""

    def __init__(self, made: ReportDecoder, values: Tensor, mask: Tensor, beams: int) -> None:
        self._made = made
        self._vectors = vectors(len(values)).repeat_interleave(beams, dim=0)
        self._memory = values.repeat_interleave(beams, dim=0), mask.repeat_interleave(beams, dim=0)
        self._ids = torch.zeros(len(values) * beams, 0, dtype=torch.int64)

    def next_logits(self, token_ids: Tensor) -> Tensor:
        self._ids = torch.cat([self._ids, token_ids[:, None]], dim=1)
        hidden = self._made(*self._memory, self._ids, vectors=self._vectors)
        return self._made.logits(hidden[:, -1])

    def reorder(self, rows: Tensor) -> None:
        self._ids = self._ids[rows]


@torch.no_grad()
@pytest.mark.parametrize("shape", [{"norm": "after"}, {"study_vector": True, "memory_norm": True}], ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"use": "beam", "beams": 4}, {"use": "nucleus"}], ids=["greedy", "beam", "nucleus"]
)
def test_kept_keys_and_values_change_no_token(shape: dict[str, Any], options: dict[str, Any]) -> None:
    made, (values, mask) = decoder(**shape), memory()
    decoding = Decoding(max_tokens=30, min_tokens=20, no_repeat=2, repeat_token=False, **options)
    kept = write(made.writer(values, mask, 30, vectors()), 3, ENDS, decoding, DEVICE)
    again = write(WithoutCache(made, values, mask, decoding.beams), 3, ENDS, decoding, DEVICE)
    assert torch.equal(kept, again)
    assert len(set(kept.flatten().tolist())) > 5


@torch.no_grad()
def test_no_token_reads_a_later_one() -> None:
    made, (values, mask) = decoder(), memory(1)
    ids = torch.randint(3, PIECES, (1, 9), generator=torch.Generator().manual_seed(2))
    whole = made(values, mask, ids)
    for stop in range(1, 9):
        torch.testing.assert_close(made(values, mask, ids[:, :stop]), whole[:, :stop])


@torch.no_grad()
def test_masked_memory_is_not_read() -> None:
    made, (values, mask) = decoder(), memory()
    ids = torch.randint(3, PIECES, (3, 5), generator=torch.Generator().manual_seed(2))
    other = values.masked_fill(~mask[..., None], 99.0)
    torch.testing.assert_close(made(other, mask, ids), made(values, mask, ids))
    torch.testing.assert_close(made(values[1:2, :3], mask[1:2, :3], ids[1:2]), made(values, mask, ids)[1:2])


@torch.no_grad()
@pytest.mark.parametrize("norm_first", [False, True])
def test_a_layer_is_torchs_own(norm_first: bool) -> None:
    made, (values, mask) = decoder(norm="before" if norm_first else "after", depth=1), memory()
    layer = made.stack()[0]
    own = nn.TransformerDecoderLayer(16, 4, 64, 0.0, "gelu", batch_first=True, norm_first=norm_first).eval()
    for theirs, ours in ((own.self_attn, layer.self_attention), (own.multihead_attn, layer.memory_attention)):
        parts = (ours.queries, ours.keys, ours.values)
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    own.linear1.load_state_dict(layer.perceptron[0].state_dict())
    own.linear2.load_state_dict(layer.perceptron[3].state_dict())
    for theirs, ours in ((own.norm1, layer.self_norm), (own.norm2, layer.memory_norm)):
        theirs.load_state_dict(ours.state_dict())
    own.norm3.load_state_dict(layer.perceptron_norm.state_dict())
    ids = torch.randint(3, PIECES, (3, 5), generator=torch.Generator().manual_seed(2))
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    embedded, seen = made.embedded(ids, torch.arange(5)), made.memory_projection(values)
    expected = own(embedded, seen, tgt_mask=later, memory_key_padding_mask=~mask)
    torch.testing.assert_close(made(values, mask, ids), made.norm(expected), atol=1e-4, rtol=1e-4)


def test_two_directions_share_embeddings_and_no_layer() -> None:
    made = decoder(bidirectional=True)
    forward, backward = ({id(p) for layer in made.stack(way) for p in layer.parameters()} for way in (0, 1))
    assert forward
    assert len(forward) == len(backward)
    assert not forward & backward


@torch.no_grad()
def test_the_vector_of_a_study_is_read_if_asked() -> None:
    (values, mask), ids = (
        memory(),
        torch.randint(3, PIECES, (3, 5), generator=torch.Generator().manual_seed(2)),
    )
    changed = vectors() * torch.tensor([[1.0], [-1.0], [1.0]])
    for asked in (False, True):
        made = decoder(study_vector=asked)
        one, other = (made(values, mask, ids, vectors=given) for given in (vectors(), changed))
        assert [torch.equal(one[row], other[row]) for row in range(3)] == [True, not asked, True]


def test_a_decoder_of_no_study_has_no_vector_to_read() -> None:
    with pytest.raises(ConfigError, match="study_vector: this decoder writes of no study"):
        ReportDecoder(ReportDecoderConfig(width=16, heads=4, study_vector=True), FEATURES, PIECES, pad=0)


@torch.no_grad()
def test_only_differences_between_visual_tokens_count_where_they_are_normalised() -> None:
    (values, mask), ids = (
        memory(),
        torch.randint(3, PIECES, (3, 5), generator=torch.Generator().manual_seed(2)),
    )
    for asked in (False, True):
        made = decoder(memory_norm=asked)
        same = torch.allclose(made(values, mask, ids), made(3 * values + 2, mask, ids), atol=1e-3)
        assert same is asked


@torch.no_grad()
def test_whole_tokens_are_hidden_in_training_and_their_positions_stay() -> None:
    made = decoder(token_dropout=0.5, dropout=0.0)
    ids = torch.full((1, 40), 7)
    shown, without = made.embedded(ids, torch.arange(40)), made.positions(torch.arange(40))
    install_row_dropout(made)
    made.train()
    with per_row_dropout(made, seed=1, rows=torch.arange(1)):
        found = made.embedded(ids, torch.arange(40))
    hidden = torch.isclose(found, made.embedding_norm(without)[None], atol=1e-5).all(dim=-1)
    kept = made.embedding_norm(2 * made.tokens(ids) + without)
    assert 8 < int(hidden.sum()) < 32
    torch.testing.assert_close(found[~hidden], kept[~hidden])
    torch.testing.assert_close(made.eval().embedded(ids, torch.arange(40)), shown)


@pytest.mark.parametrize("width", [64, 1024])
def test_layers_start_with_the_same_deviation_of_what_they_give_at_every_width(width: int) -> None:
    torch.manual_seed(0)
    made = ReportDecoder(ReportDecoderConfig(width=width, depth=1, heads=4), width, PIECES, pad=0)
    given = made.memory_projection(torch.randn(200, width)).detach()
    assert float(given.std()) == pytest.approx(0.02 * 1024**0.5, rel=0.1)


@pytest.mark.parametrize("study_vector", [False, True])
def test_it_learns_to_write_of_each_study_what_only_its_films_tell(study_vector: bool) -> None:
    """Sixteen texts that begin alike and go on by study: a decoder that knows them by heart and reads no film
    writes one of them for all."""
    torch.manual_seed(0)
    config = ReportDecoderConfig(
        width=32, depth=1, heads=4, max_tokens=20, dropout=0.0, memory_norm=True, study_vector=study_vector
    )
    made = ReportDecoder(config, FEATURES, PIECES, pad=0, vector_features=VECTOR)
    studies, shared = 16, torch.randn(20, FEATURES)
    values, mask = (
        shared + 0.3 * torch.randn(studies, 20, FEATURES),
        torch.ones(studies, 20, dtype=torch.bool),
    )
    of_studies = torch.randn(studies, VECTOR)
    texts = torch.randint(3, PIECES, (studies, 14))
    texts[:, 0], texts[:, 1:4], texts[:, -1] = ENDS.start, torch.tensor([3, 4, 5]), ENDS.end
    optimizer = torch.optim.AdamW(made.parameters(), 5e-3)
    for _ in range(150):
        logits = made.logits(made(values, mask, texts[:, :-1], vectors=of_studies))
        nn.functional.cross_entropy(logits.flatten(0, 1), texts[:, 1:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
    made.eval()
    with torch.no_grad():
        written = write(
            made.writer(values, mask, 19, of_studies), studies, ENDS, Decoding(max_tokens=19), DEVICE
        )
    same = [row[:13] == text[1:] for row, text in zip(written.tolist(), texts.tolist(), strict=True)]
    assert sum(same) >= 15

"""Row dropout: masks that depend on step, row, place and layer only, and are as random as they should be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plainfilm.errors import ConfigError
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.row_dropout import (
    RowDropout,
    dropout_entries,
    install_row_dropout,
    keep_mask,
    per_row_dropout,
)

ROWS = torch.arange(6)


def _layers() -> nn.Sequential:
    return nn.Sequential(RowDropout(0.3, number=0), RowDropout(0.3, number=1)).train()


def _masks(
    layers: nn.Module, rows: torch.Tensor, shape: tuple[int, ...] = (5, 4), seed: int = 1
) -> torch.Tensor:
    with per_row_dropout(layers, seed, rows):
        return layers(torch.ones(len(rows), *shape))


def test_a_batch_in_pieces_has_the_masks_of_the_whole() -> None:
    layers = _layers()
    pieces = [_masks(layers, ROWS[:1]), _masks(layers, ROWS[1:5]), _masks(layers, ROWS[5:])]
    assert torch.equal(torch.cat(pieces), _masks(layers, ROWS))


def test_masks_follow_their_rows_in_any_order() -> None:
    layers, order = _layers(), torch.tensor([3, 0, 5, 1, 4, 2])
    assert torch.equal(_masks(layers, ROWS[order]), _masks(layers, ROWS)[order])


def test_a_longer_text_begins_with_the_mask_of_the_shorter() -> None:
    layers = _layers()
    assert torch.equal(_masks(layers, ROWS, (9, 4))[:, :5], _masks(layers, ROWS, (5, 4)))


def test_another_seed_or_row_or_layer_has_another_mask() -> None:
    layers = _layers()
    whole = _masks(layers, ROWS)
    assert not torch.equal(whole, _masks(layers, ROWS, seed=2))
    assert not torch.equal(whole[0], whole[1])
    with per_row_dropout(layers, 1, ROWS):
        assert not torch.equal(layers[0](torch.ones(6, 40)), layers[1](torch.ones(6, 40)))


def test_a_layer_used_twice_in_a_pass_draws_twice() -> None:
    layers = _layers()
    with per_row_dropout(layers, 1, ROWS):
        assert not torch.equal(layers[0](torch.ones(6, 40)), layers[0](torch.ones(6, 40)))


def test_items_cut_into_pieces_draw_for_each_piece() -> None:
    layers = _layers()
    with per_row_dropout(layers, 1, ROWS[:2]):
        cut = layers[0](torch.ones(6, 40))
    assert not torch.equal(cut[0], cut[1])
    with per_row_dropout(layers, 1, ROWS[1:2]):
        assert torch.equal(layers[0](torch.ones(3, 40)), cut[3:])


def test_rows_that_do_not_divide_the_input_are_an_error() -> None:
    layers = _layers()
    with (
        pytest.raises(ConfigError, match="dropout of 5 entries where 6 pass: .*dropout_entries"),
        per_row_dropout(layers, 1, ROWS),
    ):
        layers(torch.ones(5, 4))


def test_evaluation_mode_and_zero_probability_change_nothing() -> None:
    values = torch.randn(6, 4)
    assert torch.equal(_layers().eval()(values), values)
    assert RowDropout(0.0).train()(values) is values
    assert not RowDropout(1.0).train()(values).any()


def test_without_rows_it_is_ordinary_dropout() -> None:
    layer = RowDropout(0.25).train()
    first, second = layer(torch.ones(200, 50)), layer(torch.ones(200, 50))
    assert not torch.equal(first, second)
    assert float((first == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert float(first.max()) == pytest.approx(1 / 0.75)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_masks_are_as_random_as_independent_draws(p: float) -> None:
    with per_row_dropout(layer := RowDropout(p).train(), 7, torch.arange(1000)):
        kept = (layer(torch.ones(1000, 1000)) != 0).double()
    spread = (p * (1 - p) / 1000) ** 0.5
    assert float(kept.mean()) == pytest.approx(1 - p, abs=4 * spread / 1000**0.5)
    for axis in (0, 1):
        assert float(kept.mean(axis).std()) == pytest.approx(spread, rel=0.15)
        correlation = torch.corrcoef(kept if axis else kept.T).fill_diagonal_(0)
        assert float(correlation.std()) == pytest.approx(1000**-0.5, rel=0.05)


def test_masks_are_the_same_on_every_machine() -> None:
    kept = keep_mask(torch.tensor([1, -2], dtype=torch.int32), 12, 0.5).int().tolist()
    assert kept == [[1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1], [1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0]]


def test_gradients_go_where_values_stay() -> None:
    layers, values = _layers(), torch.ones(6, 20, requires_grad=True)
    with per_row_dropout(layers, 1, ROWS):
        result = layers(values)
    result.sum().backward()
    assert torch.equal(values.grad != 0, result != 0)


def test_ordinary_dropout_and_stochastic_depth_are_replaced() -> None:
    from timm.layers import DropPath

    model = nn.Sequential(nn.Dropout(0.1), nn.Sequential(DropPath(0.5), nn.Dropout2d(0.5)), nn.Linear(2, 2))
    install_row_dropout(model)
    kinds = [(one.p, one.shared, one.number) for one in model.modules() if isinstance(one, RowDropout)]
    assert kinds == [(0.1, None, 0), (0.5, 1, 1), (0.5, 2, 2)]
    images = torch.ones(64, 8, 3, 3)
    dropped = model[1][0](images)
    assert set(dropped.flatten(1).float().var(1).tolist()) == {0.0}
    assert {0.0, 2.0} == set(dropped.unique().tolist())


def test_installing_twice_changes_nothing_and_keeps_the_mode() -> None:
    model = nn.Sequential(nn.Dropout(0.1)).eval()
    install_row_dropout(model)
    first = model[0]
    install_row_dropout(model)
    assert model[0] is first
    assert not first.training


def test_a_random_layer_without_a_row_wise_form_is_refused() -> None:
    with pytest.raises(ConfigError, match="AlphaDropout cannot be drawn by row"):
        install_row_dropout(nn.Sequential(nn.AlphaDropout(0.1)))


def test_the_rows_are_forgotten_after_an_error() -> None:
    layers = _layers()
    with pytest.raises(ZeroDivisionError), per_row_dropout(layers, 1, ROWS):
        raise ZeroDivisionError
    assert not torch.equal(layers(torch.ones(5, 40)), layers(torch.ones(5, 40)))


FILMS = Ragged(torch.tensor([2, 0, 3, 1]))
"""Four studies, one of which has no film."""


def _of_films(layers: nn.Module, films: Ragged, rows: torch.Tensor) -> torch.Tensor:
    with per_row_dropout(layers, 1, rows), dropout_entries(films):
        return layers(torch.ones(films.entries, 40))


def test_entries_of_a_row_draw_by_row_and_place() -> None:
    layers = _layers()
    whole = _of_films(layers, FILMS, torch.arange(4))
    for start, stop in ((0, 1), (1, 3), (2, 3), (3, 4)):
        first, last = FILMS.bounds(start, stop)
        piece = _of_films(layers, FILMS.slice(start, stop), torch.arange(start, stop))
        assert torch.equal(piece, whole[first:last])
    assert len({tuple(mask) for mask in whole.tolist()}) == FILMS.entries


def test_a_row_with_more_entries_begins_with_the_masks_of_the_fewer() -> None:
    fewer, kept = FILMS.first(1)
    whole = _of_films(_layers(), FILMS, torch.arange(4))
    assert torch.equal(_of_films(_layers(), fewer, torch.arange(4)), whole[kept])


def test_the_only_entry_of_every_row_draws_as_the_row_does() -> None:
    layers, rows = _layers(), torch.tensor([7, 2, 9])
    assert torch.equal(_of_films(layers, Ragged.even(3, 1), rows), _masks(layers, rows, (40,)))


def test_after_the_entries_rows_pass_again() -> None:
    layers = _layers()
    with per_row_dropout(layers, 1, ROWS):
        with dropout_entries(Ragged.even(6, 2)):
            layers(torch.ones(12, 40))
        layers(torch.ones(6, 40))
        with pytest.raises(ConfigError, match="dropout of 5 entries where 6 pass"):
            layers(torch.ones(5, 40))


def test_entries_without_rows_around_them_change_nothing() -> None:
    with dropout_entries(FILMS):
        assert _layers()(torch.ones(5, 3)).shape == (5, 3)


def _decoder(inputs: torch.Tensor) -> tuple[nn.Module, object]:
    layer = nn.TransformerDecoderLayer(16, 4, 32, dropout=0.4, batch_first=True)
    return layer, lambda part: layer(part, part.flip(1))


def _encoder(inputs: torch.Tensor) -> tuple[nn.Module, object]:
    layer = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(16, 4, 32, dropout=0.4, batch_first=True), 2, enable_nested_tensor=False
    )
    causal = nn.Transformer.generate_square_subsequent_mask(inputs.shape[1])
    return layer, lambda part: layer(part, mask=causal, is_causal=True)


def _attention(inputs: torch.Tensor) -> tuple[nn.Module, object]:
    layer = nn.MultiheadAttention(16, 4, dropout=0.4, batch_first=True)
    return layer, lambda part: layer(part, part, part, need_weights=False)[0]


def _attention_with_weights(inputs: torch.Tensor) -> tuple[nn.Module, object]:
    layer = nn.MultiheadAttention(16, 4, dropout=0.4, batch_first=True)
    return layer, lambda part: layer(part, part, part)[0]


def _gpt2(attention: str):
    def make(inputs: torch.Tensor) -> tuple[nn.Module, object]:
        from transformers import GPT2Config, GPT2Model

        config = GPT2Config(
            vocab_size=20,
            n_positions=8,
            n_embd=16,
            n_layer=2,
            n_head=2,
            resid_pdrop=0.4,
            embd_pdrop=0.4,
            attn_pdrop=0.4,
            attn_implementation=attention,
        )
        model = GPT2Model(config)
        return model, lambda part: model(inputs_embeds=part).last_hidden_state

    return make


LIBRARIES = {
    "decoder layer": _decoder,
    "encoder": _encoder,
    "attention": _attention,
    "attention with weights": _attention_with_weights,
    "gpt2": _gpt2("sdpa"),
    "gpt2 written out": _gpt2("eager"),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_dropout_inside_functions_of_libraries_draws_by_row_too(name: str) -> None:
    inputs = torch.randn(6, 5, 16, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, apply = LIBRARIES[name](inputs)
    install_row_dropout(model.train())

    def passed(rows: torch.Tensor, seed: int = 3) -> torch.Tensor:
        with torch.no_grad(), per_row_dropout(model, seed, rows):
            return apply(inputs[rows])

    whole = passed(ROWS)
    cut = torch.cat([passed(ROWS[:1]), passed(ROWS[1:5]), passed(ROWS[5:])])
    torch.testing.assert_close(cut, whole, atol=1e-6, rtol=1e-5)
    assert torch.equal(passed(ROWS), whole)
    assert float((passed(ROWS, seed=4) - whole).abs().max()) > 0.1
    free = apply(inputs).detach()  # without rows it draws as ever
    assert float((free - whole).abs().max()) > 0.1


def test_dropout_of_attention_scales_what_it_keeps() -> None:
    layer = nn.MultiheadAttention(16, 4, dropout=0.3, batch_first=True).train()
    inputs = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))
    expected = layer.eval()(inputs, inputs, inputs, need_weights=False)[0].detach()
    layer.train()
    with torch.no_grad():
        drawn = []
        for seed in range(400):
            with per_row_dropout(layer, seed, torch.arange(2)):
                drawn.append(layer(inputs, inputs, inputs, need_weights=False)[0])
    found = torch.stack(drawn)
    error = found.std(0) / 400**0.5
    assert float(((found.mean(0) - expected) / error).abs().max()) < 5.0


@pytest.mark.parametrize("layer", [nn.GRU(4, 4, 2, dropout=0.1), nn.LSTM(4, 4, 2, dropout=0.1)])
def test_a_recurrent_network_with_dropout_is_refused(layer: nn.Module) -> None:
    with pytest.raises(ConfigError, match=f"{type(layer).__name__} cannot be drawn by row"):
        install_row_dropout(nn.Sequential(layer))


def test_a_recurrent_network_without_dropout_is_taken() -> None:
    model = nn.Sequential(nn.GRU(4, 4, 2), nn.Dropout(0.1))
    install_row_dropout(model)
    assert isinstance(model[1], RowDropout)


def test_a_function_without_a_row_wise_form_is_refused() -> None:
    class Foreign(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return nn.functional.alpha_dropout(values, 0.5, self.training)

    model = Foreign()
    with per_row_dropout(model, 0, ROWS):
        with pytest.raises(ConfigError, match="alpha_dropout cannot be drawn by row"):
            model.train()(torch.ones(6, 4))
        assert torch.equal(model.eval()(torch.ones(6, 4)), torch.ones(6, 4))

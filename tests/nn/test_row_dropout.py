"""Row dropout: masks that depend on step, row and layer only, and are as random as they should be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plainfilm.errors import ConfigError
from plainfilm.nn.row_dropout import RowDropout, drawing_rows, install_row_dropout, keep_mask

ROWS = torch.arange(6)


def _layers() -> nn.Sequential:
    return nn.Sequential(RowDropout(0.3), RowDropout(0.3)).train()


def _masks(
    layers: nn.Module, rows: torch.Tensor, shape: tuple[int, ...] = (5, 4), seed: int = 1
) -> torch.Tensor:
    with drawing_rows(layers, seed, rows):
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
    with drawing_rows(layers, 1, ROWS):
        assert not torch.equal(layers[0](torch.ones(6, 40)), layers[1](torch.ones(6, 40)))


def test_a_layer_used_twice_in_a_pass_draws_twice() -> None:
    layers = _layers()
    with drawing_rows(layers, 1, ROWS):
        assert not torch.equal(layers[0](torch.ones(6, 40)), layers[0](torch.ones(6, 40)))


def test_items_cut_into_pieces_draw_for_each_piece() -> None:
    layers = _layers()
    with drawing_rows(layers, 1, ROWS[:2]):
        cut = layers[0](torch.ones(6, 40))
    assert not torch.equal(cut[0], cut[1])
    with drawing_rows(layers, 1, ROWS[1:2]):
        assert torch.equal(layers[0](torch.ones(3, 40)), cut[3:])


def test_rows_that_do_not_divide_the_input_are_an_error() -> None:
    layers = _layers()
    with pytest.raises(ConfigError, match="5 rows for a batch of 6"), drawing_rows(layers, 1, ROWS):
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
    with drawing_rows(layer := RowDropout(p).train(), 7, torch.arange(1000)):
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
    with drawing_rows(layers, 1, ROWS):
        result = layers(values)
    result.sum().backward()
    assert torch.equal(values.grad != 0, result != 0)


def test_ordinary_dropout_and_stochastic_depth_are_replaced() -> None:
    from timm.layers import DropPath

    model = nn.Sequential(nn.Dropout(0.1), nn.Sequential(DropPath(0.5), nn.Dropout2d(0.5)), nn.Linear(2, 2))
    install_row_dropout(model)
    kinds = [(layer.p, layer.shared) for layer in model.modules() if isinstance(layer, RowDropout)]
    assert kinds == [(0.1, None), (0.5, 1), (0.5, 2)]
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
    with pytest.raises(ZeroDivisionError), drawing_rows(layers, 1, ROWS):
        raise ZeroDivisionError
    assert layers[0].drawing is None

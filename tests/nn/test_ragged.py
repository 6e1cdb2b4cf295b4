"""Entries that belong to items: where they lie, cut, padded, and the first few of each."""

from __future__ import annotations

import torch

from plainfilm.nn.ragged import Ragged

RAGGED = Ragged(torch.tensor([2, 0, 3, 1]))
VALUES = torch.arange(6) * 10


def test_every_entry_knows_its_item_and_place() -> None:
    assert (len(RAGGED), RAGGED.entries) == (4, 6)
    assert RAGGED.item.tolist() == [0, 0, 2, 2, 2, 3]
    assert RAGGED.place.tolist() == [0, 1, 0, 1, 2, 0]
    assert RAGGED.starts.tolist() == [0, 2, 2, 5]


def test_a_slice_has_the_entries_between_its_bounds() -> None:
    for start, stop in ((0, 4), (1, 3), (2, 2), (0, 1), (3, 4), (1, 2)):
        first, last = RAGGED.bounds(start, stop)
        wanted = (RAGGED.item >= start) & (RAGGED.item < stop)
        assert VALUES[first:last].tolist() == VALUES[wanted].tolist()
        assert RAGGED.slice(start, stop).entries == last - first


def test_the_first_entries_of_each_item() -> None:
    of, kept = RAGGED.first(2)
    assert of.counts.tolist() == [2, 0, 2, 1]
    assert VALUES[kept].tolist() == [0, 10, 20, 30, 50]
    assert of.entries == int(kept.sum())


def test_padded_values_lie_in_their_item_and_carry_gradients() -> None:
    values = VALUES.double()[:, None].requires_grad_()
    filled, mask = RAGGED.padded(values)
    assert filled[..., 0].tolist() == [[0, 10, 0], [0, 0, 0], [20, 30, 40], [50, 0, 0]]
    assert mask.tolist() == [[True, True, False], [False] * 3, [True] * 3, [True, False, False]]
    assert torch.equal(filled[mask], values)
    filled.sum().backward()
    assert values.grad.tolist() == [[1.0]] * 6


def test_the_same_number_to_each() -> None:
    even = Ragged.even(3, 2)
    assert even.item.tolist() == [0, 0, 1, 1, 2, 2]
    assert even.place.tolist() == [0, 1, 0, 1, 0, 1]


def test_no_items() -> None:
    none = Ragged.even(0, 2)
    assert (len(none), none.entries, none.bounds(0, 0)) == (0, 0, (0, 0))
    filled, mask = none.padded(torch.zeros(0, 5))
    assert (filled.shape, mask.shape) == ((0, 0, 5), (0, 0))


def test_items_without_entries() -> None:
    empty = Ragged(torch.zeros(2, dtype=torch.int64))
    filled, mask = empty.padded(torch.zeros(0, 5))
    assert (filled.shape, mask.shape, empty.entries) == ((2, 0, 5), (2, 0), 0)

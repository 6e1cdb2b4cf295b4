"""Texts in groups of similar length: the cheapest cut, and the same vectors and gradients as all at once."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from plainfilm.nn import length_groups as tested
from plainfilm.nn.length_groups import by_length, length_groups
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.row_dropout import dropout_entries, install_row_dropout, per_row_dropout
from plainfilm.nn.text import transformers

LENGTHS = np.array([3, 30, 4, 3, 28, 12])


def cost_of(lengths, groups, cost):
    return sum(cost + len(rows) * lengths[rows].max() for rows in groups)


def cheapest(lengths, cost):
    """The least cost of all ways to cut the sorted lengths."""
    longest = np.sort(lengths)
    costs = []
    for cuts in product([False, True], repeat=len(lengths) - 1):
        ends = [0, *(place + 1 for place, cut in enumerate(cuts) if cut), len(lengths)]
        costs.append(sum(cost + (b - a) * longest[b - 1] for a, b in pairwise(ends)))
    return min(costs)


@pytest.mark.parametrize("cost", [0, 5, 20, 64])
def test_no_cut_is_cheaper(cost):
    random = np.random.default_rng(cost)
    for _ in range(20):
        lengths = random.integers(1, 60, random.integers(1, 9))
        groups = length_groups(lengths, cost)
        assert cost_of(lengths, groups, cost) == cheapest(lengths, cost)
        assert sorted(np.concatenate(groups).tolist()) == list(range(len(lengths)))


def test_texts_of_one_length_stay_together():
    assert [rows.tolist() for rows in length_groups(np.full(5, 80))] == [[0, 1, 2, 3, 4]]


def test_no_texts_are_no_groups():
    assert length_groups(np.zeros(0, dtype=np.int64)) == []


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    config = transformers.TINY.model_copy(update={"dropout": 0.2, "pooling": "end"})
    module = transformers.build(config, 100)
    install_row_dropout(module)
    return module.train()


def encoded(encoder, cost, monkeypatch):
    """Vectors and the gradient of the first weight, cut at the price of `cost`; and what lengths passed."""
    monkeypatch.setattr(tested, "length_groups", lambda lengths: length_groups(lengths, cost))
    passed = []

    def encode(ids, mask):
        passed.append(ids.shape[1])
        return encoder(ids, mask).pooled

    ids = torch.randint(5, 100, (6, 30), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(30) < torch.from_numpy(LENGTHS)[:, None]
    encoder.zero_grad()
    # Two texts to an item, as the objectives that hold texts against texts have them.
    with per_row_dropout(encoder, 1, torch.arange(3)), dropout_entries(Ragged.even(3, 2)):
        vectors = by_length(encode, ids, mask)
    (vectors * torch.arange(1.0, 7.0)[:, None]).sum().backward()
    return vectors.detach(), next(encoder.parameters()).grad.clone(), passed


def test_groups_give_the_vectors_and_gradients_of_all_at_once(encoder, monkeypatch):
    whole, gradient, lengths = encoded(encoder, 10**6, monkeypatch)
    cut, gradient_of_cut, shorter = encoded(encoder, 5, monkeypatch)
    assert (lengths, shorter) == ([30], [4, 12, 30])
    torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradient_of_cut, gradient, rtol=1e-4, atol=1e-4)

"""Exact search against a full sort, with ties, blocks and small banks."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.bank import search as module
from plainfilm.bank.search import search


def unit(*shape, seed=0):
    vectors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def full_sort(vectors, queries, k):
    scores = (queries.astype(np.float64) @ vectors.astype(np.float64).T).astype(np.float32)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, 1), order


@pytest.mark.parametrize("k", [1, 7, 40])
def test_finds_what_a_full_sort_finds(k):
    vectors, queries = unit(500, 24), unit(30, 24, seed=1)
    scores, indices = search(vectors, queries, k)
    expected_scores, expected = full_sort(vectors, queries, k)
    assert indices.tolist() == expected.tolist()
    assert scores == pytest.approx(expected_scores, abs=1e-6)


def test_blocks_change_nothing_not_even_the_last_bit(monkeypatch):
    vectors, queries = unit(700, 24), unit(9, 24, seed=1)
    scores, indices = search(vectors, queries, 5)
    monkeypatch.setattr(module, "BLOCK_ROWS", 64)
    monkeypatch.setattr(module, "BLOCK_NUMBERS", 1_000)
    again_scores, again = search(vectors, queries, 5)
    assert again.tolist() == indices.tolist()
    assert again_scores.tobytes() == scores.tobytes()


def test_one_query_scores_as_it_does_among_many():
    vectors, queries = unit(300, 24), unit(40, 24, seed=1)
    many, one = search(vectors, queries, 3), search(vectors, queries[7:8], 3)
    assert one[0].tobytes() == many[0][7:8].tobytes()
    assert one[1].tolist() == many[1][7:8].tolist()


@pytest.mark.parametrize("copies", [3, 100])
def test_ties_break_by_the_lower_index_even_when_they_crowd_the_last_place(monkeypatch, copies):
    monkeypatch.setattr(module, "BLOCK_ROWS", 32)
    vectors = np.concatenate(
        [unit(20, 8), np.repeat(unit(1, 8, seed=1), copies, axis=0), unit(20, 8, seed=2)]
    )
    _, indices = search(vectors, unit(1, 8, seed=1), 3)
    assert indices.tolist() == [[20, 21, 22]]


def test_more_wanted_than_there_are_gives_all_without_padding():
    scores, indices = search(unit(3, 8), unit(2, 8, seed=1), 10)
    assert scores.shape == indices.shape == (2, 3)
    assert sorted(indices[0].tolist()) == [0, 1, 2]


@pytest.mark.parametrize(("size", "queries"), [(0, 2), (5, 0)])
def test_nothing_to_search_or_to_ask(size, queries):
    scores, _ = search(unit(size, 8), unit(queries, 8), 3)
    assert scores.shape == (queries, min(3, size))


def test_opposite_vectors_are_found_too():
    vector = unit(1, 8)
    scores, _ = search(-vector, vector, 1)
    assert scores[0, 0] == pytest.approx(-1.0)

"""Rows of ids, found by hashes of the ids."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from plainfilm.collection import row_index
from plainfilm.collection.row_index import RowIndex


def test_rows_are_those_of_a_dictionary():
    ids = [f"s{number}é" for number in np.random.default_rng(0).permutation(500)]
    index = RowIndex(pa.array(ids[start : start + 64]) for start in range(0, 500, 64))
    asked = [*ids[::-7], "", "s1", "another"]
    known = {name: row for row, name in enumerate(ids)}
    assert index.rows(pa.array(asked)).tolist() == [known.get(name, -1) for name in asked]


def test_the_first_row_of_a_repeated_id_counts():
    assert RowIndex([pa.array(["a", "b", "a", "b"])]).rows(pa.array(["b", "a"])).tolist() == [1, 0]


def test_no_ids_have_no_rows():
    index = RowIndex([])
    assert len(index) == 0
    assert index.rows(pa.array(["a"])).tolist() == [-1]
    assert index.rows(pa.array([], pa.string())).tolist() == []


def test_ids_that_share_one_of_their_hashes_are_told_apart(monkeypatch):
    def alike(ids):
        numbers = np.array([int(name) for name in ids.to_pylist()], dtype=np.uint64)
        return numbers // np.uint64(10), numbers

    monkeypatch.setattr(row_index, "hashes", alike)
    index = RowIndex([pa.array([str(number) for number in range(40, -1, -2)])])
    expected = [(40 - number) // 2 if number % 2 == 0 else -1 for number in range(45)]
    expected[42:] = [-1] * 3
    assert index.rows(pa.array([str(number) for number in range(45)])).tolist() == expected

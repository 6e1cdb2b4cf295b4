"""A bank on disk: round trip, streaming, and everything that can be wrong with one."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from plainfilm.bank import Bank
from plainfilm.errors import DataError


def frame(count):
    return pd.DataFrame(
        {
            "kind": "sentence",
            "item_id": [f"i{n}" for n in range(count)],
            "label:Edema": pd.array([1, None, -1, 0][:count], dtype="Int8"),
        }
    )


VECTORS = np.arange(8, dtype=np.float32).reshape(4, 2)


@pytest.fixture
def bank(tmp_path):
    return Bank.write(tmp_path / "bank", VECTORS, frame(4), {"model": "m"})


def test_what_is_written_is_read(bank):
    opened = Bank.open(bank.path)
    assert opened.vectors.tolist() == VECTORS.tolist()
    assert opened.items["item_id"].tolist() == ["i0", "i1", "i2", "i3"]
    assert opened.meta["model"] == "m"
    assert len(opened) == 4


def test_vectors_stay_on_disk_in_c_order(bank):
    vectors = Bank.open(bank.path).vectors
    assert isinstance(vectors, np.memmap)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous


def test_blocks_are_written_as_one(tmp_path):
    blocks = (VECTORS[start : start + 3] for start in (0, 3))
    assert Bank.write(tmp_path, blocks, frame(4), {}).vectors.tolist() == VECTORS.tolist()


def test_labels_leave_out_what_is_absent(bank):
    assert [bank.labels(row) for row in range(4)] == [{"Edema": 1}, {}, {"Edema": -1}, {"Edema": 0}]


def test_search_goes_through_the_bank(bank):
    scores, indices = bank.search(np.array([[1.0, 0.0]], np.float32), 2)
    assert indices.tolist() == [[3, 2]]
    assert scores.tolist() == [[6.0, 4.0]]


def test_a_query_of_another_dimension_is_refused(bank):
    with pytest.raises(DataError, match="holds vectors of 2 numbers, but the query has 3"):
        bank.search(np.zeros((1, 3), np.float32), 2)


@pytest.mark.parametrize("count", [2, 3])
def test_another_number_of_vectors_than_items_is_refused_and_leaves_no_bank(tmp_path, count):
    with pytest.raises(DataError, match="vectors"):
        Bank.write(tmp_path, VECTORS[:count], frame(4 if count == 2 else 1), {})
    with pytest.raises(DataError, match="not a bank"):
        Bank.open(tmp_path)


def test_a_vector_that_is_not_finite_is_refused_by_number(tmp_path):
    vectors = VECTORS.copy()
    vectors[2, 1] = np.nan
    with pytest.raises(DataError, match="vector 2 is not finite"):
        Bank.write(tmp_path, vectors, frame(4), {})


def test_an_interrupted_rewrite_leaves_the_bank_that_is_there(bank):
    def dies():
        yield VECTORS[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Bank.write(bank.path, dies(), frame(4), {})
    assert len(Bank.open(bank.path).items) == len(bank)


def test_another_format_version_says_so(bank):
    meta = json.loads((bank.path / "bank.json").read_text())
    (bank.path / "bank.json").write_text(json.dumps({**meta, "format_version": 99}))
    with pytest.raises(DataError, match="bank format 99, but this Plainfilm reads 1"):
        Bank.open(bank.path)


def test_truncated_vectors_are_noticed(bank):
    file = bank.path / "vectors.npy"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(DataError, match="damaged"):
        Bank.open(bank.path)


def test_a_table_of_another_length_is_noticed(bank, tmp_path):
    other = Bank.write(tmp_path / "other", VECTORS[:3], frame(3), {})
    (other.path / "items.parquet").replace(bank.path / "items.parquet")
    with pytest.raises(DataError, match=r"items\.parquet: is damaged"):
        _ = Bank.open(bank.path).items


def test_vectors_of_another_bank_are_noticed(bank, tmp_path):
    other = Bank.write(tmp_path / "other", VECTORS[:3], frame(3), {})
    (other.path / "vectors.npy").replace(bank.path / "vectors.npy")
    with pytest.raises(DataError, match=r"vectors\.npy: is damaged"):
        Bank.open(bank.path)

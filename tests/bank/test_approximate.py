"""Approximate indexes of a bank: their recall is measured, their scores are exact, and damage is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plainfilm.bank import Bank, approximate
from plainfilm.bank.query import SelectionConfig
from plainfilm.bank.search import search
from plainfilm.bank.selection import answer
from plainfilm.errors import DataError, UsageError
from plainfilm.seeding import generator


def unit_vectors(count: int, dimension: int = 32) -> np.ndarray:
    """Vectors around 200 centres, as embeddings lie."""
    draw = generator("approximate", count)
    centres = draw.normal(size=(200, dimension))
    vectors = centres[draw.integers(0, 200, count)] + 0.6 * draw.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS = unit_vectors(4_000)
FRAME = pd.DataFrame({"kind": "sentence", "item_id": [f"i{row}" for row in range(len(VECTORS))]})


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Indexes of few vectors, measured by few queries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approximate, "FEWEST", 1_000)
        patch.setattr(approximate, "QUERIES", 300)
        yield


@pytest.fixture(scope="module", params=["ivfpq", "hnsw"])
def bank(request: pytest.FixtureRequest, small: None, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    plain = Bank.write(tmp_path_factory.mktemp("bank") / request.param, VECTORS, FRAME, {"model": "m"})
    return plain.with_index(request.param)


def test_the_stated_recall_is_what_a_search_finds(bank: Bank) -> None:
    facts = Bank.open(bank.path).index_facts
    assert facts is not None
    assert facts.recall.value >= facts.target
    assert facts.recall.low <= facts.recall.value <= facts.recall.high
    rows = generator("queries").choice(len(VECTORS), 500, replace=False)
    exact, found = search(VECTORS, VECTORS[rows], 11)[1], bank.search(VECTORS[rows], 11)[1]
    shares = [
        len((set(one) & set(other)) - {row}) / len(set(one) - {row})
        for one, other, row in zip(exact.tolist(), found.tolist(), rows.tolist(), strict=True)
    ]
    assert abs(np.mean(shares) - facts.recall.value) < 0.03


def test_scores_are_exact(bank: Bank) -> None:
    queries = unit_vectors(50)
    scores, indices = bank.search(queries, 5)
    expected = np.einsum("qkd,qd->qk", VECTORS[indices].astype(np.float64), queries.astype(np.float64))
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_the_vectors_and_the_index_stay_on_disk(bank: Bank) -> None:
    opened = Bank.open(bank.path)
    assert isinstance(opened.vectors, np.memmap)
    assert not list(opened.damage())


def test_a_new_bank_has_no_old_index(tmp_path: Path) -> None:
    Bank.write(tmp_path, VECTORS, FRAME, {}).with_index("ivfpq")
    again = Bank.write(tmp_path, VECTORS[:100], FRAME[:100], {})
    assert again.index_facts is None
    assert again.search(VECTORS[:1], 3)[1][0, 0] == 0
    assert not (tmp_path / "index.faiss").exists()


def test_a_small_bank_needs_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1,000 and more"):
        Bank.write(tmp_path, VECTORS[:100], FRAME[:100], {}).with_index("hnsw")
    assert Bank.open(tmp_path).index_facts is None


@pytest.mark.parametrize("content", [b"", b"no index"])
def test_a_damaged_index_is_one_line(content: bytes, tmp_path: Path) -> None:
    bank = Bank.write(tmp_path, VECTORS, FRAME, {}).with_index("ivfpq")
    (tmp_path / "index.faiss").write_bytes(content)
    with pytest.raises(DataError, match=r"index\.faiss.*embed again"):
        Bank.open(bank.path).search(VECTORS[:1], 3)


def test_where_fewer_are_found_the_rest_is_none(tmp_path: Path) -> None:
    bank = Bank.write(tmp_path, VECTORS, FRAME, {}).with_index("ivfpq")
    _changed(bank.path / "bank.json", effort=1)
    starved = Bank.open(bank.path)
    scores, indices = starved.search(VECTORS[:4], 3_900)
    assert (indices[:, -1] == -1).all()
    assert np.isneginf(scores[indices == -1]).all()
    found = answer(starved.vectors, VECTORS[:4], SelectionConfig(k=3_900), starved.search)
    assert not found.kept.all()
    assert np.isnan(found.scores[~found.kept]).all()


def _changed(file: Path, **index: Any) -> None:
    values = json.loads(file.read_text())
    values["index"] |= index
    del values["sha256"]
    del values["files"]  # then no digest is asked for
    file.write_text(json.dumps(values))


def test_codes_divide_the_dimension() -> None:
    assert [approximate._code_bytes(size) for size in (256, 128, 100, 7)] == [64, 32, 25, 1]

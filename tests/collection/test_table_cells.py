"""Rows of several collections are found by their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.collection import table_cells
from plainfilm.collection.table_cells import PLACE, cells
from tests.collection.in_memory import collection_of


def test_rows_come_in_the_order_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_cells, "_AT_ONCE", 2)
    rows = [{"study_id": f"s{number}"} for number in range(9)]
    collections = [collection_of(studies=own) for own in (rows[:5], [], rows[5:])]
    found = cells(collections, "studies", ["study_id"], np.array([7, 0, 7, 4, 5]))
    assert found["study_id"].to_pylist() == ["s7", "s0", "s7", "s4", "s5"]
    assert found[PLACE].to_pylist() == [2, 0, 2, 0, 2]
    assert len(cells(collections, "studies", ["study_id"], np.array([], np.int64))) == 0

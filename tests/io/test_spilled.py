"""Tables of parts that lie on disk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from plainfilm.io.manifest import Change
from plainfilm.io.spilled import SpilledTable
from plainfilm.results import folder


@pytest.fixture
def frames():
    draw = np.random.default_rng(0)
    return [
        pd.DataFrame({"group": group, "id": [f"i{row}" for row in range(700)], name: draw.normal(size=700)})
        for group, name in (("first", "a"), ("second", "b"), ("third", "a"))
    ]


@pytest.fixture
def spilled(frames):
    table = SpilledTable()
    for frame in frames:
        table.add(frame)
    return table


def test_all_rows_are_those_of_the_frames_one_after_another(spilled, frames):
    expected = pd.concat(frames, ignore_index=True)
    pd.testing.assert_frame_equal(spilled.frame(), expected)
    pd.testing.assert_frame_equal(spilled.frame(), expected)  # they can be read again


@pytest.mark.parametrize("rows", [1 << 20, 500, 700])
def test_a_file_of_results_is_the_same_whether_they_were_on_disk(
    spilled, frames, rows, tmp_path, monkeypatch
):
    monkeypatch.setattr(folder, "_ROW_GROUP", rows)
    change = Change(tmp_path, "results.json")
    whole, parts = (
        _written(table, change, tmp_path) for table in (pd.concat(frames, ignore_index=True), spilled)
    )
    assert parts == whole


def _written(table, change, place):
    folder._write_table(table, change, "items.parquet")
    change.commit({})
    [file] = [path for path in place.iterdir() if path.name.startswith("items")]
    return file.read_bytes()

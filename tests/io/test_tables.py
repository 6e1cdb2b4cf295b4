from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plainfilm.errors import CollectionError, DataError
from plainfilm.io.tables import (
    parquet_batches,
    read_batches,
    read_json,
    read_parquet,
    write_json,
    write_parquet,
)

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("count", pa.int32())])


def test_parquet_there_and_back(tmp_path: Path) -> None:
    write_parquet([{"id": "a", "count": 1}, {"id": "b"}], SCHEMA, tmp_path / "t.parquet")
    table = read_parquet(tmp_path / "t.parquet", SCHEMA)
    assert table.schema == SCHEMA
    assert table.to_pylist() == [{"id": "a", "count": 1}, {"id": "b", "count": None}]


def test_a_table_is_brought_into_the_order_of_the_schema(tmp_path: Path) -> None:
    write_parquet(pa.table({"count": pa.array([1], pa.int64()), "id": ["a"]}), SCHEMA, tmp_path / "t.parquet")
    assert read_parquet(tmp_path / "t.parquet").schema.names == ["id", "count"]


def test_some_columns_only(tmp_path: Path) -> None:
    write_parquet([{"id": "a", "count": 1}], SCHEMA, tmp_path / "t.parquet")
    assert read_parquet(tmp_path / "t.parquet", SCHEMA, columns=["count"]).to_pylist() == [{"count": 1}]


def test_writing_the_same_rows_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_parquet([{"id": "a", "count": 1}], SCHEMA, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "a", "cuont": 1}], "unknown column 'cuont': did you mean 'count'"),
        ([{"count": 1}], "column 'id' lacks a value"),
        ([{"id": "a", "count": "many"}], "does not fit its column"),
        (pa.table({"id": ["a"], "count": [1], "x": [1]}), "unknown column 'x'"),
        (pa.table({"id": ["a"]}), "expected id, count"),
        (pa.table({"id": ["a"], "count": ["many"]}), "another type"),
    ],
)
def test_rows_that_do_not_fit_are_not_written(tmp_path: Path, rows: object, message: str) -> None:
    with pytest.raises(CollectionError, match=message):
        write_parquet(rows, SCHEMA, tmp_path / "t.parquet")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no such table; prepare the collection again"):
        read_parquet(tmp_path / "t.parquet")


def test_damaged_table(tmp_path: Path) -> None:
    write_parquet([{"id": "a", "count": 1}], SCHEMA, tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(CollectionError, match="is damaged"):
        read_parquet(tmp_path / "t.parquet")


def test_table_that_lacks_a_column(tmp_path: Path) -> None:
    write_parquet(pa.table({"id": ["a"]}), pa.schema([SCHEMA.field("id")]), tmp_path / "t.parquet")
    with pytest.raises(CollectionError, match="no column 'count'"):
        read_parquet(tmp_path / "t.parquet", SCHEMA)


def test_json_there_and_back(tmp_path: Path) -> None:
    value = {"b": [1, "Größe"], "a": None}
    write_json(value, tmp_path / "a.json")
    assert read_json(tmp_path / "a.json") == value
    assert (tmp_path / "a.json").read_text(encoding="utf-8").startswith('{\n  "b"')


def test_what_is_not_json_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written as JSON"):
        write_json({"loss": float("nan")}, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_broken_json_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{\n "a": \n}')
    with pytest.raises(DataError, match="line 3: not valid JSON"):
        read_json(tmp_path / "a.json")


def test_missing_json(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_json(tmp_path / "a.json")


def test_batches_are_the_rows_and_what_was_read_is_let_go(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    table = pa.table({"id": [random.bytes(64).hex() for _ in range(20_000)], "count": [*range(20_000)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=500)
    before, most, found = pa.total_allocated_bytes(), 0, []
    for batch in parquet_batches(tmp_path / "t.parquet", 300, ["id"]):
        found += batch["id"].to_pylist()
        most = max(most, pa.total_allocated_bytes() - before)
        assert len(batch) <= 300
    assert found == table["id"].to_pylist()
    assert most < (tmp_path / "t.parquet").stat().st_size / 4


def both_ways(path: Path, columns: list[str] | None = None) -> list[pa.Table | str]:
    """What is read whole and in batches, or what is said instead."""
    found: list[pa.Table | str] = []
    for read in (
        lambda: read_parquet(path, SCHEMA, columns, way_out="repair it"),
        lambda: pa.Table.from_batches(
            read_batches(path, SCHEMA, 2, columns, source=pa.OSFile(str(path)), way_out="repair it")
        ),
    ):
        try:
            found.append(read())
        except CollectionError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_batches_are_brought_into_the_types_of_the_schema(tmp_path: Path, kind: pa.DataType) -> None:
    ids = pa.array(["a", "b", "a"]).cast(kind)
    pq.write_table(pa.table({"count": pa.array([1, 2, 3], pa.int64()), "id": ids}), tmp_path / "t.parquet")
    for columns in (None, ["id"]):
        whole, parts = both_ways(tmp_path / "t.parquet", columns)
        assert parts == whole
        assert isinstance(whole, pa.Table)
        assert whole.schema.field("id") == SCHEMA.field("id")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"id": ["a"]}), "no column 'count'"),
        (pa.table({"id": ["a", None], "count": [1, 2]}), "null values to non-nullable"),
        (pa.table({"id": ["a"], "count": ["many"]}), "another type"),
        (pa.table({"id": ["a"], "count": [[1]]}), "another type"),
    ],
)
def test_batches_of_another_table_are_refused_like_the_table(
    tmp_path: Path, table: pa.Table, message: str
) -> None:
    pq.write_table(table, tmp_path / "t.parquet")
    whole, parts = both_ways(tmp_path / "t.parquet")
    assert isinstance(parts, str)
    assert message in parts
    assert parts == whole

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from plainfilm.errors import CollectionError, DataError
from plainfilm.io.tables import read_csv, read_json, read_parquet, write_json, write_parquet

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("count", pa.int32())])


def csv(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_everything_is_text_and_blank_is_empty(tmp_path: Path) -> None:
    frame = read_csv(csv(tmp_path / "a.csv", b"id,age,note\n007,34.0,\n8,NaN,None\n"))
    assert frame.to_dict("list") == {"id": ["007", "8"], "age": ["34.0", ""], "note": ["", "None"]}


def test_gzip_is_known_by_content(tmp_path: Path) -> None:
    assert read_csv(csv(tmp_path / "a.csv", gzip.compress(b"a\n1\n")))["a"].tolist() == ["1"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    frame = read_csv(csv(tmp_path / "a.csv", "id,text\r\n1,Größe 3 µm\r\n".encode(encoding)), required=["id"])
    assert frame["text"].tolist() == ["Größe 3 µm"]


def test_a_stray_byte_far_down_is_still_noticed(tmp_path: Path) -> None:
    data = b"id\n" + "é\n".encode() * 800_000 + b"\xe9\n"
    assert read_csv(csv(tmp_path / "a.csv", data))["id"].iloc[-1] == "é"


def test_quoted_line_breaks_and_commas(tmp_path: Path) -> None:
    frame = read_csv(csv(tmp_path / "a.csv", b'id,text\r\n1,"one,\r\ntwo"\r\n'))
    assert frame["text"].tolist() == ["one,\r\ntwo"]


def test_extra_columns_stay_and_headers_lose_their_spaces(tmp_path: Path) -> None:
    frame = read_csv(csv(tmp_path / "a.csv", b" id , extra\n1,2\n"), required=["id"])
    assert list(frame) == ["id", "extra"]


def test_list_cells_are_left_as_text(tmp_path: Path) -> None:
    frame = read_csv(csv(tmp_path / "a.csv", b"id,paths\n1,\"['a', 'b']\"\n"))
    assert frame["paths"].tolist() == ["['a', 'b']"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; expected a header row"),
        (b"\n\n", "is empty; expected a header row"),
        (b"id,report\n1,2\n", "no column 'text': did you mean|no column 'text': Known: id, report"),
        (b"text,a,a\n1,2,3\n", "header 'a' occurs twice"),
        (b"text,a\n1,2\n1,2,3,4\n", "not a regular CSV .Expected 2 fields in line 3, saw 4."),
        (b"text,a\n1,2,3\n1,2,3\n", "rows have more cells than the header"),
        (gzip.compress(b"text\n1\n" * 1000, mtime=0)[:-20], "gzip data are damaged or cut short"),
        ("text\nä\n".encode("utf-16")[:-1], "is not text in utf-16"),
    ],
)
def test_bad_csv(tmp_path: Path, data: bytes, message: str) -> None:
    path = csv(tmp_path / "a.csv", data)
    with pytest.raises(DataError, match=message) as caught:
        read_csv(path, required=["text"])
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_nearest_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'study_id': did you mean 'study-id'"):
        read_csv(csv(tmp_path / "a.csv", b"study-id,x\n1,2\n"), required=["study_id"])


def test_no_such_csv(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_csv(tmp_path / "a.csv")


def test_folder_as_csv(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_csv(tmp_path)


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

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import DataError
from plainfilm.sources.common.columns import columns_of


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "a, b ,c\n1, 2 ,3\n4,NaN,6\n")
    assert list(columns_of(table, ("c", "b"), ("absent", "a"))) == [("3", "2", "", "1"), ("6", "", "", "4")]


def test_one_column_gives_tuples_too(tmp_path: Path) -> None:
    assert list(columns_of(write(tmp_path / "t.csv", "a,b\n1,2\n"), ("b",))) == [("2",)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    assert list(columns_of(write(tmp_path / "t.csv", 'a,b\r\nÄ,"x,\ny"\r\n', encoding), ("a", "b"))) == [
        ("Ä", "x,\ny")
    ]


def test_a_table_of_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert list(columns_of(write(tmp_path / "t.csv", "a,b"), ("a",))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "not a regular CSV"),
        ("a,a\n1,2\n", "header 'a' occurs twice"),
        ("b\n1\n", "no column 'a'"),
        ("", "is empty"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"t.csv: .*{message}"):
        list(columns_of(write(tmp_path / "t.csv", text), ("a",)))


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_delimiters_and_headers_in_another_case(tmp_path: Path, sign: str) -> None:
    text = "\n".join((f"sep={sign}", f"Dicom ID{sign}B", f"x{sign}2", ""))
    assert list(columns_of(write(tmp_path / "t.csv", text), ("b", "dicom_id"))) == [("2", "x")]


@pytest.mark.parametrize("text", ['a,b\n1,"x\n2,y\n3,"z"\n', 'a,b\nn1,"x\nn2,y"\n', 'a,b\n1,"x" y\n'])
def test_rows_behind_an_open_quote_are_not_swallowed(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="line 2"):
        list(columns_of(write(tmp_path / "t.csv", text), ("a", "b")))


def test_quotes_in_the_middle_of_a_cell_are_read(tmp_path: Path) -> None:
    assert list(columns_of(write(tmp_path / "t.csv", 'a,b\n1,tube 5" long\n'), ("b",))) == [('tube 5" long',)]

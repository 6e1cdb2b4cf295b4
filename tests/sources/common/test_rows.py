from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import DataError
from plainfilm.sources.common.rows import Row, read_rows, row_states
from plainfilm.types import Label, Rejection, State


def rows(tmp_path: Path, text: str, *required: str) -> list[Row | Rejection]:
    path = tmp_path / "films.csv"
    path.write_text(text, encoding="utf-8-sig")
    return list(read_rows(path, required))


def test_cells_are_stripped_and_blank_words_are_blank(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "a, b\n x ,nan\n")
    assert isinstance(row, Row)
    assert (row["a"], row["b"], row["c"], row.place) == ("x", "", "", "films.csv row 1")


def test_cells_below_headers_without_a_name_are_passed_over(tmp_path: Path) -> None:
    found = rows(tmp_path, "a,b,,\n1,2\n1,2,,\n\n1,2,,,\n")
    assert [isinstance(row, Row) for row in found] == [True, True, True]


@pytest.mark.parametrize(("line", "cells"), [("1", 1), ("1,2,3", 3)])
def test_a_row_that_does_not_fit_is_a_rejection(tmp_path: Path, line: str, cells: int) -> None:
    reason = f"has {cells} cells, the header 2"
    assert rows(tmp_path, f"a,b\n{line}\n") == [Rejection("films.csv row 1", reason)]


def test_a_header_twice_or_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="header 'a' occurs twice"):
        rows(tmp_path, "a,a\n1,2\n")
    with pytest.raises(DataError, match="no column 'c'"):
        rows(tmp_path, "a,b\n1,2\n", "c")


def test_states_are_labels_and_other_cells_are_told(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "Edema,Mass,Nodule,Hernia\n1.0,-1,,7\n")
    assert isinstance(row, Row)
    labels, refused = row_states(row, ("Edema", "Mass", "Nodule", "Hernia"), "site")
    assert labels == (Label("Edema", State.POSITIVE, "site"), Label("Mass", State.UNCERTAIN, "site"))
    assert refused == [Rejection("films.csv row 1", "label Hernia is '7': expected 1, 0, -1 or blank")]

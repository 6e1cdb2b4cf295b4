"""Rows on disk are those that were added, in their order and one by one."""

from __future__ import annotations

from pathlib import Path

from plainfilm.sources.common.stored_rows import LabelCells, StoredRow, StoredRows

TEXTS = ["", "No effusion.", "Épanchement à gauche — 左侧", "lone \ud800 surrogate", "a\nb\r\nc\0"]
ROWS = [
    StoredRow(Path(name), number, {"image": f" {text} "}, {"Edema": text[:3]}, {"report": text})
    for number, (name, text) in enumerate(zip(["a.csv"] * 3 + ["b.csv"] * 2, TEXTS, strict=True), start=1)
]


def stored() -> StoredRows:
    rows = StoredRows()
    for row in ROWS:
        rows.append(row)
    return rows


def test_a_row_comes_back_whole() -> None:
    rows = stored()
    assert [rows.whole(place) for place in (4, 0, 3, 2, 1)] == [ROWS[place] for place in (4, 0, 3, 2, 1)]


def test_rows_come_without_their_texts_as_often_as_they_are_asked_for() -> None:
    rows = stored()
    assert len(rows) == len(ROWS)
    for _ in range(2):
        assert [(row.place, row.cells, row.labels, row.texts) for row in rows] == [
            (row.place, row.cells, row.labels, {}) for row in ROWS
        ]
    cells = LabelCells(rows)
    assert [*cells] == [*cells] == [row.labels for row in ROWS]


def test_a_cell_is_stripped_and_blank_where_it_says_nothing() -> None:
    row = StoredRow(Path("a.csv"), 1, {"image": " ['a.png', 'b.png'] ", "age": "nan"})
    assert (row.paths, row.cell("age"), row.cell("sex")) == (["a.png", "b.png"], "", "")

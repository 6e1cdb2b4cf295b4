"""The rows of tables on disk, so that a table of millions of rows needs little memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plainfilm.io.scratch import Scratch
from plainfilm.sources.base import is_blank
from plainfilm.sources.common.list_cells import list_of

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row: its number in its file, its cells by role, and those of labels and of texts by header."""

    file: Path
    number: int
    cells: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def cell(self, role: str) -> str:
        """The cell of a role, blank where the role has no column."""
        text = self.cells.get(role, "").strip()
        return "" if is_blank(text) else text

    @property
    def paths(self) -> list[str]:
        """The images that the row names."""
        return list_of(self.cell("image"))

    @property
    def place(self) -> str:
        """Where the row stands, for a person."""
        return f"{self.file.name} row {self.number}"


class StoredRows:
    """Rows in the order they were added in."""

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._count = 0
        self._scratch = Scratch(
            "CREATE TABLE entries (row INTEGER PRIMARY KEY, file, number, cells, labels, texts)"
        )

    def append(self, row: StoredRow) -> None:
        """Add a row."""
        if row.file not in self._files:
            self._files.append(row.file)
        kinds = (json.dumps(kind) if kind else None for kind in (row.cells, row.labels, row.texts))
        values = (self._count, self._files.index(row.file), row.number, *kinds)
        self._scratch.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", values)
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[StoredRow]:
        """Every row without its texts."""
        return map(
            self._row, self._scratch.rows("SELECT file, number, cells, labels FROM entries ORDER BY row")
        )

    def whole(self, row: int) -> StoredRow:
        """One row with its texts."""
        query = "SELECT file, number, cells, labels, texts FROM entries WHERE row = ?"
        return self._row(self._scratch.execute(query, (row,)).fetchone())

    def _row(self, stored: Sequence[object]) -> StoredRow:
        file, number, *kinds = stored
        cells = (json.loads(kind) if isinstance(kind, str) else _NOTHING for kind in kinds)
        return StoredRow(self._files[int(str(file))], int(str(number)), *cells)


@dataclass(frozen=True)
class LabelCells:
    """The cells of labels of every row by header, as often as they are asked for."""

    rows: StoredRows

    def __iter__(self) -> Iterator[Mapping[str, str]]:
        return (row.labels for row in self.rows)

"""A table row by row, however long: cells by their header, and rows that do not fit it as rejections."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from plainfilm.errors import DataError
from plainfilm.io.csv_files import open_text, require_columns
from plainfilm.sources.base import is_blank, no_state, not_understood, state_of
from plainfilm.types import Label, Rejection

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; rows are numbered from 1, header and blank lines not counted."""

    table: Path
    number: int
    cells: Mapping[str, str]

    def __getitem__(self, header: str) -> str:
        """The cell below a header, stripped; "" where it is blank or there is no such header."""
        cell = self.cells.get(header, "").strip()
        return "" if not cell or is_blank(cell) else cell

    @property
    def place(self) -> str:
        """Where the row stands, for a person."""
        return f"{self.table.name} row {self.number}"


def read_rows(path: Path, required: Sequence[str] = ()) -> Iterator[Row | Rejection]:
    """The rows of a CSV file; headers without a name and blank lines are passed over.

    Raises:
        DataError: no such file, empty, damaged, a header that occurs twice, or a missing column.
    """
    with open_text(path) as stream:
        reader = csv.reader(stream)
        try:
            headers = [header.strip() for header in next(reader, [])]
            require_headers(path, headers, required, headers)
            named = max((place for place, header in enumerate(headers, start=1) if header), default=0)
            for number, cells in enumerate(filter(None, reader), start=1):
                yield _row(path, number, headers, cells, named)
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}: not a regular CSV after line {reader.line_num} ({error})") from None


def read_each(
    path: Path, required: Sequence[str], use: Callable[[Row], Iterable[Found]]
) -> Iterator[Found | Rejection]:
    """What `use` yields of every row, and the rows that do not fit the table; raises as `read_rows`."""
    for row in read_rows(path, required):
        if isinstance(row, Rejection):
            yield row
        else:
            yield from use(row)


def require_headers(
    path: Path, headers: Sequence[str], required: Sequence[str], wanted: Sequence[str]
) -> None:
    """Checks that every `required` header is there, and none of the `wanted` ones twice.

    Raises:
        DataError: one is not, or is.
    """
    require_columns(path, headers, required)
    repeated = next((name for name in wanted if name and headers.count(name) > 1), None)
    if repeated:
        raise DataError(f"{path}: header '{repeated}' occurs twice; rename one of the columns")


def _row(
    path: Path, number: int, headers: Sequence[str], cells: Sequence[str], named: int
) -> Row | Rejection:
    """A row of a table whose last header with a name is the `named`th."""
    row = Row(path, number, {name: cell for name, cell in zip(headers, cells, strict=False) if name})
    if len(cells) < named or any(cell.strip() for cell in cells[len(headers) :]):
        return Rejection(row.place, f"has {len(cells)} cells, the header {len(headers)}")
    return row


def unread_cells(
    row: Row, parsers: Mapping[str, Callable[[str], object]], study: str | None = None
) -> Iterator[Rejection]:
    """The cells that are not blank and that the parser of their header makes nothing of."""
    for header, parse in parsers.items():
        if row[header] and parse(row[header]) is None:
            yield Rejection(row.place, not_understood(header, row[header]), study)


def row_states(
    row: Row, observations: Iterable[str], origin: str
) -> tuple[tuple[Label, ...], list[Rejection]]:
    """The labels of a row with a column of states (1, 0, -1, blank) per observation, and its other cells."""
    labels, refused = [], []
    for name in observations:
        state = state_of(row[name])
        if state is not None:
            labels.append(Label(name, state, origin))
        elif row[name]:
            refused.append(Rejection(row.place, no_state(name, row[name])))
    return tuple(labels), refused

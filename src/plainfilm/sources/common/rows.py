"""A table row by row, however long: cells by their header, and rows that do not fit it as rejections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from plainfilm.errors import DataError
from plainfilm.io import limits
from plainfilm.io.csv_files import (
    CsvReader,
    folded_header,
    looks_like_rows,
    open_csv,
    require_columns,
)
from plainfilm.sources.base import is_blank, no_state, not_understood, state_of
from plainfilm.sources.common.list_cells import too_long_a_list
from plainfilm.types import Label, Rejection

Found = TypeVar("Found")

_SHORT = 40
"""A cell of fewer characters holds no list that is too long or too deep."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; rows are numbered from 1, header and blank lines not counted.

    `same` has the headers by their letters and digits, for those that are written in another way than asked.
    """

    table: Path
    number: int
    cells: Mapping[str, str]
    same: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, header: str) -> str:
        """The cell below a header, stripped; "" where it is blank or there is no such header."""
        cell = self.cells.get(header)
        if cell is None:
            cell = self.cells.get(self.same.get(folded_header(header), ""), "")
        cell = cell.strip()
        return "" if not cell or is_blank(cell) else cell

    def __contains__(self, header: str) -> bool:
        """Whether the table has a column of that name, in any case."""
        return header in self.cells or folded_header(header) in self.same

    @property
    def place(self) -> str:
        """Where the row stands, for a person."""
        return f"{self.table.name} row {self.number}"


def read_rows(path: Path, required: Sequence[str] = ()) -> Iterator[Row | Rejection]:
    """The rows of a table; headers without a name, and rows that are blank all over, are passed over.

    A row that does not fit the header, has a cell longer than `limits.LONGEST_TEXT` or holds other rows
    (behind a quote that was left open) is a rejection.

    Raises:
        DataError: no such file, empty, damaged, a header that occurs twice, or a missing column.
    """
    with open_csv(path) as reader:
        headers = reader.headers
        require_headers(path, headers, required, headers)
        same = _same_headers(headers)
        named = max((place for place, header in enumerate(headers, start=1) if header), default=0)
        filled = (cells for cells in reader if any(map(str.strip, cells)))
        for number, cells in enumerate(filled, start=1):
            row = Row(path, number, _named(headers, cells), same)
            reason = _misfit(cells, reader, named)
            yield Rejection(row.place, reason) if reason else row


def _named(headers: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {name: cell for name, cell in zip(headers, cells, strict=False) if name}


def _same_headers(headers: Sequence[str]) -> dict[str, str]:
    """Headers by their letters and digits; those that several headers share are left out."""
    folded = [folded_header(header) for header in headers]
    counts = Counter(folded)
    return {key: header for key, header in zip(folded, headers, strict=True) if counts[key] == 1}


def _misfit(cells: Sequence[str], reader: CsvReader, named: int) -> str | None:
    """Why a row cannot be read in a table whose last header with a name is the `named`th."""
    width = len(reader.headers)
    if len(cells) < named or any(cell.strip() for cell in cells[width:]):
        return f"has {len(cells)} cells, the header {width}"
    longest = max(map(len, cells))
    if longest > limits.LONGEST_TEXT:
        return f"has a cell of {longest:,} characters; at most {limits.LONGEST_TEXT:,} are read"
    lists = (too_long_a_list(cell) for cell in cells if len(cell) > _SHORT)
    long_list = next(filter(None, lists), None)
    if long_list:
        return long_list
    if looks_like_rows(cells, reader.delimiter):
        return f"holds further rows in a cell: a quote is left open (line {reader.first_line})"
    return None


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
    counts = Counter(headers)
    repeated = next((name for name in wanted if name and counts[name] > 1), None)
    if repeated:
        raise DataError(f"{path}: header '{repeated}' occurs twice; rename one of the columns")


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

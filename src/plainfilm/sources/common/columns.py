"""Some columns of a very large table, row by row, as tuples: a tenth of the time of rows with headers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from plainfilm.errors import DataError
from plainfilm.io.csv_files import (
    TableFormat,
    find_header,
    looks_like_rows,
    open_bytes,
    open_csv,
    table_format,
)
from plainfilm.sources.base import BLANK_WORDS
from plainfilm.sources.common.rows import require_headers

_SHOWN = 100
"""So many characters of a row that cannot be read are shown."""


def columns_of(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[str, ...]]:
    """The cells of each row in the order of the names; "" for a blank and for an optional column not there.

    A block of rows is in memory at a time. Rows are numbered from 1, the header not counted.

    Raises:
        DataError: no such file, damaged, a column that is missing or there twice, or a row that has not as
            many cells as the header.
    """
    headers, has_rows = _head(path)
    wanted = (*required, *optional)
    require_headers(path, headers, required, wanted)
    if not has_rows:
        return
    found = {name: find_header(path, name, headers) for name in wanted}
    there = list(dict.fromkeys(header for header in found.values() if header is not None))
    form = table_format(path)
    if form.quotes == "odd":
        yield from _carefully(path, headers, [found[name] for name in wanted])
        return
    for batch in _batches(path, form, headers, there):
        blank = [""] * batch.num_rows
        columns = {name: _clean(batch.column(name)).to_pylist() for name in batch.schema.names}
        yield from zip(*(columns.get(found[name] or "", blank) for name in wanted), strict=True)


def _carefully(path: Path, headers: Sequence[str], wanted: Sequence[str | None]) -> Iterator[tuple[str, ...]]:
    """The rows of a table whose quotes may be wrong: Arrow would read on in silence."""
    places = [None if name is None else headers.index(name) for name in wanted]
    with open_csv(path) as reader:
        for cells in reader:
            if len(cells) != len(headers) or looks_like_rows(cells, reader.delimiter):
                raise DataError(
                    f"{path}: line {reader.first_line}: has {len(cells)} cells, the header "
                    f"{len(headers)}, or a quote is left open; mend or remove the row"
                )
            stripped = ("" if place is None else cells[place].strip() for place in places)
            yield tuple("" if cell.lower() in BLANK_WORDS else cell for cell in stripped)


def headers_of(path: Path) -> list[str]:
    """The headers of a table, without white space around them.

    Raises:
        DataError: no such file, or damaged.
    """
    return _head(path)[0]


def _head(path: Path) -> tuple[list[str], bool]:
    """The headers, and whether any row follows."""
    with open_csv(path) as reader:
        return reader.headers, next(iter(reader), None) is not None


def _batches(
    path: Path, form: TableFormat, headers: Sequence[str], wanted: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    encoding = "utf8" if form.encoding == "utf-8-sig" else form.encoding
    types = dict.fromkeys(wanted, pa.string())
    # Headers of columns that nobody asks for may be blank or occur twice.
    names = [name if name in wanted else f"{place} {name}" for place, name in enumerate(headers)]
    read = pa_csv.ReadOptions(
        column_names=names, skip_rows=form.skipped, skip_rows_after_names=1, encoding=encoding
    )
    with open_bytes(path) as stream:
        try:
            yield from pa_csv.open_csv(
                stream,
                read,
                pa_csv.ParseOptions(delimiter=form.delimiter, newlines_in_values=True),
                pa_csv.ConvertOptions(include_columns=wanted, column_types=types),
            )
        except pa.ArrowInvalid as error:
            message = " ".join(str(error).split())[:_SHOWN]
            raise DataError(f"{path}: not a regular CSV ({message}); mend or remove the row") from None
        except UnicodeError:
            raise DataError(f"{path}: is not text in {encoding}; save it as CSV UTF-8") from None


def _clean(column: Any) -> Any:
    stripped = pc.utf8_trim_whitespace(column)
    blank = pc.is_in(pc.utf8_lower(stripped), pa.array(sorted(BLANK_WORDS)))
    return pc.if_else(blank, "", stripped)

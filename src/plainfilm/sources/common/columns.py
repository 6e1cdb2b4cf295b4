"""Some columns of a very large table, row by row, as tuples: a tenth of the time of rows with headers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from plainfilm.errors import DataError
from plainfilm.io.csv_files import encoding_of, open_bytes, open_text
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
    for batch in _batches(path, headers, [name for name in wanted if name in headers]):
        blank = [""] * batch.num_rows
        columns = {name: _clean(batch.column(name)).to_pylist() for name in batch.schema.names}
        yield from zip(*(columns.get(name, blank) for name in wanted), strict=True)


def headers_of(path: Path) -> list[str]:
    """The headers of a table, without white space around them.

    Raises:
        DataError: no such file, or damaged.
    """
    return _head(path)[0]


def _head(path: Path) -> tuple[list[str], bool]:
    """The headers, and whether any row follows."""
    with open_text(path) as stream:
        reader = csv.reader(stream)
        return [name.strip() for name in next(reader, [])], next(reader, None) is not None


def _batches(path: Path, headers: Sequence[str], wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    encoding = encoding_of(path)
    arrow_encoding = "utf8" if encoding == "utf-8-sig" else encoding
    types = dict.fromkeys(wanted, pa.string())
    # Headers of columns that nobody asks for may be blank or occur twice.
    names = [name if name in wanted else f"{place} {name}" for place, name in enumerate(headers)]
    with open_bytes(path) as stream:
        try:
            yield from arrow_csv.open_csv(
                stream,
                arrow_csv.ReadOptions(column_names=names, skip_rows_after_names=1, encoding=arrow_encoding),
                arrow_csv.ParseOptions(newlines_in_values=True),
                arrow_csv.ConvertOptions(include_columns=wanted, column_types=types),
            )
        except pa.ArrowInvalid as error:
            message = " ".join(str(error).split())[:_SHOWN]
            raise DataError(f"{path}: not a regular CSV ({message}); mend or remove the row") from None
        except UnicodeError:
            raise DataError(f"{path}: is not text in {encoding}; save it as UTF-8") from None


def _clean(column: Any) -> Any:
    stripped = pc.utf8_trim_whitespace(column)
    blank = pc.is_in(pc.utf8_lower(stripped), pa.array(sorted(BLANK_WORDS)))
    return pc.if_else(blank, "", stripped)

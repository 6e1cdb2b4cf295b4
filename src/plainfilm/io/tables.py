"""Parquet and JSON in and out. Every write is atomic; every error names the file and the column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from plainfilm.errors import CollectionError, DataError, nearest
from plainfilm.io import paths
from plainfilm.io.archives import read_bytes, split_path
from plainfilm.io.files import replacing

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


def write_parquet(rows: pa.Table | Sequence[Mapping[str, Any]], schema: pa.Schema, path: Path) -> None:
    """Writes a table atomically, with exactly the columns and types of `schema`.

    Raises:
        CollectionError: a column is missing, unknown or of another type, or a required value is absent.
        DataError: the file cannot be written.
    """
    table = rows if isinstance(rows, pa.Table) else _from_rows(rows, schema, path)
    unknown = sorted(set(table.column_names) - set(schema.names))
    if unknown:
        raise CollectionError(f"{path}: unknown column '{unknown[0]}': {nearest(unknown[0], schema.names)}")
    required = [field.name for field in schema if not field.nullable and field.name in table.column_names]
    for name in required:
        if table.column(name).null_count:
            raise CollectionError(f"{path}: column '{name}' lacks a value in some row; each needs one")
    table = _conform(table, schema, path)
    with replacing(path) as temporary, parquet_writer(temporary, schema) as writer:
        writer.write_table(table)


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of a Parquet file as every table is written: compressed, with a checksum of each page."""
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def _from_rows(rows: Sequence[Mapping[str, Any]], schema: pa.Schema, path: Path) -> pa.Table:
    for row in rows:
        unknown = row.keys() - set(schema.names)
        if unknown:
            name = min(unknown)
            raise CollectionError(f"{path}: unknown column '{name}': {nearest(name, schema.names)}")
    try:
        return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise CollectionError(f"{path}: a value does not fit its column ({error})") from None


def open_parquet(source: Path | BinaryIO | pa.NativeFile) -> pq.ParquetFile:
    """A Parquet file, the checksums of whose pages are compared when they are read.

    Raises:
        OSError, pa.ArrowInvalid: it cannot be read, or its footer is damaged.
    """
    return pq.ParquetFile(source, page_checksum_verification=True)


def parquet_batches(
    source: Path | BinaryIO | pa.NativeFile, rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """A Parquet file, or some of its columns, in batches of at most so many rows.

    Raises:
        OSError, pa.ArrowInvalid: it cannot be read, or is damaged.
    """
    return _batches(open_parquet(source), rows, columns)


def _batches(file: pq.ParquetFile, rows: int, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    # Row groups are read one after the other: asked for all together, pyarrow keeps what it has read of each.
    for group in range(file.num_row_groups):
        yield from file.iter_batches(rows, [group], columns)


def read_parquet(
    path: Path | str,
    schema: pa.Schema | None = None,
    columns: Sequence[str] | None = None,
    *,
    source: pa.NativeFile | None = None,
    way_out: str = "prepare the collection again",
) -> pa.Table:
    """A Parquet table, or only its `columns`; with a `schema`, in its order and types.

    `source` is the file at `path` where it is open already.

    Raises:
        CollectionError: missing, damaged, or lacking a column; the message ends in `way_out`.
    """
    path = Path(path)
    wanted = list(columns) if columns is not None else (schema.names if schema else None)
    with _opened(path, source, wanted, way_out) as file:
        table = file.read(columns=wanted)
    return table if schema is None else _conform(table, _part(schema, wanted), path)


def read_batches(
    path: Path,
    schema: pa.Schema,
    rows: int,
    columns: Sequence[str] | None = None,
    *,
    source: pa.NativeFile,
    way_out: str,
) -> Iterator[pa.RecordBatch]:
    """What `read_parquet` reads, in batches of at most so many rows; raises as it does."""
    wanted = schema.names if columns is None else list(columns)
    part = _part(schema, wanted)
    with _opened(path, source, wanted, way_out) as file:
        for batch in _batches(file, rows, wanted):
            yield batch if batch.schema.equals(part) else _conform(batch, part, path)


@contextmanager
def _opened(
    path: Path, source: pa.NativeFile | None, wanted: Sequence[str] | None, way_out: str
) -> Iterator[pq.ParquetFile]:
    """A Parquet file with the columns `wanted`; a fault in it, while it is read too, is one line."""
    try:
        file = open_parquet(paths.openable(path) if source is None else source)
        for name in wanted or ():
            if name not in file.schema_arrow.names:
                known = nearest(name, file.schema_arrow.names)
                raise CollectionError(f"{path}: no column '{name}': {known}; {way_out}")
        yield file
    except FileNotFoundError:
        raise CollectionError(f"{path}: no such table; {way_out}") from None
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CollectionError(f"{path}: is damaged ({reason}); {way_out}") from None


def _part(schema: pa.Schema, names: Sequence[str] | None) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names or ()])


def _conform(table: Rows, schema: pa.Schema, path: Path) -> Rows:
    try:
        return table.select(schema.names).cast(schema)
    except KeyError as error:
        raise CollectionError(f"{path}: {error.args[0]}; expected {', '.join(schema.names)}") from None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, ValueError) as error:
        raise CollectionError(f"{path}: a column has another type than expected ({error})") from None


def write_json(value: Any, path: Path) -> None:
    """Writes JSON atomically: keys in the order given, indented by two, NaN refused.

    Raises:
        DataError: the value is not JSON, or the file cannot be written.
    """
    text = json.dumps(as_json(value, path), indent=2, ensure_ascii=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def as_json(value: Any, path: Path) -> Any:
    """`value` as it is read back from the JSON file at `path`.

    Raises:
        DataError: the value is not JSON.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: cannot be written as JSON ({error})") from None


def read_json(path: Path | str) -> Any:
    """What a JSON file holds, which may lie in an archive.

    Raises:
        DataError: no such file, or not JSON (with the line).
    """
    path = Path(path)
    if path.is_char_device():
        raise DataError(f"{path}: is a device, and no file of JSON")
    try:
        data = read_bytes(path) if split_path(path) else paths.read_all(path)
        return json.loads(data.decode("utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: line {error.lineno}: not valid JSON ({error.msg})") from None
    except RecursionError:
        raise DataError(f"{path}: is nested too deeply to be anything that Plainfilm reads") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None

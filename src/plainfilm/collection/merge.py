"""Merges parts into tables one after another, with bounded memory, and computes the content fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plainfilm.collection.schema import ALL_TABLES, OPTIONAL_TABLES, TABLES, file_name
from plainfilm.io import paths
from plainfilm.io.files import replacing
from plainfilm.io.tables import parquet_writer, read_parquet

ROWS_PER_GROUP = 50_000
ROWS_PER_FILE = 2_000_000
"""A file of a table ends with the group that reaches so many rows."""

_PIECES = 512
"""So many pieces are made one: each of a few rows takes 14 kB, whatever is in it."""

Writing = Callable[[str], AbstractContextManager[Path]]
"""Opens the path that a file of a table is written to, by the name of the file."""


class ContentDigest:
    """A hash of the rows of one table, independent of their division into groups or chunks."""

    def __init__(self, schema: pa.Schema) -> None:
        self._columns = {
            name: [hashlib.sha256(f"{name} {kind}".encode()) for kind in ("valid", "length", "value")]
            for name in schema.names
        }

    def update(self, table: pa.Table) -> None:
        """Add rows."""
        for name, (valid, length, value) in self._columns.items():
            column = table.column(name).combine_chunks()
            valid.update(pc.is_valid(column).cast(pa.uint8()).to_numpy().tobytes())
            if pa.types.is_string(column.type):
                texts = [text.encode("utf-8", "surrogatepass") for text in column.fill_null("").to_pylist()]
                length.update(pa.array([len(text) for text in texts], pa.int32()).to_numpy().tobytes())
                value.update(b"".join(texts))
            else:
                value.update(column.fill_null(0).to_numpy().tobytes())

    def hexdigest(self) -> str:
        """The hash of all rows so far."""
        parts = [part.hexdigest() for column in self._columns.values() for part in column]
        return hashlib.sha256("".join(parts).encode()).hexdigest()


def content_fingerprint(digests: Mapping[str, str]) -> str:
    """The SHA-256 digest, in hexadecimal, of the digests of all tables but `rejected`."""
    present = [*TABLES, *(name for name in OPTIONAL_TABLES if name in digests)]
    stated = [f"{name} {digests[name]}" for name in present if name != "rejected"]
    return hashlib.sha256("\n".join(stated).encode()).hexdigest()


def merge(name: str, parts: Iterable[Path], folder: Path) -> dict[str, Any]:
    """Write the table `name` of all `parts`, in their order, to `folder`, each file atomically; return what
    `collection.json` says of it.

    Raises:
        DataError: the table cannot be written.
    """
    return write_stream(name, _tables(name, parts), lambda file: replacing(folder / file))


def write_stream(name: str, tables: Iterable[pa.Table], writing: Writing) -> dict[str, Any]:
    """Write the table `name` from a stream of pieces; return what `collection.json` says of it: rows, their
    digest, and the number of files if there are several."""
    schema = ALL_TABLES[name]
    digest, groups = ContentDigest(schema), _groups(tables)
    rows, files, waiting = 0, 0, next(groups, None)
    while waiting is not None or not files:
        end = rows + ROWS_PER_FILE
        with writing(file_name(name, files)) as path, parquet_writer(path, schema) as writer:
            while waiting is not None and rows < end:
                writer.write_table(waiting, row_group_size=ROWS_PER_GROUP)
                digest.update(waiting)
                rows += len(waiting)
                waiting = next(groups, None)
        files += 1
    return {"rows": rows, "digest": digest.hexdigest()} | ({"parts": files} if files > 1 else {})


def _tables(name: str, parts: Iterable[Path]) -> Iterator[pa.Table]:
    for part in parts:
        path = part / f"{name}.parquet"
        if paths.is_file(path):
            yield read_parquet(path, TABLES[name])


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The pieces concatenated to groups of at least `ROWS_PER_GROUP` rows, except the last."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        if len(waiting) >= _PIECES:
            waiting = [pa.concat_tables(waiting).combine_chunks()]
        if rows >= ROWS_PER_GROUP:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def stray_files(folder: Path, stored: Sequence[str]) -> Iterator[Path]:
    """Files below `folder` that are not among `stored` (paths relative to the folder's parent)."""
    known = set(stored)
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder.parent).as_posix() not in known:
            yield path

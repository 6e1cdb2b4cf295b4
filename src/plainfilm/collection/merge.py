"""Merges parts into tables one after another, with bounded memory, and computes the content fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from plainfilm.collection.schema import ALL_TABLES, OPTIONAL_TABLES, TABLES
from plainfilm.io import paths
from plainfilm.io.files import replacing
from plainfilm.io.tables import parquet_writer, read_parquet

ROWS_PER_GROUP = 50_000


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


def merge(name: str, parts: Iterable[Path], path: Path) -> tuple[int, str]:
    """Write the table `name` of all `parts`, in their order, atomically; return its rows and their digest.

    Raises:
        DataError: the table cannot be written.
    """
    with replacing(path) as temporary:
        return write_stream(name, _tables(name, parts), temporary)


def write_stream(name: str, tables: Iterable[pa.Table], path: Path) -> tuple[int, str]:
    """Write the table `name` from a stream of pieces; return its rows and their digest."""
    schema = ALL_TABLES[name]
    digest = ContentDigest(schema)
    rows = 0
    with parquet_writer(path, schema) as writer:
        for group in _groups(tables, schema):
            writer.write_table(group, row_group_size=ROWS_PER_GROUP)
            digest.update(group)
            rows += len(group)
    return rows, digest.hexdigest()


def _tables(name: str, parts: Iterable[Path]) -> Iterator[pa.Table]:
    for part in parts:
        path = part / f"{name}.parquet"
        if paths.is_file(path):
            yield read_parquet(path, TABLES[name])


def _groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The pieces concatenated to groups of at least `ROWS_PER_GROUP` rows, except the last."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROWS_PER_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def stray_files(folder: Path, stored: Sequence[str]) -> Iterator[Path]:
    """Files below `folder` that are not among `stored` (paths relative to the folder's parent)."""
    known = set(stored)
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder.parent).as_posix() not in known:
            yield path

"""Rewrites a table of a collection; the table and what `collection.json` says of it take effect together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plainfilm.collection.collection import META, Collection, file_name
from plainfilm.collection.merge import content_fingerprint, write_stream
from plainfilm.collection.schema import ALL_TABLES, FORMAT_VERSION
from plainfilm.io.files import sha256_of
from plainfilm.io.manifest import Change


def rewrite(
    collection: Collection,
    name: str,
    pieces: Iterable[pa.Table],
    stated: Callable[[], Mapping[str, Any]] = dict,
) -> int:
    """Write the table `name` from a stream of pieces; return its number of rows.

    `stated`, asked after the last piece, is what else `collection.json` says of the table. The caller holds
    the lock of the collection's folder.

    Raises:
        DataError: the table cannot be written; the collection is as before.
    """
    # A collection of format 3 lists no digests; those of its other tables are taken as they are.
    kept = collection.manifest.files or {
        file_name(table): sha256_of(collection.table_path(table)) for table in collection.meta["tables"]
    }
    change = Change(collection.path, META)
    with change.writing(file_name(name)) as temporary:
        rows, digest = write_stream(name, pieces, temporary)
    tables = {**collection.meta["tables"], name: {"rows": rows, "digest": digest, **stated()}}
    digests = {name: table["digest"] for name, table in tables.items()}
    described = {"tables": tables, "fingerprint": content_fingerprint(digests)}
    meta = {**collection.meta, "format_version": FORMAT_VERSION, **described}
    collection.renew(change.commit(meta, kept), name)
    return rows


def other_rows(collection: Collection, name: str, origin: str) -> Iterator[pa.Table]:
    """The rows of a table of origins other than `origin`."""
    with collection.open_table(name) as file:
        for batch in file.iter_batches():
            table = pa.Table.from_batches([batch]).cast(ALL_TABLES[name])
            yield table.filter(pc.not_equal(table["origin"], origin))

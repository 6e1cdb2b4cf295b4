"""Rewrites a table of a collection; the table and what `collection.json` says of it take effect together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plainfilm.collection.collection import META, Collection
from plainfilm.collection.merge import content_fingerprint, write_stream
from plainfilm.collection.schema import ALL_TABLES, file_name, files_of, format_of
from plainfilm.io.files import remove, sha256_of
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
        file_name(table): sha256_of(collection.path / file_name(table)) for table in collection.meta["tables"]
    }
    former = collection.files_of(name) if collection.has_table(name) else []
    change = Change(collection.path, META)
    described = write_stream(name, pieces, change.writing) | dict(stated())
    tables = {**collection.meta["tables"], name: described}
    fingerprint = content_fingerprint({name: table["digest"] for name, table in tables.items()})
    changed = {"format_version": format_of(tables), "tables": tables, "fingerprint": fingerprint}
    others = {file: digest for file, digest in kept.items() if file not in former}
    collection.renew(change.commit({**collection.meta, **changed}, others), name)
    for file in set(former) - set(files_of(name, described)):
        remove(collection.path / file)
    return int(described["rows"])


def other_rows(collection: Collection, name: str, origin: str) -> Iterator[pa.Table]:
    """The rows of a table of origins other than `origin`."""
    for batch in collection.batches(name):
        table = pa.Table.from_batches([batch]).cast(ALL_TABLES[name])
        yield table.filter(pc.not_equal(table["origin"], origin))

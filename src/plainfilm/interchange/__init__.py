"""Interchange formats: collections in the formats of other systems, one file each, found by its name."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plainfilm import __version__
from plainfilm.collection.collection import Collection
from plainfilm.config import build
from plainfilm.errors import UsageError
from plainfilm.interchange.base import Written, interchange_format
from plainfilm.io.unfinished import filling

__all__ = ["Written", "convert"]


def convert(
    collection: Collection, format_name: str, out: Path, options: Mapping[str, Any] | None = None
) -> Written:
    """Write `collection` in a format to the folder `out`, which is new or empty.

    Raises:
        ConfigError: an unknown format or option, or labels of ambiguous origin.
        UsageError: `out` is neither empty nor an unfinished conversion of this kind, or is being written; or
            there is nothing to write.
        CollectionError: the collection has no images, or is damaged.
        DataError: a file cannot be written.
    """
    chosen = interchange_format(format_name)
    config = build(chosen.Config, options or {}, f"options of format {format_name}")
    was_there = out.exists()
    work = {
        "format": format_name,
        "options": config.model_dump(mode="json"),
        "collection": collection.fingerprint,
        "version": __version__,
    }
    with filling(out, work):
        written = chosen.write(collection, out.absolute(), config)
    if not written.rows:
        for file in written.files:
            file.unlink(missing_ok=True)
        if not was_there:
            shutil.rmtree(out, ignore_errors=True)
        why = f": {'; '.join(written.left_out)}" if written.left_out else ""
        raise UsageError(f"{collection.path}: nothing of it can be written as {format_name}{why}")
    return written

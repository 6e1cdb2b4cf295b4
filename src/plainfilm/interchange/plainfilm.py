"""Plainfilm's own format: a collection made again from one that was packed, or copied.

What `webdataset` and `huggingface` write becomes a collection with the same tables and the same bytes of
every film; each film is compared with the digest that the table of images has of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from plainfilm.collection.collection import META, Collection
from plainfilm.interchange.base import FormatConfig, Written
from plainfilm.interchange.packed import copy_tables, stored_files, write_meta
from plainfilm.io.files import replacing
from plainfilm.io.manifest import FILES


class Config(FormatConfig):
    """images: always copied."""

    images: Literal["copy"] = "copy"


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write the films, the tables and `collection.json`.

    Raises:
        CollectionError: a film is missing or damaged.
        DataError: a file cannot be written.
    """
    images = collection.table("images")
    paths = dict(zip(images["image_id"].to_pylist(), images["path"].to_pylist(), strict=True))
    place = Collection(out, collection.meta)
    files = []
    for image, data in stored_files(collection):
        files.append(place.image_path(paths[image]))
        with replacing(files[-1], flushed=False) as temporary:
            temporary.write_bytes(data)
    digests = copy_tables(collection, out)
    write_meta(collection, out, {"pixels": True, FILES: digests})
    tables = [out / name for name in digests]
    return Written((out / META, *tables, *files), len(files))

"""Where an unfinished collection lies, and how it becomes a finished one.

On a disk everything is made in a folder of its own, `OUT/.partial`, and renamed into place. Object storage
renames nothing: there images and tables are written where they belong, only the parts into `OUT/.partial`. In
both, `collection.json` is written last and makes the folder a collection.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from plainfilm.collection.collection import META
from plainfilm.collection.merge import stray_files
from plainfilm.collection.schema import ALL_TABLES, files_of
from plainfilm.errors import CollectionError, DataError
from plainfilm.io import paths
from plainfilm.io.files import flush, make_folder, move, remove, remove_tree
from plainfilm.io.manifest import FILES, settle, write_manifest
from plainfilm.io.object_storage import stored
from plainfilm.io.tables import read_parquet


def tables_of(work: Path) -> Path:
    """The folder that images and tables are written to, for the folder of unfinished work."""
    return work if stored(work) is None else work.parent


def begin(work: Path, out: Path) -> None:
    """Make the work folder, or continue with that of a killed preparation.

    A work folder without images is from an interrupted publication: if it was complete, the rest of the
    folder is removed; if not, the images are moved back. In object storage the old collection ends here, as
    its images are written over.
    """
    if stored(out) is not None:
        remove(out / META)
        return
    try:
        images, moved = work / "images", out / "images"
        if work.is_dir() and not images.exists():
            if (out / META).exists():
                shutil.rmtree(work)
            elif moved.is_dir():
                moved.rename(images)
        make_folder(images)
        make_folder(work / "parts")
    except OSError as error:
        raise CollectionError(f"{out}: cannot be written ({error.strerror or error})") from None


def publish(work: Path, out: Path, meta: dict[str, Any]) -> None:
    """Move images and tables into place; `collection.json` comes last and completes the collection."""
    if stored(out) is not None:
        _remove_others(out, meta)
        write_manifest(out / META, meta)
        remove_tree(work)
        return
    _sweep(work, meta["tables"]["images"], meta["pixels"])
    # Everything that needs disk space is written before old files are removed: moving needs none.
    write_manifest(work / META, meta)
    try:
        (out / META).unlink(missing_ok=True)
        flush(out)
        old = out / "images"
        if old.exists():
            shutil.rmtree(old)
        (work / "images").rename(old)
        for name in meta[FILES]:
            (work / name).replace(out / name)
        _remove_others(out, meta)
        flush(out)
        move(work / META, out / META)
        settle(out, META)
        shutil.rmtree(work)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{out}: cannot be published ({reason}); repeat the command to continue") from None


def _remove_others(out: Path, meta: dict[str, Any]) -> None:
    """Remove the files of tables that an earlier collection had and this one has not."""
    for name in ALL_TABLES:
        for file in (*paths.files_in(out, f"{name}.parquet"), *paths.files_in(out, f"{name}-*.parquet")):
            if file.name not in meta[FILES]:
                remove(file)


def _sweep(work: Path, stated: dict[str, Any], has_pixels: bool) -> None:
    """Remove image files without a row: incomplete ones of a killed run, or of changed raw data."""
    images, stored = work / "images", stated["rows"] if has_pixels else 0
    if _count_files(images) == stored:
        return
    tables = (read_parquet(work / file, columns=["path"]) for file in files_of("images", stated))
    for path in stray_files(images, pa.concat_tables(tables)["path"].to_pylist()):
        path.unlink()
    if _count_files(images) != stored:
        raise CollectionError(
            f"{work}: image files are missing from it; delete this folder and repeat the command"
        )


def _count_files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))

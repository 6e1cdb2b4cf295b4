"""Verifies a whole collection: every table and every image against the digest that was stored with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from plainfilm.collection.collection import WAY_OUT, Collection
from plainfilm.errors import CollectionError
from plainfilm.io.files import sha256_of
from plainfilm.io.processes import cores
from plainfilm.progress import SILENT, Progress

_AT_ONCE = 4096
"""Images whose digests are waited for together, so that memory does not grow with the collection."""


def missing_images(collection: Collection) -> list[str]:
    """The paths of the images that the collection lists and does not have; no image is opened."""
    there = {
        f"{os.path.relpath(folder, collection.path)}/{name}".replace(os.sep, "/")
        for folder, _, names in os.walk(collection.path / "images")
        for name in names
    }
    paths = collection.table("images")["path"].to_pylist()
    return [path for path in paths if path is not None and path not in there]


def damage(collection: Collection, progress: Progress = SILENT) -> Iterator[str]:
    """What is missing from a collection or differs from what was written, one line each."""
    yield from collection.manifest.damage()
    yield from damaged_images(collection, progress)


def damaged_images(collection: Collection, progress: Progress = SILENT) -> Iterator[str]:
    """The images that are missing or differ from what was stored, one line each; all are read."""
    paths = [path for path in collection.table("images")["path"].to_pylist() if path is not None]
    yield from _faults(
        collection, progress.track(paths, len(paths), f"verifying images of {collection.name}")
    )


def require_images(collection: Collection, paths: Iterable[str | None]) -> None:
    """Check that images, by their `path` in the table `images`, are as they were stored.

    Raises:
        CollectionError: one is missing or damaged.
    """
    for fault in _faults(collection, (path for path in paths if path is not None)):
        raise CollectionError(f"{fault}; {WAY_OUT}")


def _faults(collection: Collection, paths: Iterable[str]) -> Iterator[str]:
    images = collection.table("images")
    digests = dict(zip(images["path"].to_pylist(), images["sha256"].to_pylist(), strict=True))
    waiting = iter(paths)
    with ThreadPoolExecutor(cores()) as pool:
        while block := list(islice(waiting, _AT_ONCE)):
            yield from filter(None, pool.map(lambda path: _fault(collection, path, digests[path]), block))


def _fault(collection: Collection, path: str, digest: str) -> str | None:
    file = collection.image_path(path)
    try:
        found = sha256_of(file)
    except FileNotFoundError:
        return f"{file}: is missing"
    except OSError as error:
        return f"{file}: cannot be read ({error.strerror or error})"
    return None if found == digest else f"{file}: is damaged, or was changed by hand (its SHA-256 differs)"

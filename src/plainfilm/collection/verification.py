"""Verifies a whole collection: every table and every image against the digest that was stored with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from plainfilm.collection.collection import WAY_OUT, Collection
from plainfilm.errors import CollectionError
from plainfilm.io import paths
from plainfilm.io.files import sha256_of
from plainfilm.io.processes import cores
from plainfilm.io.scratch import DiskDict, DiskSet
from plainfilm.io.workers import WorkersLike, in_workers
from plainfilm.progress import SILENT, Progress

_AT_ONCE = 4096
"""Images whose digests are compared together, so that memory does not grow with the collection."""


def missing_images(collection: Collection) -> list[str]:
    """The paths of the images that the collection lists and does not have; no image is opened."""
    there = DiskSet()
    for folder, _, names in paths.walk(collection.path / "images"):
        for name in names:
            there.add((folder / name).relative_to(collection.path).as_posix())
    return [path for path, _ in _listed(collection) if path not in there]


def damage(collection: Collection, progress: Progress = SILENT, workers: WorkersLike = 1) -> Iterator[str]:
    """What is missing from a collection or differs from what was written, one line each."""
    yield from collection.manifest.damage()
    yield from damaged_images(collection, progress, workers)


def damaged_images(
    collection: Collection, progress: Progress = SILENT, workers: WorkersLike = 1
) -> Iterator[str]:
    """The images that are missing or differ from what was stored, one line each; all are read."""
    count = collection.meta["tables"]["images"]["rows"] if collection.meta["pixels"] else 0
    what = f"verifying images of {collection.name}"
    yield from _faults(collection, progress.track(_listed(collection), count, what), workers, progress)


def require_images(collection: Collection, listed: Iterable[str | None]) -> None:
    """Check that images, by their `path` in the table `images`, are as they were stored.

    Raises:
        CollectionError: one is missing or damaged.
    """
    digests = DiskDict()
    for path, digest in _listed(collection):
        digests.setdefault(path, digest)
    for fault in _faults(collection, ((path, digests.get(path)) for path in listed if path is not None)):
        raise CollectionError(f"{fault}; {WAY_OUT}")


def _listed(collection: Collection) -> Iterator[tuple[str, str]]:
    """Every image's `path` in its table and its digest."""
    for batch in collection.batches("images", _AT_ONCE, ["path", "sha256"]):
        yield from ((row["path"], row["sha256"]) for row in batch.to_pylist() if row["path"] is not None)


def _faults(
    collection: Collection,
    wanted: Iterable[tuple[str, str]],
    workers: WorkersLike = 1,
    progress: Progress = SILENT,
) -> Iterator[str]:
    listed = ((collection.image_path(path), digest) for path, digest in wanted)
    for faults in in_workers(check_files, _blocks(listed), workers, progress=progress):
        yield from faults


class FileBlock(NamedTuple):
    """Files with their SHA-256; `base` is the folder that their paths may be relative to."""

    base: Path
    files: list[tuple[Path, str]]


def _blocks(listed: Iterable[tuple[Path, str]]) -> Iterator[FileBlock]:
    stream, base = iter(listed), Path.cwd()
    while files := list(islice(stream, _AT_ONCE)):
        yield FileBlock(base, files)


def check_files(block: FileBlock) -> list[str]:
    """What is wrong with the files of a block: a line for each that is missing or differs."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(filter(None, pool.map(partial(_fault, block.base), block.files)))


def _fault(base: Path, listed: tuple[Path, str]) -> str | None:
    file, digest = listed
    try:
        found = sha256_of(paths.absolute_in(base, file))
    except FileNotFoundError:
        return f"{file}: is missing"
    except OSError as error:
        return f"{file}: cannot be read ({error.strerror or error})"
    return None if found == digest else f"{file}: is damaged, or was changed by hand (its SHA-256 differs)"

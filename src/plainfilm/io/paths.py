"""What lies at a path of this machine or in object storage: the one place where the two are told apart.

A path in object storage begins with its protocol, as in `s3:/bucket/raw` (see `io.object_storage`); all other
paths are of this machine. `io.archives` adds archives on the way to both.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from plainfilm.io import object_storage
from plainfilm.io.object_storage import StoredPath, stored


def is_file(path: Path) -> bool:
    """True for a file."""
    place = stored(path)
    return path.is_file() if place is None else _kind(place) == "file"


def is_folder(path: Path) -> bool:
    """True for a folder; in object storage, for a name that others begin with."""
    place = stored(path)
    return path.is_dir() if place is None else _kind(place) == "directory"


def exists(path: Path) -> bool:
    """True for a file or folder."""
    place = stored(path)
    return path.exists() if place is None else _kind(place) is not None


def _kind(place: StoredPath) -> str | None:
    found = object_storage.info(place)
    return None if found is None else str(found["type"])


def names_in(folder: Path) -> list[str]:
    """The names of what lies directly in a folder, sorted.

    Raises:
        OSError: there is no such folder, or it cannot be read.
    """
    place = stored(folder)
    if place is None:
        return sorted(path.name for path in folder.iterdir())
    return [name for name, _ in object_storage.entries(place)]


def folders_in(folder: Path) -> list[str]:
    """The names of the folders that lie directly in a folder, sorted; none where there is no such folder."""
    place = stored(folder)
    if place is not None:
        return [name for name, is_inner in object_storage.entries(place) if is_inner]
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())


def files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """The files that lie directly in a folder and fit a pattern such as `*.csv`, sorted; none where there is
    no such folder."""
    place = stored(folder)
    if place is None:
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    listed = (name for name, is_inner in object_storage.entries(place) if not is_inner)
    return [folder / name for name in listed if fnmatch.fnmatchcase(name, pattern)]


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """A folder and every folder below it, with the names of its folders and files, sorted; folders that are
    taken out of their list are not entered."""
    if stored(root) is None:
        for folder, folders, names in os.walk(root):
            folders.sort()
            yield Path(folder), folders, sorted(names)
        return
    folders = folders_in(root)
    inner = set(folders)
    yield root, folders, [name for name in names_in(root) if name not in inner]
    for name in folders:
        yield from walk(root / name)


def open_file(path: Path) -> BinaryIO:
    """A file as bytes, to be read from its start and sought in.

    Raises:
        OSError: as `open` does.
        StorageError: object storage fails.
    """
    place = stored(path)
    return path.open("rb") if place is None else object_storage.open_stored(place)


def openable(path: Path) -> Path | BinaryIO:
    """What a library opens that takes a path or a stream: the path itself, where it is of this machine."""
    return path if stored(path) is None else open_file(path)


def read_all(path: Path) -> bytes:
    """All bytes of a file; raises as `open_file`."""
    with open_file(path) as stream:
        return stream.read()


def read_text(path: Path) -> str:
    """The text of a file of UTF-8, without a mark at its beginning; raises as `open_file`."""
    return read_all(path).decode("utf-8-sig")


def stamp(path: Path) -> tuple[int, int]:
    """(size, a number that changes with the content: the time of change, in nanoseconds, on this machine).

    Raises:
        OSError: there is no such file.
        StorageError: object storage fails.
    """
    place = stored(path)
    if place is not None:
        return object_storage.state(place)
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def absolute(path: Path) -> Path:
    """The path, whatever the working folder is."""
    return absolute_in(Path.cwd(), path)


def absolute_in(folder: Path, path: Path) -> Path:
    """The path as it is meant in a working folder, which may be that of another process."""
    return folder / path if stored(path) is None else path


def resolved(path: Path) -> Path:
    """The path without links and detours."""
    return path.resolve() if stored(path) is None else path

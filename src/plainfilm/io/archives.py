"""Files below a download, whether it was unpacked or not: a path may lead into a zip or tar archive.

`raw/images.zip/0001.png` is the member `0001.png` of the archive `raw/images.zip`. Every reader of Plainfilm
opens such a path as if it were a file, so a corpus that comes zipped need not be unpacked. A compressed tar
archive cannot be opened in the middle and has to be.
"""

from __future__ import annotations

import functools
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from plainfilm.errors import DataError
from plainfilm.io import limits, paths

_ZIP, _TAR = ".zip", ".tar"
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def split_path(path: Path) -> tuple[Path, str] | None:
    """The archive that `path` leads into and the member's name, or `None` for an ordinary path."""
    for place, part in enumerate(path.parts[:-1], start=1):
        if part.lower().endswith((_ZIP, _TAR)):
            archive = Path(*path.parts[:place])
            if paths.is_file(archive):
                return archive, "/".join(path.parts[place:])
    return None


def is_file(path: Path) -> bool:
    """True for a file, and for a member of an archive."""
    inner = split_path(path)
    return paths.is_file(path) if inner is None else inner[1] in _members(*_state(inner[0]))


def open_binary(path: Path) -> BinaryIO:
    """A file or a member of an archive, to be read from its start; a member can be sought in too.

    Raises:
        OSError: as `open` does, a missing member being a missing file.
        DataError: the archive is damaged, or the member is encrypted or too large.
    """
    inner = split_path(path)
    return paths.open_file(path) if inner is None else _read_member(path, *inner)


def read_bytes(path: Path) -> bytes:
    """All bytes of a file or of a member of an archive; raises as `open_binary`."""
    inner = split_path(path)
    if inner is not None:
        return _read_member(path, *inner).getvalue()
    _refuse_size(path, paths.stamp(path)[0])
    return paths.read_all(path)


def packed_size(path: Path) -> int | None:
    """The bytes that a compressed member of an archive takes there; `None` for any other file.

    Raises:
        DataError: the archive is damaged.
    """
    inner = split_path(path)
    member = inner and _members(*_state(inner[0])).get(inner[1])
    return None if not member or member.offset is not None else member.packed


def stamp(path: Path) -> tuple[int, int]:
    """(size, time of change) of a file, or of the archive a path leads into.

    Raises:
        OSError: there is none.
    """
    inner = split_path(path)
    return paths.stamp(path if inner is None else inner[0])


def files_below(root: Path, wanted: Callable[[str], bool] = bool) -> Iterator[Path]:
    """Every file below a folder or archive whose name is `wanted`, sorted within each folder.

    Zip and plain tar archives on the way are looked into; a compressed tar archive is given as a file.
    """
    if paths.is_file(root):
        if root.name.lower().endswith((_ZIP, _TAR)):
            members = sorted(_members(*_state(root)))
            yield from (root / name for name in members if wanted(name.rpartition("/")[2]))
        elif wanted(root.name):
            yield root
        return
    for folder, _, names in paths.walk(root):
        for name in names:
            path = folder / name
            if name.lower().endswith((_ZIP, _TAR)):
                yield from files_below(path, wanted)
            elif wanted(name):
                yield path


def is_compressed_tar(path: Path) -> bool:
    """True for the name of an archive that must be unpacked before it can be read."""
    return path.name.lower().endswith(_COMPRESSED)


def _read_member(path: Path, archive: Path, name: str) -> BytesIO:
    member = _members(*_state(archive)).get(name)
    if member is None:
        raise FileNotFoundError(2, "No such member of the archive", str(path))
    _refuse_size(path, member.size)
    if member.offset is not None:
        with paths.open_file(archive) as stream:
            stream.seek(member.offset)
            return BytesIO(stream.read(member.size))
    try:
        with _zip(*_state(archive)).open(name) as packed:
            unpacked = BytesIO()
            # In one piece, it would be held twice.
            shutil.copyfileobj(packed, unpacked, _CHUNK_BYTES)
        unpacked.seek(0)
        return unpacked
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); fetch {archive.name} again") from None
    except RuntimeError as error:  # it wants a password
        raise DataError(f"{path}: cannot be unpacked ({error}); unpack {archive.name} yourself") from None


def _refuse_size(path: Path, size: int) -> None:
    if size > limits.LARGEST_FILE:
        raise DataError(
            f"{path}: has {size:,} bytes unpacked; unsafe to open, at most {limits.LARGEST_FILE:,} are read"
        )


_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in an archive, its size there, and where its bytes begin if they are not compressed."""

    size: int
    packed: int
    offset: int | None = None


def _state(archive: Path) -> tuple[Path, int, int, int]:
    """What tells whether an opened archive is still that file; a forked process opens its own."""
    return archive, *paths.stamp(archive), os.getpid()


@functools.lru_cache(maxsize=16)
def _zip(archive: Path, size: int, changed_ns: int, process: int) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(paths.openable(archive))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as error:
        raise _damaged(archive, error) from None


@functools.lru_cache(maxsize=16)
def _members(archive: Path, size: int, changed_ns: int, process: int) -> dict[str, _Member]:
    """Every file in an archive."""
    if archive.name.lower().endswith(_ZIP):
        files = (entry for entry in _zip(archive, size, changed_ns, process).infolist() if not entry.is_dir())
        return {entry.filename: _Member(entry.file_size, entry.compress_size) for entry in files}
    try:
        with paths.open_file(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as opened:
            return {
                entry.name.removeprefix("./"): _Member(entry.size, entry.size, entry.offset_data)
                for entry in opened
                if entry.isfile()
            }
    except (tarfile.TarError, EOFError) as error:
        raise _damaged(archive, error) from None


def _damaged(archive: Path, error: Exception) -> DataError:
    return DataError(f"{archive}: is damaged or cut short ({error}); fetch the file again")

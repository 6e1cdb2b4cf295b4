"""Unpacks archives that a reader cannot open into folders, atomically."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from plainfilm.download.item import safe_path
from plainfilm.errors import DownloadError
from plainfilm.io import limits

_BLOCK, _SMALLEST = 1 << 20, 512
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, NotImplementedError)


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a .zip or .tgz beside `folder`, which must not exist; return the folder to be renamed to it.

    A top folder of the archive with the name of `folder` is omitted. Only regular files are unpacked. The
    archive's CRC-32s are checked to the end; remains of an earlier, killed run are removed.

    Raises:
        DownloadError: `folder` exists, or the archive is damaged, has a path that leads out of it, or unpacks
            to far more than its size (`limits.MOST_UNPACKED`).
    """
    if folder.exists():
        raise DownloadError(f"{folder}: exists, but {archive.name} unpacks to it; move it away")
    unfinished = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    room = _Room(archive)
    try:
        for name, stream in _files(archive):
            parts = PurePosixPath(safe_path(name, str(archive))).parts
            inner = parts[1:] if parts[0] == folder.name and len(parts) > 1 else parts
            _write(stream, unfinished.joinpath(*inner), room)
    except DownloadError:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    except _DAMAGE as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise DownloadError(f"{archive}: is damaged ({error}); remove it and repeat the command") from None
    return unfinished


class _Room:
    """What an archive may still unpack to; a file takes a block of the disk at least."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._left = max(limits.UNPACKED_FREELY, limits.MOST_UNPACKED * archive.stat().st_size)

    def take(self, count: int) -> None:
        """Counts bytes that were unpacked.

        Raises:
            DownloadError: they are more than any archive of this size has.
        """
        self._left -= count
        if self._left < 0:
            raise DownloadError(
                f"{self._archive}: unpacks to over {limits.MOST_UNPACKED} times its size; refused as unsafe"
            )


def _write(stream: IO[bytes], path: Path, room: _Room) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    room.take(_SMALLEST)
    with stream, path.open("wb") as out:
        while block := stream.read(_BLOCK):
            room.take(len(block))
            out.write(block)


def _files(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every regular file; read the content before advancing."""
    return _of_zip(archive) if archive.suffix == ".zip" else _of_tar(archive)


def _of_zip(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            if not entry.is_dir():
                yield entry.filename, opened.open(entry)


def _of_tar(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with _gunzipped(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as members:
        for member in members:
            content = members.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content


@contextmanager
def _gunzipped(archive: Path) -> Iterator[gzip.GzipFile]:
    """A stream that is read to its end on exit: only there does gzip check its CRC-32."""
    with gzip.open(archive, "rb") as stream:
        yield stream
        while stream.read(_BLOCK):
            pass

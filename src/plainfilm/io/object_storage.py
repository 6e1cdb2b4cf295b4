"""Files in object storage, read and written through fsspec: `s3://bucket/raw` and the like.

A `Path` cannot hold `s3://bucket/raw`: it becomes `s3:/bucket/raw`, and that is how such a place is written
in every message and table. Its first part names the protocol; `io.paths` tells such a path from one of this
machine. Reads are ranges of bytes, kept in a local cache of bounded size (`io.block_cache`), and are repeated
when the server fails. What still fails is a `StorageError`, which ends the command: a server that is away
must never look like a damaged film.

Credentials come from where each protocol's library looks for them (environment variables, profiles, roles).
They are in no path, and no text of a server or of a library is passed on, as it may quote them.
"""

from __future__ import annotations

import io
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from plainfilm.errors import MissingDependency, PlainfilmError, StorageError, UsageError
from plainfilm.io import block_cache
from plainfilm.io.optional import optional_import

PROTOCOLS = ("s3", "gs", "abfs", "abfss", "hf", "sftp", "memory")
ATTEMPTS = 6
FIRST_PAUSE_S = 0.5
"""Before the second attempt; every further pause is twice as long."""
SECONDS_TO_ANSWER = 60
_PACKAGES = {"gs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs", "sftp": "paramiko"}
"""Packages of protocols that the extra does not bring."""
_LISTINGS_KEPT = 256
"""Listings of folders that a process remembers, so that memory does not grow with the corpus."""
_VERSIONS = ("ETag", "etag", "generation", "md5", "mtime", "LastModified", "created")
"""What file systems call that which changes with the content of a file."""
_SECRET = re.compile(
    r"^[^/@:]*:[^@]*@|[?&](sig|signature|token|x-amz-[\w-]+|awsaccesskeyid|access_token)=", re.IGNORECASE
)
_REFUSED = (PermissionError,)

Answer = TypeVar("Answer")


class State(NamedTuple):
    """What is known of a file: its size in bytes, and a number that changes with its content."""

    size: int
    version: int


@dataclass(frozen=True)
class StoredPath:
    """A place in object storage: the protocol and the key in it (bucket first)."""

    protocol: str
    key: str

    def __str__(self) -> str:
        return f"{self.protocol}:/{self.key}"


def stored(path: Path | str) -> StoredPath | None:
    """The place in object storage that a path leads to, or `None` for a path of this machine.

    Raises:
        UsageError: the path holds a password or a token.
    """
    text = os.fspath(path)
    protocol, colon, rest = text.partition(":/")
    if not colon or protocol not in PROTOCOLS:
        return None
    key = rest.strip("/")
    if _SECRET.search(key):
        raise UsageError(
            f"{protocol}://: the address holds a password or token, which does not belong there; leave it "
            "out and put it where the environment has credentials (docs/clusters.md)"
        )
    return StoredPath(protocol, key)


_SYSTEMS: dict[tuple[str, int], Any] = {}
"""The file systems of this process, by protocol; a forked process has its own."""


def system(place: StoredPath) -> Any:
    """fsspec's file system of a place.

    Raises:
        MissingDependency: the package of its protocol is not installed.
        StorageError: it does not begin, for instance without credentials.
    """
    key = (place.protocol, os.getpid())
    if key not in _SYSTEMS:
        what = f"{place.protocol}://"
        fsspec = optional_import("fsspec", "cluster", what)
        if place.protocol == "s3":
            optional_import("s3fs", "cluster", what)
        own: dict[str, Any] = {}
        if place.protocol == "s3":
            settings: dict[str, Any] = {"retries": {"total_max_attempts": 1}}  # `asked` repeats
            settings |= {"connect_timeout": min(10, SECONDS_TO_ANSWER), "read_timeout": SECONDS_TO_ANSWER}
            own = {"config_kwargs": settings, "max_paths": _LISTINGS_KEPT}
        try:
            _SYSTEMS[key] = fsspec.filesystem(place.protocol, skip_instance_cache=True, **own)
            _SYSTEMS[key].retries = 1
        except ImportError:
            package = _PACKAGES.get(place.protocol, f"fsspec[{place.protocol}]")
            raise MissingDependency(
                f"{what} needs {package}, which is not installed: pip install '{package}'"
            ) from None
        except Exception as error:  # every library has its own
            raise _failed(place, error) from None
    return _SYSTEMS[key]


def forget() -> None:
    """Forgets what servers said is there, and the credentials: a process that stays asks anew."""
    _SYSTEMS.clear()


def asked(place: StoredPath, question: Callable[[], Answer]) -> Answer:
    """The answer of a server, asked again while it fails.

    Raises:
        FileNotFoundError: there is nothing at the place.
        MissingDependency: the package of its protocol is not installed.
        StorageError: it refuses, or still fails.
    """
    for attempt in range(ATTEMPTS):
        try:
            return question()
        except PlainfilmError:  # of what is missing here
            raise
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise FileNotFoundError(2, "No such file or directory", str(place)) from None
        except _REFUSED as error:
            raise _failed(place, error) from None
        except Exception as error:  # every library has its own
            if _is_refusal(error) or attempt == ATTEMPTS - 1:
                raise _failed(place, error) from None
        time.sleep(FIRST_PAUSE_S * 2**attempt)
    raise AssertionError


def _is_refusal(error: Exception) -> bool:
    return "Credential" in type(error).__name__ or "Token" in type(error).__name__


def _failed(place: StoredPath, error: Exception) -> StorageError:
    """The error for a person. Texts of servers and libraries are left out: they may quote credentials."""
    kind = type(error).__name__
    if isinstance(error, _REFUSED) or _is_refusal(error):
        return StorageError(
            f"{place}: access is refused ({kind}); renew the credentials of the environment, then repeat the "
            "command: finished work is kept"
        )
    return StorageError(
        f"{place}: the server does not answer as it should ({kind}, {ATTEMPTS} attempts); repeat the command "
        "later, or with renewed credentials if they may have expired: finished work is kept"
    )


def info(place: StoredPath) -> dict[str, Any] | None:
    """What the server says of a place; `None` where there is nothing."""
    try:
        found: dict[str, Any] = asked(place, lambda: system(place).info(place.key))
    except FileNotFoundError:
        return None
    return found


def state(place: StoredPath) -> State:
    """Size and version of a file.

    Raises:
        FileNotFoundError: there is none.
        StorageError: the server fails.
    """
    found = info(place)
    if found is None or found["type"] != "file":
        raise FileNotFoundError(2, "No such file", str(place))
    marks = [str(found[name]) for name in _VERSIONS if found.get(name)]
    return State(int(found["size"]), zlib.crc32(repr(marks).encode()))


def entries(place: StoredPath) -> list[tuple[str, bool]]:
    """(name, is a folder) of what lies directly in a folder, sorted; empty where there is none."""
    try:
        found = asked(place, lambda: system(place).ls(place.key, detail=True))
    except FileNotFoundError:
        return []
    named = ((entry["name"].rstrip("/"), entry["type"] == "directory") for entry in found)
    own = place.key.rstrip("/")
    return sorted((name.rpartition("/")[2], is_folder) for name, is_folder in named if name.strip("/") != own)


class StoredFile(io.RawIOBase):
    """A file in object storage, read in blocks through the local cache; wrap it into a `BufferedReader`."""

    def __init__(self, place: StoredPath) -> None:
        self._place, self._state = place, state(place)
        self._offset = 0
        self._handle: Any = None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves to a place in the file; returns it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset, os.SEEK_END: self._state.size}[whence]
        if start + offset < 0:
            raise ValueError("negative seek position")
        self._offset = start + offset
        return self._offset

    def tell(self) -> int:
        """The place in the file."""
        return self._offset

    def readinto(self, buffer: Any) -> int:
        """Fills a part of `buffer`, up to the end of a block."""
        if self._offset >= self._state.size:
            return 0
        number, start = divmod(self._offset, block_cache.BLOCK_BYTES)
        block = self._block(number)
        part = block[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._offset += len(part)
        return len(part)

    def _block(self, number: int) -> bytes:
        start = number * block_cache.BLOCK_BYTES
        size = min(block_cache.BLOCK_BYTES, self._state.size - start)
        name = f"{self._place} {self._state} {number}"
        return block_cache.cached(name, size, lambda: asked(self._place, lambda: self._fetched(start, size)))

    def _fetched(self, start: int, size: int) -> bytes:
        try:
            if self._handle is None:
                self._handle = system(self._place).open(self._place.key, "rb", cache_type="none")
            self._handle.seek(start)
            data = bytes(self._handle.read(size))
            if len(data) != size:
                raise OSError("a body cut short")
        except Exception:
            self._handle = None  # it may be in the middle of an answer
            raise
        return data

    def close(self) -> None:
        """Ends the connection."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()
        super().close()


def open_stored(place: StoredPath) -> BinaryIO:
    """A file in object storage, to be read from its start and sought in.

    Raises:
        FileNotFoundError: there is none.
        StorageError: the server fails.
    """
    return io.BufferedReader(StoredFile(place), io.DEFAULT_BUFFER_SIZE)


def upload(source: Path, place: StoredPath) -> None:
    """Writes a file; it is there whole or not at all, as far as the protocol promises (S3 does).

    Raises:
        StorageError: the server fails.
    """
    size = source.stat().st_size

    def put() -> None:
        files = system(place)
        files.put_file(str(source), place.key)
        files.invalidate_cache(place.key.rpartition("/")[0])
        # S3 takes a file whole or not at all; others are asked what they have.
        if place.protocol != "s3" and int(files.info(place.key)["size"]) != size:
            raise OSError("a file cut short")

    asked(place, put)


def remove(place: StoredPath, *, folder: bool = False) -> None:
    """Removes a file, or everything below a folder; nothing where there is none."""
    try:
        asked(place, lambda: system(place).rm(place.key, recursive=folder))
    except FileNotFoundError:
        return


def copy(source: StoredPath, target: StoredPath) -> None:
    """Copies a file on the server."""
    asked(source, lambda: system(source).cp_file(source.key, target.key))
    system(target).invalidate_cache(target.key.rpartition("/")[0])


def below(place: StoredPath) -> Iterator[tuple[str, list[str], list[str]]]:
    """(key, names of folders, names of files) of a folder and those below, as `os.walk` gives them."""
    listed = entries(place)
    folders = [name for name, is_folder in listed if is_folder]
    yield place.key, folders, [name for name, is_folder in listed if not is_folder]
    for name in folders:
        yield from below(StoredPath(place.protocol, f"{place.key}/{name}"))

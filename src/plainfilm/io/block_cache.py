"""Blocks of remote files on a local disk, up to a number of bytes; those not used for long go first.

The folder is that of PLAINFILM_STORAGE_CACHE, by default `plainfilm/storage` in the user's cache; nobody else
can read it, as films lie in it. Its size is PLAINFILM_STORAGE_CACHE_GB, 10 by default; 0 keeps nothing.
Several processes share it: a block appears whole, by renaming.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from plainfilm.errors import UsageError

BLOCK_BYTES = 4 << 20
FOLDER_VARIABLE = "PLAINFILM_STORAGE_CACHE"
SIZE_VARIABLE = "PLAINFILM_STORAGE_CACHE_GB"
_DEFAULT_GB = 10.0
_CHECKED_EACH = 50
"""The size is measured whenever this process has written one part in so many of the limit."""
_KEPT = 0.9
"""After a measurement above the limit so much of it stays."""

_written = 0
"""Bytes that this process has written since the last measurement."""


def folder() -> Path:
    """The folder of the cache."""
    stated = os.environ.get(FOLDER_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(stated or f"{home}/plainfilm/storage").expanduser()


def limit() -> int:
    """The most bytes that the cache takes.

    Raises:
        UsageError: the variable of the size holds no number.
    """
    stated = os.environ.get(SIZE_VARIABLE)
    try:
        gigabytes = _DEFAULT_GB if stated is None else float(stated)
    except ValueError:
        gigabytes = -1.0
    if not gigabytes >= 0:
        raise UsageError(f"{SIZE_VARIABLE}='{stated}': set it to a number of gigabytes, or 0 for no cache")
    return int(gigabytes * 1e9)


def cached(name: str, size: int, fetch: Callable[[], bytes]) -> bytes:
    """The block called `name`, of `size` bytes: from the cache, or from `fetch` and then kept.

    A disk that cannot be written is no error: the block is fetched again next time.
    """
    most = limit()
    if size > most:
        return fetch()
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    path = folder() / digest[:2] / digest
    with contextlib.suppress(OSError):
        data = path.read_bytes()
        if len(data) == size:
            os.utime(path)
            return data
    data = fetch()
    with contextlib.suppress(OSError):
        _keep(path, data)
        _make_room(most)
    return data


def _keep(path: Path, data: bytes) -> None:
    global _written  # noqa: PLW0603
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    _written += len(data)


def _make_room(most: int) -> None:
    """Removes the blocks that were used least recently where the cache is above its limit."""
    global _written  # noqa: PLW0603
    if _written * _CHECKED_EACH < most:
        return
    _written = 0
    blocks = []
    for path in folder().glob("*/*"):
        with contextlib.suppress(OSError):  # another process removed it
            found = path.stat()
            blocks.append((found.st_mtime, found.st_size, path))
    total = sum(size for _, size, _ in blocks)
    if total <= most:
        return
    for _, size, path in sorted(blocks):
        path.unlink(missing_ok=True)
        total -= size
        if total <= most * _KEPT:
            return

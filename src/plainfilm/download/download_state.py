"""The record of verified files in a raw folder, so that a continued download need not read them again.

`RAW/.plainfilm-download` has one line per finished file: its identity, size, modification time and path. A
file that has changed since, or with another identity, is not finished.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from plainfilm.download.item import RESERVED, Item
from plainfilm.io.locks import writing

_UNPACKED = "unpacked"


class DownloadState:
    """The journal of a raw folder; a context that holds the folder's lock."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / RESERVED
        self._writing = threading.Lock()
        self._lines: dict[str, tuple[str, str, str]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(writing(self._root))
            if self._path.exists():
                self._read()
            self._stream = stack.enter_context(self._path.open("a", encoding="utf-8"))
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _read(self) -> None:
        """Read the complete lines; an incomplete one, from a killed process, is cut off."""
        content = self._path.read_bytes()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            os.truncate(self._path, end)
        for line in content[:end].decode("utf-8", errors="replace").splitlines():
            identity, size, changed, path = (*line.split("\t", 3), "", "", "")[:4]
            self._lines[path] = (identity, size, changed)

    def knows(self, item: Item) -> bool:
        """True if the file of `item` is unchanged since its verification."""
        return self._lines.get(item.path) == (item.identity, *_stamp(self._root / item.path))

    def knows_unpacked(self, item: Item, folder: str) -> bool:
        """True if the archive of `item` was unpacked to `folder`, which still exists."""
        known = self._lines.get(item.path)
        return known == (item.identity, _UNPACKED, folder) and (self._root / folder).is_dir()

    def add(self, item: Item) -> None:
        """Record the file of `item` as verified."""
        self._write(item.path, (item.identity, *_stamp(self._root / item.path)))

    def add_unpacked(self, item: Item, folder: str) -> None:
        """Record that the archive of `item` was unpacked to `folder`."""
        self._write(item.path, (item.identity, _UNPACKED, folder))

    def _write(self, path: str, entry: tuple[str, str, str]) -> None:
        with self._writing:
            self._stream.write("\t".join((*entry, path)) + "\n")
            self._stream.flush()
            self._lines[path] = entry


def _stamp(path: Path) -> tuple[str, str]:
    try:
        state = path.stat()
    except OSError:
        return "", ""
    return str(state.st_size), str(state.st_mtime_ns)

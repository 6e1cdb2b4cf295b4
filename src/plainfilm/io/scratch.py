"""What is too much for memory while a command runs: tables on disk that end with their owner.

SQLite keeps a database without a name in temporary files, which nobody else sees and which are gone when it
is closed or its process dies. Only its cache is in memory, so that what is put here may grow with a corpus.
"""

from __future__ import annotations

import sqlite3
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import DataError

_CACHE_KB = 2000
_SETTINGS = (
    "PRAGMA journal_mode = OFF",  # nothing is taken back, and nothing outlives the process
    "PRAGMA synchronous = OFF",
    "PRAGMA temp_store = FILE",  # what is sorted goes to disk too
    f"PRAGMA cache_size = -{_CACHE_KB}",
    "BEGIN",
)


def packed(text: str) -> bytes:
    """A text as it is stored: any text, also one that is no UTF-8 (half of a surrogate pair from a list)."""
    return text.encode("utf-8", "surrogatepass")


def unpacked(stored: bytes) -> str:
    """The text that was stored."""
    return stored.decode("utf-8", "surrogatepass")


class Scratch:
    """A database in temporary files; `tables` are the statements that make its tables."""

    def __init__(self, *tables: str) -> None:
        # Threads may share it: SQLite itself takes one statement at a time.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._connection.close)
        for statement in (*_SETTINGS, *tables):
            self.execute(statement)

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Run one statement.

        Raises:
            DataError: there is no room for temporary files.
        """
        try:
            return self._connection.execute(statement, tuple(values))
        except sqlite3.OperationalError as error:
            raise _no_room(error) from None

    def rows(self, statement: str, values: Iterable[Any] = ()) -> Iterator[Any]:
        """The rows of a query, which are read as they are asked for; raises as `execute`."""
        cursor = self.execute(statement, values)
        try:
            yield from cursor
        except sqlite3.OperationalError as error:
            raise _no_room(error) from None

    def value(self, statement: str, values: Iterable[Any] = ()) -> Any:
        """The only value of the first row of a query; raises as `execute`."""
        return self.execute(statement, values).fetchone()[0]

    def use(self, name: str, function: Any) -> None:
        """Let statements call a function of one value, which depends on it only."""
        self._connection.create_function(name, 1, function, deterministic=True)


def _no_room(error: sqlite3.Error | OSError) -> DataError:
    return DataError(
        f"temporary files cannot be written ({error}); free some space, or set TMPDIR to another folder"
    )


class DiskDict:
    """Texts or whole numbers by keys, which are texts."""

    def __init__(self) -> None:
        self._scratch = Scratch("CREATE TABLE entries (key BLOB PRIMARY KEY, value) WITHOUT ROWID")
        self._count = 0

    def setdefault(self, key: str, value: Any) -> Any:
        """The value of a key, which is `value` for a new one."""
        statement = "INSERT OR IGNORE INTO entries VALUES (?, ?)"
        stored = packed(value) if isinstance(value, str) else value
        if self._scratch.execute(statement, (packed(key), stored)).rowcount:
            self._count += 1
            return value
        return self.get(key)

    def get(self, key: str) -> Any:
        """The value of a key, `None` for an unknown one."""
        found = self._scratch.execute("SELECT value FROM entries WHERE key = ?", (packed(key),)).fetchone()
        if found is None:
            return None
        return unpacked(found[0]) if isinstance(found[0], bytes) else found[0]

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def __len__(self) -> int:
        return self._count


class DiskSet:
    """Distinct texts."""

    def __init__(self) -> None:
        self._entries = DiskDict()

    def add(self, text: str) -> bool:
        """Add a text; whether it is new."""
        before = len(self._entries)
        self._entries.setdefault(text, 1)
        return len(self._entries) > before

    def __contains__(self, text: str) -> bool:
        return text in self._entries

    def __len__(self) -> int:
        return len(self._entries)


@contextmanager
def temporary_file_errors() -> Iterator[None]:
    """Turns errors of temporary files (no room, too many open) into a `DataError` with a way out."""
    try:
        yield
    except OSError as error:
        raise _no_room(error) from None


class TemporaryFiles:
    """Files without names, which nobody else sees and which are gone with this or its process."""

    def __init__(self) -> None:
        self._files: list[BinaryIO] = []
        weakref.finalize(self, _close, self._files)

    def add(self) -> BinaryIO:
        """A further one, empty.

        Raises:
            DataError: none can be made.
        """
        with temporary_file_errors():
            self._files.append(tempfile.TemporaryFile(prefix="plainfilm-"))  # noqa: SIM115
        return self._files[-1]

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[BinaryIO]:
        return iter(self._files)


def _close(files: list[BinaryIO]) -> None:
    for file in files:
        with suppress(OSError):  # what was not written to a full disk is not needed either
            file.close()


class DiskParts:
    """Records of a NumPy type in `count` temporary files, one for each part; the order in each is kept.

    Raises:
        DataError: no temporary files can be made.
    """

    def __init__(self, kind: np.dtype, count: int) -> None:
        self._kind = kind
        self._files = TemporaryFiles()
        for _ in range(count):
            self._files.add()

    def __len__(self) -> int:
        return len(self._files)

    def add(self, records: NDArray, parts: NDArray[np.int64]) -> None:
        """Add records (n,), each to the part of its number (n,).

        Raises:
            DataError: there is no room for temporary files.
        """
        order = np.argsort(parts, kind="stable")
        ends = np.cumsum(np.bincount(parts, minlength=len(self._files)))[:-1]
        with temporary_file_errors():
            for file, own in zip(self._files, np.split(records[order], ends), strict=True):
                file.write(own.tobytes())

    def __iter__(self) -> Iterator[NDArray]:
        """The records of each part; raises as `add`."""
        for file in self._files:
            with temporary_file_errors():
                file.seek(0)  # writes what was not yet
            yield np.frombuffer(file.read(), self._kind)

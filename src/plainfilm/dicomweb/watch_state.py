"""Which films of an archive are done, on disk: the memory of `watch` over its restarts.

A SQLite file with a row for each film and algorithm. A row is written in one transaction after the archive
has said that all results of the film are there, so a process killed at any moment forgets at most that it did
them, which the archive then tells. It holds identifiers of objects and no name, number or date of a patient.
Every row has a digest, which SQLite does not compute: a wrong bit must not make a film done.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plainfilm.errors import DataError
from plainfilm.io.locks import writing

FILE = "watch.sqlite3"
_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")
Outcome = Literal["stored", "skipped", "failed", "own"]
"""All results are in the archive; it is no film for the model; it failed and may be tried again; it is a
picture that Plainfilm made."""
_TABLE = """
CREATE TABLE IF NOT EXISTS film_states (
    film TEXT NOT NULL, algorithm TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    attempts INTEGER NOT NULL, at REAL NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (film, algorithm))
"""


@dataclass(frozen=True)
class FilmState:
    """What became of a film. attempts: so far. at: when, in seconds since 1970."""

    outcome: Outcome
    reason: str
    attempts: int
    at: float


class WatchState:
    """The films that are done for one algorithm."""

    def __init__(self, connection: sqlite3.Connection, algorithm: str) -> None:
        self._connection = connection
        self._algorithm = algorithm

    def of(self, film: str) -> FilmState | None:
        """What became of a film by its SOP Instance UID, or `None` where nothing is known."""
        query = "SELECT outcome, reason, attempts, at FROM film_states WHERE film = ? AND algorithm = ?"
        row = self._connection.execute(query, (film, self._algorithm)).fetchone()
        return FilmState(*row) if row else None

    def put(self, film: str, outcome: Outcome, reason: str = "") -> None:
        """Record what became of a film, for good once this returns."""
        before = self.of(film)
        row = (film, self._algorithm, outcome, reason, (before.attempts if before else 0) + 1, time.time())
        with self._connection:
            values = (*row, _digest(row))
            self._connection.execute("REPLACE INTO film_states VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def counts(self) -> dict[str, int]:
        """How many films there are by outcome."""
        query = "SELECT outcome, COUNT(*) FROM film_states WHERE algorithm = ? GROUP BY outcome"
        return dict(self._connection.execute(query, (self._algorithm,)))


def _digest(row: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(row).encode()).hexdigest()[:16]


def _check(connection: sqlite3.Connection) -> None:
    """Compare every row with its digest, and the structure of the file with itself.

    Raises:
        sqlite3.DatabaseError: one differs.
    """
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(" ".join(problem.split()))
    for *row, stated in connection.execute("SELECT * FROM film_states"):
        if stated != _digest(tuple(row)):
            raise sqlite3.DatabaseError("the digest of a row differs")


@contextmanager
def watch_state(folder: Path, algorithm: str) -> Iterator[WatchState]:
    """The state in `folder`, which is made where it is missing; one process at a time.

    Raises:
        UsageError: another process has it open.
        DataError: it cannot be written, or is damaged.
    """
    with writing(folder):
        try:
            with closing(sqlite3.connect(folder / FILE)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_TABLE)
                _check(connection)
                yield WatchState(connection, algorithm)
        except sqlite3.Error as error:
            way_out = "remove it, and the archive is asked what it has"
            if getattr(error, "sqlite_errorname", "").startswith(_NO_ROOM):
                way_out = "free some space, or change its permissions, and repeat the command"
            raise DataError(f"{folder / FILE}: cannot be used ({error}); {way_out}") from None

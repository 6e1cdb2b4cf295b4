"""Progress of long work. Libraries report to a `Progress`; only the command line displays it.

`SILENT` shows nothing and is every function's default, so that code stays embeddable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Receives the progress of long work."""

    def track(self, items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
        """Yield `items` and show the progress of `what`."""
        ...

    def log(self, line: str) -> None:
        """Show one line of lasting interest."""
        ...


class Silent:
    """Shows nothing."""

    def track(self, items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
        """Yield `items` unchanged."""
        yield from items

    def log(self, line: str) -> None:
        """Show nothing."""


SILENT: Progress = Silent()

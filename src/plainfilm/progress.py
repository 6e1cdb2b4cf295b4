"""How long work tells of itself. Libraries report to a `Progress`; only the command line shows one.

`SILENT` shows nothing and is every function's default, so that code stays embeddable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Receives what long work has to say."""

    def track(self, items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
        """`items`, one by one, shown as progress of `what`."""
        ...

    def say(self, line: str) -> None:
        """One line worth keeping."""
        ...


class Silent:
    """Shows nothing."""

    def track(self, items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
        """`items` as they are."""
        yield from items

    def say(self, line: str) -> None:
        """Nothing."""


SILENT: Progress = Silent()

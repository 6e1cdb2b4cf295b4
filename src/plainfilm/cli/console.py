"""What a person sees while long work runs: a bar on a terminal, plain lines elsewhere.

Everything goes to standard error, so that standard output holds a command's answer and nothing else.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from plainfilm.progress import Progress

Item = TypeVar("Item")

_LINE_EVERY_S = 10.0


def console_progress() -> Progress:
    """The progress to show on this standard error."""
    return Bars() if sys.stderr.isatty() else Lines()


class Lines:
    """Plain lines: one when work begins to take long, one now and then, one at the end."""

    def track(self, items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
        """`items`, with a line about every ten seconds and a closing one."""
        began = said = time.monotonic()
        done = 0
        for done, item in enumerate(items, 1):
            yield item
            if time.monotonic() - said >= _LINE_EVERY_S:
                said = time.monotonic()
                self.say(_state(what, done, total, said - began))
        self.say(_state(what, done, total, time.monotonic() - began))

    def say(self, line: str) -> None:
        """`line`, on standard error."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


class Bars:
    """A bar per piece of work, with throughput and the time left."""

    def track(self, items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
        """`items` under a bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            yield from bar.track(items, total=total, description=what)

    def say(self, line: str) -> None:
        """`line`, on standard error."""
        sys.stderr.write(f"{line}\n")


def _state(what: str, done: int, total: int | None, seconds: float) -> str:
    """One line: how far, how fast, how long still.

    >>> _state("preparing", 50, 100, 10.0)
    'preparing: 50 of 100, 5.0/s, 10 s left'
    """
    rate = done / seconds if seconds > 0 else 0.0
    pace = f"{rate:.1f}/s" if rate >= 1 or rate == 0 else f"{1 / rate:.1f} s each"
    line = f"{what}: {done}" + (f" of {total}" if total is not None else "") + f", {pace}"
    if total is None or done >= total or rate == 0:
        return f"{line}, {seconds:.0f} s"
    return f"{line}, {(total - done) / rate:.0f} s left"

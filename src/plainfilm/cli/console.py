"""Shows the progress of long work: a bar on a terminal, plain lines elsewhere.

Progress goes to standard error; standard output holds the answer of a command only.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from plainfilm.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")

_LINE_EVERY_S = 10.0


def console_progress() -> Progress:
    """The `Progress` that suits this process's standard error."""
    return Bars() if sys.stderr.isatty() else Lines()


def print_json(document: Any) -> None:
    """Print one JSON document to standard output; it is whole in any encoding."""
    is_unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=not is_unicode) + "\n")


def output_console() -> Console:
    """Rich's console on standard output, for tables."""
    from rich.console import Console

    class OutputConsole(Console):
        def on_broken_pipe(self) -> None:  # its own way out is status 1
            raise BrokenPipeError

    return OutputConsole(file=sys.stdout, highlight=False)


class Lines:
    """Plain lines: at intervals while work runs, and one at the end."""

    def track(self, items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
        """Yield `items`; print a line about every ten seconds and one at the end."""
        began = printed = time.monotonic()
        done = 0
        for done, item in enumerate(items, 1):
            yield item
            if time.monotonic() - printed >= _LINE_EVERY_S:
                printed = time.monotonic()
                self.log(_state(what, done, total, printed - began))
        self.log(_state(what, done, total, time.monotonic() - began))

    def log(self, line: str) -> None:
        """Print `line` to standard error."""
        _write(line)


class Bars:
    """A progress bar for each piece of work, with throughput and the remaining time."""

    def track(self, items: Iterable[Item], total: int | None, what: str) -> Iterator[Item]:
        """Yield `items` under a progress bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            yield from bar.track(items, total=total, description=what)

    def log(self, line: str) -> None:
        """Print `line` to standard error."""
        _write(line)


def _write(line: str) -> None:
    with contextlib.suppress(OSError):  # work does not stop because nobody can read how far it is
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _state(what: str, done: int, total: int | None, seconds: float) -> str:
    """One line: items done, throughput and remaining time.

    >>> _state("preparing", 50, 100, 10.0)
    'preparing: 50 of 100, 5.0/s, 10 s left'
    """
    rate = done / seconds if seconds > 0 else 0.0
    pace = f"{rate:.1f}/s" if rate >= 1 or rate == 0 else f"{1 / rate:.1f} s each"
    line = f"{what}: {done}" + (f" of {total}" if total is not None else "") + f", {pace}"
    if total is None or done >= total or rate == 0:
        return f"{line}, {seconds:.0f} s"
    return f"{line}, {(total - done) / rate:.0f} s left"

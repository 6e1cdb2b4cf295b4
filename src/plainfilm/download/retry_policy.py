"""When to try again, and when to stop: shared by all transfers of a run.

Waits double from `first_wait_s` to `longest_wait_s`, with a random part so that many clients do not come
back together; what a server asks for (`Retry-After`, RFC 9110 section 10.2.3) holds for every transfer.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from plainfilm.errors import DownloadError

Result = TypeVar("Result")

_LONGEST_ASKED_S = 900.0
_WORTH_TELLING_S = 3.0


class Retriable(Exception):
    """A request that failed in a way that may pass; `wait_s` is what the server asks for, if it does."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Exhausted(DownloadError):
    """A request that failed every time."""


class Stopped(Exception):
    """The run has ended; a transfer leaves what it has."""


@dataclass
class Pace:
    """How patient a run is.

    `attempts` are tries in a row without a single new byte; setting `stop` ends every wait and transfer;
    `say` is told of longer waits.
    """

    attempts: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    stop: threading.Event = field(default_factory=threading.Event)
    say: Callable[[str], None] = lambda line: None
    _resume_at: float = 0.0

    def persist(
        self, attempt: Callable[[], Result], what: str, gained: Callable[[], int] = lambda: 0
    ) -> Result:
        """The result of `attempt`, tried again after a `Retriable`; `gained` counts the bytes it has so far.

        Raises:
            Exhausted: every try failed.
            Stopped: the run has ended.
        """
        failures, before = 0, gained()
        while True:
            self.wait()
            try:
                return attempt()
            except Retriable as error:
                failures = 1 if gained() > before else failures + 1
                before = gained()
                if failures >= self.attempts:
                    raise Exhausted(f"{what}: {error}, {failures} times in a row") from None
                self._hold(error, failures)

    def wait(self) -> None:
        """Waits until a server that asked for a pause may be asked again.

        Raises:
            Stopped: the run has ended.
        """
        if self.stop.wait(max(0.0, self._resume_at - time.monotonic())):
            raise Stopped

    def _hold(self, error: Retriable, failures: int) -> None:
        longest = min(self.longest_wait_s, self.first_wait_s * 2 ** (failures - 1))
        wait_s = random.uniform(longest / 2, longest)
        if error.wait_s is not None:
            wait_s = min(error.wait_s, _LONGEST_ASKED_S)
            self._resume_at = max(self._resume_at, time.monotonic() + wait_s)
        if wait_s >= _WORTH_TELLING_S:
            self.say(f"{error}; trying again in {wait_s:.0f} s")
        if self.stop.wait(wait_s):
            raise Stopped


def asked_wait(retry_after: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or as a date; `None` where it says nothing.

    >>> asked_wait("120"), asked_wait("Thu, 01 Jan 1970 00:00:00 GMT"), asked_wait("soon")
    (120.0, 0.0, None)
    """
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())

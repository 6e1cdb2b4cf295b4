"""The retry policy, shared by all transfers of a run.

Waits double from `first_wait_s` to `longest_wait_s`, with a random part so that many clients do not return
together; a requested wait (`Retry-After`, RFC 9110 section 10.2.3) applies to every transfer.
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

_LONGEST_REQUESTED_S = 900.0
_SHORTEST_REPORTED_S = 3.0


class Retriable(Exception):
    """A request that failed temporarily; `wait_s` is the wait requested by the server, if any."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Exhausted(DownloadError):
    """A request that failed on every attempt."""


class Stopped(Exception):
    """The run has ended; a transfer keeps its bytes."""


@dataclass
class RetryPolicy:
    """The retries of a run.

    `attempts` is the largest number of attempts in a row without a new byte; setting `stop` ends every wait
    and transfer; `log` reports longer waits.
    """

    attempts: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    stop: threading.Event = field(default_factory=threading.Event)
    log: Callable[[str], None] = lambda line: None
    _resume_at: float = 0.0

    def run(self, attempt: Callable[[], Result], what: str, gained: Callable[[], int] = lambda: 0) -> Result:
        """The result of `attempt`, retried after a `Retriable`; `gained` counts the bytes received so far.

        Raises:
            Exhausted: every attempt failed.
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
        """Wait until a server that requested a pause accepts requests again.

        Raises:
            Stopped: the run has ended.
        """
        if self.stop.wait(max(0.0, self._resume_at - time.monotonic())):
            raise Stopped

    def _hold(self, error: Retriable, failures: int) -> None:
        longest = min(self.longest_wait_s, self.first_wait_s * 2 ** (failures - 1))
        wait_s = random.uniform(longest / 2, longest)
        if error.wait_s is not None:
            wait_s = min(error.wait_s, _LONGEST_REQUESTED_S)
            self._resume_at = max(self._resume_at, time.monotonic() + wait_s)
        if wait_s >= _SHORTEST_REPORTED_S:
            self.log(f"{error}; trying again in {wait_s:.0f} s")
        if self.stop.wait(wait_s):
            raise Stopped


def requested_wait(retry_after: str | None) -> float | None:
    """The seconds of a `Retry-After` header, a number or a date; `None` for any other value.

    >>> requested_wait("120"), requested_wait("Thu, 01 Jan 1970 00:00:00 GMT"), requested_wait("soon")
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

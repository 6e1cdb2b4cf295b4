"""Runs several transfers at once and collects their events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Literal

from plainfilm.download.client import Refused
from plainfilm.download.item import Item
from plainfilm.download.retry_policy import Exhausted, RetryPolicy, Stopped
from plainfilm.download.transfer import Notify
from plainfilm.errors import DownloadError

_FAREWELL_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """The result of one file: `received` is in bytes over the network, `reason` explains a failure."""

    item: Item
    state: Literal["fetched", "kept", "failed"]
    received: int = 0
    reason: str = ""
    gave_up: bool = False


Events = Generator["int | Outcome", None, None]
Work = Callable[[Item, Notify], Outcome]


def outcomes(items: Sequence[Item], work: Work, workers: int, retries: RetryPolicy) -> Events:
    """Do `work` on every item with `workers` threads; yield bytes as they arrive, and every outcome.

    A failed file is an outcome and the others continue; a refusal, or any error of the disk, ends the run and
    is raised here. When this generator is closed, the threads stop after their next bytes, which are on disk.
    It waits for each thread briefly only, because a thread may be waiting for a silent server.
    """
    inbox: SimpleQueue[int | Outcome | Exception] = SimpleQueue()
    todo, taking = iter(items), threading.Lock()

    def worker() -> None:
        while not retries.stop.is_set():
            with taking:
                item = next(todo, None)
            if item is None:
                return
            try:
                inbox.put(_attempt(item, work, inbox.put))
            except Exception as error:  # raised again in the main thread
                inbox.put(error)

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(workers, len(items)))]
    for thread in threads:
        thread.start()
    try:
        yield from _events(inbox, len(items))
    finally:
        retries.stop.set()
        for thread in threads:
            thread.join(_FAREWELL_S / len(threads))
        if not any(thread.is_alive() for thread in threads):
            retries.stop.clear()


def _attempt(item: Item, work: Work, notify: Notify) -> Outcome:
    try:
        return work(item, notify)
    except Refused:
        raise
    except DownloadError as error:
        return Outcome(item, "failed", reason=str(error), gave_up=isinstance(error, Exhausted))


def _events(inbox: SimpleQueue[int | Outcome | Exception], count: int) -> Events:
    while count:
        event = inbox.get()
        if isinstance(event, Exception) and not isinstance(event, Stopped):
            raise event
        if isinstance(event, Outcome):
            count -= 1
        if not isinstance(event, Exception):
            yield event

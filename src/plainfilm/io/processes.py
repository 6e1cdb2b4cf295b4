"""Work over local processes: few items wait, results come in order, no process outlives its parent."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import Any, TypeVar

from plainfilm.errors import DataError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""mallopt's numbers for them (malloc.h of glibc)."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None,
    modules: tuple[str, ...] = (),
) -> Iterator[Result]:
    """`function` of every item, in order, computed by `workers` processes (all cores by default).

    `function` must be importable by name; its module and `modules` are imported once by the fork server
    instead of once by every worker. With one worker or a single item it runs in this process. At
    most two items per worker are in flight, so that memory does not grow with their number.

    Raises:
        DataError: a worker was killed from outside, usually for want of memory.
    """
    stream = iter(items)
    first = list(islice(stream, 2))
    workers = workers or cores()
    if workers == 1 or len(first) < 2:
        _keep_memory()
        yield from map(function, chain(first, stream))
        return
    context = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
    if hasattr(os, "fork"):
        context.set_forkserver_preload([function.__module__, *modules])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_worker)
    try:
        yield from _bounded(pool, function, chain(first, stream), 2 * workers)
    except BrokenProcessPool:
        raise DataError(
            "a worker process was killed, probably for want of memory; "
            "repeat the command with fewer --workers: finished work is kept"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _bounded(pool: Any, function: Any, items: Iterable[Any], limit: int) -> Iterator[Any]:
    running: deque[Future[Any]] = deque()
    for item in items:
        running.append(pool.submit(function, item))
        if len(running) >= limit:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def _worker() -> None:
    """Leaves Ctrl-C to the parent, and ends when the parent is gone: a killed one cannot say goodbye."""
    _keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _keep_memory() -> None:
    """Lets the C library keep what one film took for the next one.

    It would hand the memory back after every film and fetch it again, 1,800 pages a film and a tenth of
    the time. Without glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, 32 << 20)
        library.mallopt(_TRIM_THRESHOLD, 256 << 20)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

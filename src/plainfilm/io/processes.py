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
from functools import partial
from itertools import chain, islice
from multiprocessing import forkserver, resource_tracker
from typing import Any, TypeVar, cast

from plainfilm.errors import DataError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""mallopt's numbers for them (malloc.h of glibc)."""

_PR_SET_PDEATHSIG = 1
"""prctl's number for it (linux/prctl.h)."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_IS_WORKER = threading.Event()
"""Set in a process that another system than this module has started, and starts anew where it dies."""


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None,
    modules: tuple[str, ...] = (),
    careful: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """`function` of every item, in order, computed by `workers` processes (all cores by default).

    `function` must be importable by name; its module and `modules` are imported once by the fork server
    instead of once by every worker. With one worker it runs in this process, and so does a single item
    without `careful`. At most two items per worker are in flight, so that memory does not grow with their
    number.

    When a worker dies, the items in flight are computed by `careful` in this process, which must live through
    what killed the worker (see `alone`), and new workers take the rest.

    Raises:
        DataError: a worker was killed from outside, usually for want of memory, and there is no `careful`.
    """
    stream = iter(items)
    first = list(islice(stream, 2))
    if workers == 1 or len(first) < (1 if careful else 2):
        keep_memory()
        yield from map(function, chain(first, stream))
        return
    workers = workers or cores()
    context = _context((function.__module__, *modules))
    flight = _Flight(function, careful, partial(_pool, context, workers))
    try:
        for item in chain(first, stream):
            flight.submit(item)
            if len(flight.running) >= 2 * workers:
                yield flight.next()
        while flight.running:
            yield flight.next()
    except BaseException:  # nobody wants the other results: an error, Ctrl-C, or who asked has left
        flight.kill()
        raise
    finally:
        flight.pool.shutdown(cancel_futures=True)


def _context(modules: tuple[str, ...]) -> Any:
    context = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
    if hasattr(os, "fork") and modules:
        context.set_forkserver_preload(list(modules))
    return context


def _pool(context: Any, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_worker)


class _Flight:
    """Items on their way through a pool, in order, and a new pool when one breaks."""

    def __init__(self, function: Any, careful: Any, start: Callable[[], ProcessPoolExecutor]) -> None:
        self.running: deque[tuple[Any, Future[Any] | None]] = deque()
        self.pool = start()
        self._function, self._careful, self._start = function, careful, start

    def submit(self, item: Any) -> None:
        """Sends an item on its way; one that meets a broken pool waits for care."""
        try:
            with _deaf_to_interrupts():
                self.running.append((item, self.pool.submit(self._function, item)))
        except BrokenProcessPool:
            self.running.append((item, None))
            self._restart()

    def next(self) -> Any:
        """The result of the item that has been on its way longest."""
        item, future = self.running.popleft()
        if future is not None:
            try:
                return future.result()
            except BrokenProcessPool:
                self._restart()
        return self._careful(item)

    def kill(self) -> None:
        """Ends the workers in the midst of what they do."""
        for process in list((self.pool._processes or {}).values()):
            process.kill()

    def _restart(self) -> None:
        if self._careful is None:
            raise _killed() from None
        self.pool.shutdown(cancel_futures=True)
        self.running = deque((item, future if _is_done(future) else None) for item, future in self.running)
        self.pool = self._start()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that are started meanwhile never get Ctrl-C, not even before they run code of ours; it is for
    their parent, which gets it when the block ends."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    _start_tracker()  # its start would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_tracker() -> None:
    """Starts the process that frees what others leave behind, without its warning that it does so: that is
    what it is there for when this process is interrupted."""
    stated = os.environ.get("PYTHONWARNINGS")
    quiet = "ignore:resource_tracker:UserWarning"
    os.environ["PYTHONWARNINGS"] = f"{stated},{quiet}" if stated else quiet
    try:
        resource_tracker.ensure_running()
    finally:
        if stated is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = stated


def end_all() -> None:
    """Ends every process that this one has started here, those that are still starting too."""
    server = getattr(forkserver._forkserver, "_forkserver_pid", None)
    for process in multiprocessing.active_children():
        process.kill()
    if server is not None:
        with contextlib.suppress(OSError):
            os.kill(server, signal.SIGKILL)


def _is_done(future: Future[Any] | None) -> bool:
    return future is not None and future.done() and not isinstance(future.exception(), BrokenProcessPool)


def _killed() -> DataError:
    return DataError(
        "a worker process was killed, probably for want of memory; "
        "repeat the command with fewer --workers: finished work is kept"
    )


class Helper:
    """A process that stays, computes one item at a time, and is replaced when one of them kills it."""

    def __init__(self, modules: tuple[str, ...] = ()) -> None:
        self._context = _context(modules)
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def call(self, function: Callable[[Item], Result], item: Item, seconds: float) -> Result:
        """`function` of `item`; both must be importable by name.

        Raises:
            Crash: the process died of it, or it took longer than `seconds`.
        """
        with self._lock, _deaf_to_interrupts():
            pool = self._pool = self._pool or _pool(self._context, 1)
            future = pool.submit(_in_time, function, item, seconds)
        try:
            return future.result()
        except BrokenProcessPool:
            with self._lock:
                self._pool = None if self._pool is pool else self._pool
            raise Crash(f"its process died, or it took longer than {seconds:g} s") from None

    def close(self) -> None:
        """End the process; a later call starts another."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(cancel_futures=True)


def _in_time(function: Callable[[Item], Result], item: Item, seconds: float) -> Result:
    with time_limit(seconds):
        return function(item)


class Crash(Exception):
    """A process that died, or was killed for taking too long, by itself; the message says how."""


def alone(function: Callable[[Item], Result], item: Item, seconds: float) -> Result:
    """`function` of `item` in a process of its own, which may die or hang.

    Raises:
        Crash: it died of its own fault, or took longer than `seconds`.
        DataError: it was killed from outside, usually for want of memory.
    """
    context = _context(())
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, item), daemon=True)
    with _deaf_to_interrupts():
        process.start()
    sender.close()
    try:
        has_answered = receiver.poll(seconds)
    except BaseException:  # Ctrl-C
        process.kill()
        raise
    if not has_answered:
        process.kill()
        process.join()
        raise Crash(f"it took longer than {seconds:g} s")
    try:
        result, error = receiver.recv()
    except EOFError:
        process.join()
        raise _death(process.exitcode) from None
    process.join()
    if error is not None:
        raise error
    return cast(Result, result)


def _death(code: int | None) -> Crash | DataError:
    if code is None or code >= 0:
        return Crash(f"its process ended with status {code}")
    name = signal.Signals(-code).name
    return _killed() if name in ("SIGKILL", "SIGTERM") else Crash(f"its process died of {name}")


def _answer(sender: Any, function: Any, item: Any) -> None:
    _worker()
    answer: tuple[Any, Exception | None]
    try:
        answer = (function(item), None)
    except Exception as error:  # whatever it is, it is raised again in the process that asked
        answer = (None, error)
    sender.send(answer)


class _OutOfTime(BaseException):
    """Raised by the alarm; no decoder catches it, as it would an `Exception`."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends the block, or the worker process that runs it, when it takes longer.

    A worker is killed, because nothing else stops a decoder that never returns. In a process that is nobody's
    worker the block ends where the decoder next returns to Python. In other threads than the main one, and
    where there are no alarms, nothing happens.

    Raises:
        Crash: it took longer, in a process that is nobody's worker.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    is_worker = multiprocessing.parent_process() is not None or _IS_WORKER.is_set()
    before = None if is_worker else signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _OutOfTime:
        raise Crash(f"it took longer than {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not is_worker:
            signal.signal(signal.SIGALRM, before)


def _ring(number: int, frame: object) -> None:
    raise _OutOfTime


def _worker() -> None:
    """Leaves Ctrl-C to the parent, and ends when the parent is gone: a killed one cannot say goodbye."""
    keep_memory()
    with contextlib.suppress(OSError, AttributeError):  # elsewhere than on Linux the thread below does it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def become_worker() -> None:
    """Makes this process one that may die of what it computes, which another one then computes anew."""
    keep_memory()
    _IS_WORKER.set()


def keep_memory() -> None:
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

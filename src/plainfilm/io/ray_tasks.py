"""Work on a Ray cluster (https://docs.ray.io), with the promises of `processes.in_processes`.

Ray schedules tasks and moves their arguments and results. What is added here: results come in order, few
tasks are in flight, an item whose worker or node died is computed again, and an error of the function is the
error that it raised.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import plainfilm
from plainfilm.errors import DataError, UsageError
from plainfilm.io.optional import optional_import
from plainfilm.io.processes import become_worker
from plainfilm.progress import SILENT, Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

ATTEMPTS = 5
"""An item whose process died so often is the cause, or the cluster is: either way a person must look."""

LOCAL = "local"
"""The address that starts Ray on this machine, for as long as the command runs."""

_SECONDS_TO_REACH = 10.0

_PER_CORE = 2
"""Tasks in flight for each core of the cluster."""


def in_ray(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    address: str,
    most: int | None,
    careful: Callable[[Item], Result] | None,
    *,
    threads: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[Result]:
    """`function` of every item, in order, as tasks on the cluster at `address`; see `workers.in_workers`.

    At most `most` tasks, by default two for each core that the cluster has at the moment, are in flight.
    A task asks for one core; that of a model for `threads`, or for all of the largest node where that has
    fewer, and for a GPU where the cluster has any.
    """
    ray = connect(address, most)
    flight = _Flight(ray, function, careful, threads, progress)
    try:
        for item in items:
            flight.submit(item)
            if len(flight.running) >= (most or _PER_CORE * flight.slots()):
                yield flight.next()
        while flight.running:
            yield flight.next()
    finally:
        flight.cancel()


def connect(address: str, cores: int | None = None) -> Any:
    """The module `ray`, connected to the cluster at `address`: HOST:PORT, `ray://HOST:PORT`, `auto` for the
    one of RAY_ADDRESS or of this machine, `local` for a new one on this machine with `cores`.

    Raises:
        MissingDependency: Ray is not installed.
        UsageError: there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to others
    ray = optional_import("ray", "cluster", f"--ray {address}")
    if ray.is_initialized():
        return ray
    own: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False} if address == LOCAL else {}
    try:
        _reach(address)
        with _own_signals():
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
        reason = said.splitlines()[0]
        raise UsageError(
            f"--ray {address}: no cluster answers there ({reason}); start one with `ray start --head`, "
            "or leave --ray out"
        ) from None
    return ray


def _reach(address: str) -> None:
    """Connects to an address of a host and port once: Ray asks an absent one again for minutes.

    Raises:
        OSError: nobody listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), _SECONDS_TO_REACH).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps this process' handlers of signals, which Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Task:
    """An item on its way: `attempts` were begun, the last of them is `reference`."""

    item: Any
    reference: Any = None
    attempts: int = 0


@dataclass
class _Flight:
    """Items on their way through a cluster, in order."""

    ray: Any
    function: Any
    careful: Any
    threads: int | None
    progress: Progress
    running: deque[_Task] = field(default_factory=deque)

    @cached_property
    def remote(self) -> Any:
        """`compute` as a function of the cluster, which is sent to it once and not with every task."""
        return self.ray.remote(compute)

    def slots(self) -> int:
        """The tasks that the cluster can compute at once, as it is now."""
        return max(1, int(self.ray.cluster_resources().get("CPU", 1)) // self._asked()["num_cpus"])

    def submit(self, item: Any) -> None:
        """Sends an item on its way."""
        task = _Task(item)
        self.running.append(task)
        self._start(task, self.function)

    def next(self) -> Any:
        """The result of the item that has been on its way longest."""
        task = self.running[0]
        while True:
            try:
                result = self.ray.get(task.reference)
            except self.ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except self.ray.exceptions.RayError as error:
                self._again(task, error)
            else:
                self.running.popleft()
                return result

    def cancel(self) -> None:
        """Ends what is still on its way: nobody wants its results."""
        for task in self.running:
            with contextlib.suppress(Exception):  # the cluster may be gone
                self.ray.cancel(task.reference, force=True)
        self.running.clear()

    def _start(self, task: _Task, function: Any) -> None:
        task.attempts += 1
        remote = self.remote.options(
            # The item is computed again from here, with care.
            max_retries=0,
            scheduling_strategy="SPREAD",
            name=f"plainfilm.{getattr(self.function, '__name__', 'task')}",
            **self._asked(),
        )
        task.reference = remote.remote(function, task.item, plainfilm.__version__)

    def _again(self, task: _Task, error: Exception) -> None:
        """Starts an item anew whose worker, node or result is lost."""
        reason = type(error).__name__
        if task.attempts >= ATTEMPTS:
            raise DataError(
                f"a task of the Ray cluster was lost {ATTEMPTS} times (last: {reason}); look at the memory "
                "of its nodes, then repeat the command: finished work is kept"
            ) from None
        # A node may have gone for any reason; a worker alone dies of what it computes.
        is_of_the_item = isinstance(
            error, (self.ray.exceptions.WorkerCrashedError, self.ray.exceptions.OutOfMemoryError)
        )
        self.progress.log(f"a task of the Ray cluster was lost ({reason}); it is computed again")
        self._start(task, self.careful if self.careful and is_of_the_item else self.function)

    def _asked(self) -> dict[str, Any]:
        """What a task asks of its node."""
        if self.threads is None:
            return {"num_cpus": 1}
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        largest = max((int(node.get("CPU", 0)) for node in nodes), default=1)
        gpus = {"num_gpus": 1} if any(node.get("GPU", 0) >= 1 for node in nodes) else {}
        return {"num_cpus": max(1, min(self.threads, largest)), **gpus}


def compute(function: Callable[[Item], Result], item: Item, version: str) -> Result:
    """`function` of `item` in a worker of the cluster.

    Raises:
        UsageError: the node has another version of Plainfilm, whose results may differ.
    """
    if version != plainfilm.__version__:
        raise UsageError(
            f"{os.uname().nodename}: has Plainfilm {plainfilm.__version__}, the command has {version}; "
            "install the same version on every node"
        )
    become_worker()
    return function(item)

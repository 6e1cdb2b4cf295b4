"""Ways of doing one step, each in a process of its own, that step in turns.

A machine that is busy is then busy for all of them, and each has a peak memory of its own. What the other
programs of this folder measure training steps with; run one of those.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

Step = Callable[[int], float]
"""Makes step number N; returns its loss."""
Way = Callable[[], tuple[Step, str]]
"""Builds a step and says what it is; a function of a module, or a `functools.partial` of one."""


@dataclass(frozen=True)
class Measured:
    """What a way is; seconds on the clock and of processors of each of its steps; peak memory in GiB."""

    note: str
    seconds: tuple[float, ...]
    processor: tuple[float, ...]
    memory: float


def measure(ways: Mapping[str, Way], rounds: int, warm_up: int = 1) -> dict[str, Measured]:
    """Steps of all ways, `rounds` of each, after `warm_up` that do not count."""
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    processes = []
    for name, way in ways.items():
        pipes[name], theirs = context.Pipe()
        process = context.Process(target=_work, args=(way, theirs), daemon=True)
        process.start()
        theirs.close()  # so that reading from a process that has died fails instead of waiting
        processes.append(process)
    notes = {name: pipe.recv() for name, pipe in pipes.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds + warm_up):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            pipes[name].send(number)
            times[name].append(pipes[name].recv())
    memory = {name: _finish(pipe) for name, pipe in pipes.items()}
    for process in processes:
        process.join()
    return {
        name: Measured(notes[name], *zip(*times[name][warm_up:], strict=True), memory[name]) for name in ways
    }


def _work(way: Way, pipe: Connection) -> None:
    step, note = way()
    pipe.send(note)
    while (number := pipe.recv()) is not None:
        began, worked = time.perf_counter(), time.process_time()
        step(number)
        pipe.send((time.perf_counter() - began, time.process_time() - worked))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)


def _finish(pipe: Connection) -> float:
    pipe.send(None)
    return float(pipe.recv())


def table(measured: Mapping[str, Measured]) -> str:
    """The rows of a table; ratios are to the first way. On a busy machine read those of processor time."""
    ours = next(iter(measured.values()))
    lines = [
        "| way | seconds a step | against ours | of processors | against ours | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in measured.items():
        seconds, processor = statistics.median(one.seconds), statistics.median(one.processor)
        lines.append(
            f"| {name}: {one.note} | {seconds:.2f} ({min(one.seconds):.2f} to {max(one.seconds):.2f}) "
            f"| {seconds / statistics.median(ours.seconds):.2f} x | {processor:.2f} "
            f"| {processor / statistics.median(ours.processor):.2f} x | {one.memory:.1f} GiB |"
        )
    return "\n".join(lines)

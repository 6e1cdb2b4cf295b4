"""Where independent items are computed: in local processes, or on the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from plainfilm.io.processes import in_processes
from plainfilm.progress import SILENT, Progress

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """Who computes: `count` local processes (all cores by default; 1 stays in this process), or, with `ray`,
    the nodes of the Ray cluster at that address, at most `count` items at a time."""

    count: int | None = None
    ray: str | None = None


WorkersLike: TypeAlias = "Workers | int | None"
"""`Workers`, or a number of local processes; `None` is one for each core."""


def in_workers(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: WorkersLike,
    modules: tuple[str, ...] = (),
    careful: Callable[[Item], Result] | None = None,
    *,
    threads: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[Result]:
    """`function` of every item, in order, few of them in flight; see `processes.in_processes`.

    Locally and on Ray it is the same function, which must be importable by name, and gives the same results.
    `careful` computes an item whose process died. `threads` are those that a
    model computes an item with: on Ray it asks for as many cores, and for a GPU where there are any.
    `progress` is told what is computed again.

    Raises:
        DataError: processes died again and again of the same item, or for want of memory.
        MissingDependency: Ray is asked for and not installed.
        UsageError: there is no Ray cluster at the address.
    """
    chosen = workers if isinstance(workers, Workers) else Workers(workers)
    if chosen.ray is None:
        return in_processes(function, items, chosen.count, modules, careful)
    from plainfilm.io.ray_tasks import in_ray

    return in_ray(function, items, chosen.ray, chosen.count, careful, threads=threads, progress=progress)

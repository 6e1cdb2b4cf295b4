"""Preparing with two local processes, and with two tasks at a time on a Ray of this machine, in turns.

    python benchmarks/ray_overhead.py [STUDIES=3072] [ROUNDS=1] [FOLDER]

Films are those of 24 phantoms of ChestX-ray14 at 1024 px, each under many names. "Commands" are
`plainfilm prepare --workers 2`, without and with `--ray`: whole processes, which start the local processes,
or connect to the cluster, whose workers import Plainfilm for each command anew. "Work" is in one process that
stays: local processes are started in the clock, the workers of the cluster are there already, as late in a
long command. A few films go first. On a busy machine read the seconds of processors. The cluster is started
before, as clusters are; its start is told apart. FOLDER keeps the raw films for another run.
"""

from __future__ import annotations

import csv
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from plainfilm import phantom
from plainfilm.collection import prepare
from plainfilm.io.workers import Workers

PHANTOMS, FEW = 24, 64
_SUBREAPER = 36
"""prctl's number for it (linux/prctl.h)."""


def films_of(folder: Path) -> list[Path]:
    """The films of the phantoms, which may be there already; all were read."""
    raw = folder / "phantoms"
    if not raw.exists():
        phantom.write("nih14", raw, studies=PHANTOMS, size=1024)
    films = sorted(raw.rglob("*.png"))
    for film in films:
        film.read_bytes()
    return films


def write_table(raw: Path, films: Sequence[Path], studies: int) -> Path:
    """A table of one film a study."""
    table = raw / "films.csv"
    if table.exists():
        return table
    raw.mkdir(exist_ok=True)
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "study_id", "patient_id"])
        for number, film in enumerate(islice(cycle(films), studies)):
            os.link(film, raw / f"{number}.png")
            writer.writerow([f"{number}.png", f"s{number}", f"p{number}"])
    return table


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """The seconds that `work` takes, on the clock and of processors."""
    with Watch() as watch:
        begun, before = time.perf_counter(), watch.seconds()
        work()
        return time.perf_counter() - begun, watch.seconds() - before


class Watch(threading.Thread):
    """What this process, those that it has started, and theirs use of processors, the nodes' of Ray too.

    They are looked at four times a second: nobody counts what a worker of Ray has used when it is gone.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._used: dict[int, int] = {}
        self._ended = threading.Event()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Looks until it is ended."""
        while not self._ended.wait(0.25):
            self._look()

    def seconds(self) -> float:
        """Those of all processes that were ever seen."""
        self._look()
        return sum([*self._used.values()]) / os.sysconf("SC_CLK_TCK")

    def _look(self) -> None:
        used: dict[int, int] = {}
        parents: dict[int, int] = {}
        for file in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                fields = file.read_text().rpartition(")")[2].split()
                number = int(file.parent.name)
                parents[number], used[number] = int(fields[1]), int(fields[11]) + int(fields[12])
        self._used |= {number: ticks for number, ticks in used.items() if _is_ours(number, parents)}


def _is_ours(number: int, parents: dict[int, int]) -> bool:
    while number in parents and number != os.getpid():
        number = parents[number]
    return number == os.getpid()


def main(studies: int, rounds: int, folder: Path) -> None:
    """All ways, in turns."""
    import ray
    from ray.cluster_utils import Cluster

    films = films_of(folder)
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)  # what outlives its parent is counted too
    few, table = (write_table(folder / f"raw {count}", films, count) for count in (FEW, studies))
    node = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 200 << 20}
    begun = time.perf_counter()
    cluster = Cluster(initialize_head=True, head_node_args=node)
    print(f"the cluster starts in {time.perf_counter() - begun:.1f} s", flush=True)

    def command(raw: Path, address: str | None) -> tuple[float, float]:
        given = ("prepare", "table", str(raw), "--out", str(folder / "out"), "--workers", "2")
        run = [sys.executable, "-m", "plainfilm", *given, *(("--ray", address) if address else ())]
        return timed(partial(subprocess.run, run, check=True, capture_output=True))

    def work(raw: Path, address: str | None) -> tuple[float, float]:
        return timed(lambda: prepare("table", raw, folder / "out", workers=Workers(2, address)))

    try:
        for name, way in (("commands", command), ("work", work)):
            for count, raw, times in ((FEW, few, 1), (studies, table, rounds)):
                told = f"{name}, {count} studies"
                compare(told, partial(way, raw), cluster.address, times, folder / "out")
    finally:
        ray.shutdown()
        cluster.shutdown()


Way = Callable[[str | None], tuple[float, float]]


def compare(name: str, way: Way, address: str, rounds: int, out: Path) -> None:
    """Both engines in turns; what `out` has then is removed."""
    taken: dict[str | None, list[tuple[float, float]]] = {None: [], address: []}
    for _ in range(rounds):
        for engine, own in taken.items():
            own.append(way(engine))
            shutil.rmtree(out)
    for place, what in enumerate(("on the clock", "of processors")):
        seconds = [[round(one[place], 1) for one in own] for own in taken.values()]
        pool, other = map(min, seconds)
        print(
            f"{name}, s {what}: two processes {pool}, Ray {other}, {other / pool:.3f} x; {seconds}",
            flush=True,
        )


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    numbers = [*given, *(3072, 1)[len(given) :]]
    if len(sys.argv) > 3:
        main(*numbers, Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as place:
            main(*numbers, Path(place))

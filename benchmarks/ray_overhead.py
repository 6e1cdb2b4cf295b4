"""Preparing with two local processes and with two tasks at a time on a Ray of this machine, in turns.

    python benchmarks/ray_overhead.py [STUDIES=1024] [ROUNDS=2]

Ray is started before the clock, as a cluster is; the pool's processes are started within it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from plainfilm import phantom
from plainfilm.collection import prepare
from plainfilm.io.ray_tasks import connect
from plainfilm.io.workers import Workers


def main(studies: int, rounds: int) -> None:
    """Both ways, in turns; the faster round of each."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        phantom.write("nih14", root / "raw", studies=studies, size=1024)
        connect("local", 2)
        ways = {"two processes": 2, "ray": Workers(2, "local")}
        prepare("nih14", root / "raw", root / "warm", workers=ways["ray"])
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds):
            for name, workers in ways.items():
                begun = time.perf_counter()
                prepare("nih14", root / "raw", root / f"{name} {number}", workers=workers)
                taken[name].append(time.perf_counter() - begun)
        pool, ray = (min(taken[name]) for name in ways)
        print(f"{studies} studies: two processes {pool:.1f} s, Ray {ray:.1f} s, {ray / pool:.2f} x; {taken}")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*numbers, *(1024, 2)[len(numbers) :])

"""Preparing with two local processes and with two tasks at a time on a Ray of this machine, in turns.

    python benchmarks/ray_overhead.py [STUDIES=1024] [ROUNDS=2] [FOLDER]

Films are those of 24 phantoms of ChestX-ray14 at 1024 px, each under many names. The pool starts its
processes within the clock. Ray is started before, as a cluster is; its start, and the first tasks, in which
its workers import Plainfilm, are told apart. FOLDER keeps the raw films for another run.
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from plainfilm import phantom
from plainfilm.collection import prepare
from plainfilm.io.ray_tasks import connect
from plainfilm.io.workers import Workers

PHANTOMS = 24


def write_films(raw: Path, studies: int) -> Path:
    """A table of one film a study."""
    phantom.write("nih14", raw / "phantoms", studies=PHANTOMS, size=1024)
    films = sorted((raw / "phantoms").rglob("*.png"))
    with (raw / "films.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "study_id", "patient_id"])
        for number, film in enumerate(islice(cycle(films), studies)):
            os.link(film, raw / f"{number}.png")
            writer.writerow([f"{number}.png", f"s{number}", f"p{number}"])
    return raw / "films.csv"


def timed(work: Callable[[], object]) -> float:
    """The seconds that `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main(studies: int, rounds: int, folder: Path) -> None:
    """Both ways, in turns; the faster round of each."""
    raw = folder / f"raw {studies}"
    table = raw / "films.csv" if raw.exists() else write_films(raw, studies)
    ways = {"two processes": Workers(2), "ray": Workers(2, "local")}
    start = timed(lambda: connect("local", 2))

    def one(name: str) -> float:
        out = folder / name
        taken = timed(lambda: prepare("table", table, out, workers=ways[name]))
        shutil.rmtree(out)
        return taken

    taken = {name: [one(name)] for name in ways}  # the first tasks of Ray, and films into the system's cache
    for _ in range(rounds):
        for name in ways:
            taken[name].append(one(name))
    pool, ray = (min(taken[name][1:]) for name in ways)
    print(f"{studies} studies: two processes {pool:.1f} s, Ray {ray:.1f} s, {ray / pool:.3f} x")
    first, with_start = taken["ray"][0], start + taken["ray"][0]
    print(f"Ray starts in {start:.1f} s; first round {first:.1f} s, with the start {with_start / pool:.3f} x")
    print({name: [round(one, 1) for one in each] for name, each in taken.items()})


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    numbers = [*given, *(1024, 2)[len(given) :]]
    if len(sys.argv) > 3:
        main(*numbers, Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as place:
            main(*numbers, Path(place))

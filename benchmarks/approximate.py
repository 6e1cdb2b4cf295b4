"""Approximate indexes of a bank of N x 256: time and memory of building, and 1,000 queries beside bare faiss.

    python benchmarks/approximate.py [N=1000000] [KIND=ivfpq] [FOLDER]

The vectors are made a block at a time and lie around N / 50 centres, as embeddings of reports do: a centre
is normal in 256 dimensions, a vector is its centre plus 0.7 times normal noise, scaled to length one. Bare
faiss is the same index with the same effort, asked for the k nearest by its codes, and for as many
candidates as ours scores exactly; the ways take turns. Memory is the largest resident set of the process in
each part, mapped files included (VmHWM of Linux). With `OMP_NUM_THREADS=1` times are those of one core.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
import pandas as pd

from plainfilm.bank import Bank
from plainfilm.bank.approximate import ASKED, _mapped, _set_effort
from plainfilm.progress import Silent

DIMENSION, QUERIES, ROUNDS, BLOCK = 256, 1_000, 2, 100_000


def blocks(count: int):
    """Unit vectors around centres, a block at a time."""
    draw = np.random.default_rng(0)
    centres = draw.standard_normal((max(200, count // 50), DIMENSION), dtype=np.float32)
    for start in range(0, count, BLOCK):
        rows = min(BLOCK, count - start)
        vectors = centres[draw.integers(0, len(centres), rows)]
        vectors += 0.7 * draw.standard_normal((rows, DIMENSION), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        yield vectors


def peak_gb() -> float:
    """The largest memory of this process since it was last cleared."""
    [line] = [row for row in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in row]
    return int(line.split()[1]) / 1e6


class Part:
    """The time, processor time and largest memory of one part of the work."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the largest memory is counted from here
        self.begun = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        passed, worked = time.perf_counter() - self.begun[0], time.process_time() - self.begun[1]
        return f"{passed:.0f} s ({worked:.0f} s of processors), peak {peak_gb():.2f} GB"


class Told(Silent):
    """Prints what is begun, with the processor time so far."""

    def track(self, items, total, what):
        """See `Progress`."""
        self.log(what)
        yield from items
        self.log(f"{what}: done")

    def log(self, line: str) -> None:
        """See `Progress`."""
        print(f"  {time.process_time():6.0f} s of processors, peak {peak_gb():.2f} GB: {line}", flush=True)


def write(count: int, folder: Path) -> Bank:
    """The bank without an index."""
    items = pd.DataFrame({"kind": np.full(count, "sentence"), "item_id": np.arange(count).astype(str)})
    return Bank.write(folder, blocks(count), items, {"model": "benchmark"})


def main(count: int, kind: str, folder: Path) -> None:
    """Write, index and ask."""
    part = Part()
    bank = write(count, folder)
    print(f"{count:,} x {DIMENSION} made and written in {part}", flush=True)
    part = Part()
    bank = bank.with_index(kind, Told())
    facts = bank.index_facts
    size = (folder / "index.faiss").stat().st_size / 1e9
    print(f"{kind}: built and measured in {part}, index {size:.2f} GB, {facts}", flush=True)
    rows = np.random.default_rng(1).choice(count, QUERIES, replace=False)
    queries = np.ascontiguousarray(bank.vectors[np.sort(rows)])
    bare = _mapped(folder / "index.faiss")
    _set_effort(bare, kind, facts.effort)
    ways = {
        "bare faiss, k": lambda: bare.search(queries, ASKED),
        "bare faiss, as many candidates": lambda: bare.search(queries, ASKED * facts.candidates),
        "plainfilm": lambda: bank.search(queries, ASKED),
    }
    part = Part()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - begun)
    best = {name: min(rounds[1:]) for name, rounds in times.items()}
    for name, value in best.items():
        ratio = value / best["bare faiss, k"]
        print(f"{name}: {value / QUERIES * 1e3:.2f} ms a query, {ratio:.2f} x; {times[name]}")
    print(f"asking took {part}; {faiss.omp_get_max_threads()} threads")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    chosen = sys.argv[2] if len(sys.argv) > 2 else "ivfpq"
    if len(sys.argv) > 3:
        main(wanted, chosen, Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as place:
            main(wanted, chosen, Path(place) / "bank")

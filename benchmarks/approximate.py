"""Approximate indexes of a bank of N x 256: time and memory of building, and 1,000 queries beside bare faiss.

    python benchmarks/approximate.py [N=1000000] [KIND=ivfpq] [FOLDER]

The vectors lie around N / 50 centres, as embeddings of reports do. Bare faiss is the same index with the
same effort, asked for the k nearest by its codes, and for as many candidates as ours scores exactly; the ways
take turns.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
import pandas as pd

from plainfilm.bank import Bank
from plainfilm.bank.approximate import ASKED, _mapped, _set_effort

DIMENSION, QUERIES, ROUNDS, BLOCK = 256, 1_000, 3, 100_000


def blocks(count: int):
    """Unit vectors around centres, a block at a time."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(max(200, count // 50), DIMENSION)).astype(np.float32)
    for start in range(0, count, BLOCK):
        rows = min(BLOCK, count - start)
        vectors = centres[draw.integers(0, len(centres), rows)]
        vectors += 0.7 * draw.standard_normal((rows, DIMENSION), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        yield vectors


def peak_gb() -> float:
    """The largest memory of this process, mapped files and all."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main(count: int, kind: str, folder: Path) -> None:
    """Write, index and ask."""
    begun = time.perf_counter()
    items = pd.DataFrame({"kind": np.full(count, "sentence"), "item_id": np.arange(count).astype(str)})
    bank = Bank.write(folder, blocks(count), items, {"model": "benchmark"})
    taken = time.perf_counter() - begun
    print(f"{count:,} x {DIMENSION} written in {taken:.0f} s, peak {peak_gb():.2f} GB")
    begun = time.perf_counter()
    bank = bank.with_index(kind)
    facts = bank.index_facts
    size = (folder / "index.faiss").stat().st_size / 1e9
    print(
        f"{kind}: built and measured in {time.perf_counter() - begun:.0f} s, index {size:.2f} GB, "
        f"peak {peak_gb():.2f} GB (with mapped files), {facts}"
    )
    rows = np.random.default_rng(1).choice(count, QUERIES, replace=False)
    queries = np.ascontiguousarray(bank.vectors[np.sort(rows)])
    bare = _mapped(folder / "index.faiss")
    _set_effort(bare, kind, facts.effort)
    ways = {
        "bare faiss, k": lambda: bare.search(queries, ASKED),
        "bare faiss, as many candidates": lambda: bare.search(queries, ASKED * facts.candidates),
        "plainfilm": lambda: bank.search(queries, ASKED),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - begun)
    best = {name: min(rounds[1:]) for name, rounds in times.items()}
    for name, value in best.items():
        ratio = value / best["bare faiss, k"]
        print(f"{name}: {value / QUERIES * 1e3:.2f} ms a query, {ratio:.2f} x")
    print(f"{faiss.omp_get_max_threads()} threads")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    chosen = sys.argv[2] if len(sys.argv) > 2 else "ivfpq"
    if len(sys.argv) > 3:
        main(wanted, chosen, Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as place:
            main(wanted, chosen, Path(place) / "bank")

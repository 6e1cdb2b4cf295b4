"""Retrieval with finding scores: Plainfilm against the published per-query loop, in one run.

    python benchmarks/retrieval.py [--queries 1000] [--sentences 100000] [--loop-queries 5]

Both sides answer the same queries from the same vectors and labels, k = 2, and must agree on the scores. The
loop is written afresh from the published system's description: per query it goes over pickled shards of the
bank, drops repeated texts within the shard, takes brute-force cosines, keeps the best ten and merges; then it
reads the label tables again from CSV, reduces them with a grouped maximum (of the wanted rows only, which
is kind to it), and compares dictionaries. It runs on a few queries and is extrapolated, which is fair because
it does the same for every query.

Each side runs in a process of its own, so that peak memories are its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION, OBSERVATIONS, SHARD, K = 512, 14, 5_000, 2


def make_data(folder: Path, queries: int, sentences: int) -> None:
    """Writes vectors and labels as each side reads them: `.npy` for ours, pickles and CSV for the loop."""
    import pandas as pd

    from plainfilm.seeding import generator

    random = generator("retrieval benchmark")
    for name, count in (("bank", sentences), ("queries", queries)):
        vectors = random.normal(size=(count, DIMENSION)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        states = random.choice([1, 0, -1, -2, -2, -2, -2, -2], (count, OBSERVATIONS)).astype(np.int8)
        np.save(folder / f"{name}.npy", vectors)
        np.save(folder / f"{name}_states.npy", states)
        ids = [f"{name}{number}" for number in range(count)]
        rows, columns = np.nonzero(states != -2)
        mentions = pd.DataFrame(
            {"study": np.array(ids)[rows], "category": columns, "value": states[rows, columns]}
        )
        mentions.to_csv(folder / f"{name}.csv", index=False)
        for shard, start in enumerate(range(0, count, SHARD)):
            part = pd.DataFrame({"study": ids[start : start + SHARD], "text": ids[start : start + SHARD]})
            part["vector"] = list(vectors[start : start + SHARD])
            part.to_pickle(folder / f"{name}_{shard:04d}.pkl")


def ours(folder: Path, queries: int) -> dict[str, Any]:
    """Search and both kinds of finding scores with intervals, for all queries."""
    from plainfilm.bank.selection import SelectionConfig, answer
    from plainfilm.metrics.bootstrap import PatientBootstrap
    from plainfilm.metrics.scores import intervals
    from plainfilm.tasks.retrieving.statistics import finding_scores, finding_statistics

    names = [f"observation {number}" for number in range(OBSERVATIONS)]
    bank, states = np.load(folder / "bank.npy", mmap_mode="r"), np.load(folder / "bank_states.npy")
    asked = np.load(folder / "queries.npy")[:queries]
    wanted = np.load(folder / "queries_states.npy")[:queries]
    answers = answer(bank, asked, SelectionConfig(k=K))
    values = finding_statistics(wanted, states[answers.indices], answers.kept, names)
    scores = finding_scores(K, names, names)
    found = intervals(scores, values, PatientBootstrap(np.arange(queries)))
    return {score.name: one.value for score, one in zip(scores, found, strict=True)}


def published_loop(folder: Path, queries: int) -> dict[str, Any]:
    """The published way for the first `queries` queries."""
    import pandas as pd

    asked = np.load(folder / "queries.npy")
    flat, precisions, recalls = 0, [], []
    for number in range(queries):
        best = pd.concat([_best_of_shard(path, asked[number]) for path in sorted(folder.glob("bank_*.pkl"))])
        chosen = best.nlargest(K, "similarity")["study"]
        wanted = _labels(folder / "queries.csv", [f"queries{number}"])
        said = _labels(folder / "bank.csv", chosen)
        hits = sum(
            any(value == row.get(name) for row in said)
            for name, value in (wanted[0] if wanted else {}).items()
        )
        total = sum(len(row) for row in said)
        flat += hits > 0
        if wanted and total:
            precisions.append(hits / total)
            recalls.append(hits / len(wanted[0]))
    return {
        f"published_flat_hit@{K}": flat / queries,
        f"published_precision@{K}": float(np.mean(precisions)),
        f"published_recall@{K}": float(np.mean(recalls)),
    }


def _best_of_shard(path: Path, query: np.ndarray) -> Any:
    import pandas as pd

    shard = pd.read_pickle(path).drop_duplicates("text")
    vectors = np.stack(shard["vector"].to_list())
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
    return shard.assign(similarity=vectors @ query / norms).nlargest(10, "similarity")


def _labels(path: Path, studies: Any) -> list[dict[int, int]]:
    """Labels of the studies, read from the table of mentions once more."""
    import pandas as pd

    table = pd.read_csv(path)
    found = table[table["study"].isin(list(studies))].groupby(["study", "category"])["value"].max()
    return [{int(name): int(value) for (_, name), value in one.items()} for _, one in found.groupby("study")]


def measured(work: Callable[[Path, int], dict[str, Any]], folder: Path, queries: int) -> dict[str, Any]:
    """Runs `work` in a fresh process: seconds, peak memory in GB and what it found."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_timed, (work, folder, queries))


def _timed(work: Callable[[Path, int], dict[str, Any]], folder: Path, queries: int) -> dict[str, Any]:
    _import_what_both_need()
    began = time.perf_counter()
    found = work(folder, queries)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "peak_gb": peak, "found": found}


def _import_what_both_need() -> None:
    """Imports are not part of either time."""
    for name in ("faiss", "pandas", "plainfilm.tasks.retrieving.statistics"):
        importlib.import_module(name)


def main() -> None:
    """Times both sides and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--sentences", type=int, default=100_000)
    parser.add_argument("--loop-queries", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder, arguments.queries, arguments.sentences)
        loop = measured(published_loop, folder, arguments.loop_queries)
        check = measured(ours, folder, arguments.loop_queries)
        full = [measured(ours, folder, arguments.queries) for _ in range(3)]
    for key, value in loop["found"].items():
        if not np.isclose(value, check["found"][key]):
            sys.exit(f"{key}: the loop finds {value}, ours {check['found'][key]}")
    seconds = float(np.median([run["seconds"] for run in full]))
    each = loop["seconds"] / arguments.loop_queries
    report = {
        "queries": arguments.queries,
        "sentences": arguments.sentences,
        "ours_s": round(seconds, 2),
        "ours_peak_gb": round(max(run["peak_gb"] for run in full), 2),
        "loop_s_per_query": round(each, 3),
        "loop_s_extrapolated": round(each * arguments.queries, 1),
        "loop_peak_gb": round(loop["peak_gb"], 2),
        "ratio": round(each * arguments.queries / seconds, 1),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

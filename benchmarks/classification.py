"""Intervals of AUROC and average precision: Plainfilm's kernel against a loop over scikit-learn, in one run.

    python benchmarks/classification.py [--films 25000] [--classes 14] [--resamples 1000] [--loop-resamples 3]

Both sides draw the same patients, score the same films, and must agree on every resample they share. The loop
is what evaluation scripts do: repeat the films of the drawn patients, call scikit-learn per class. It runs on
a few resamples and is extrapolated, which is fair because each costs the same. Each side runs in a process of
its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from typing import Any

import numpy as np

from plainfilm.metrics.bootstrap import Floats, PatientBootstrap
from plainfilm.seeding import generator


def data(films: int, classes: int) -> tuple[Floats, np.ndarray, np.ndarray]:
    """Scores and truths (N, C) of films of which a patient has three on average."""
    random = generator("classification benchmark")
    truth = random.random((films, classes)) < np.linspace(0.02, 0.3, classes)
    scores = random.normal(size=(films, classes)) + truth
    return np.round(scores, 4), truth, random.integers(0, films // 3, films)


def kernel(films: int, classes: int, resamples: int) -> dict[str, Any]:
    """All classes and resamples through `metrics.classification`."""
    from plainfilm.metrics.classification import rank, truth_codes

    scores, truth, patients = data(films, classes)
    rank(scores[:9], truth_codes(truth[:9])).under(np.ones((1, 9)))  # compiled before the clock runs
    began = time.perf_counter()
    presorted = rank(scores, truth_codes(truth))
    drawn: list[Floats] = []

    def statistic(weights: Floats) -> Floats:
        found = presorted.under(weights).reshape(len(weights), -1)
        drawn.append(found)
        return found

    PatientBootstrap(patients, resamples).of_weights(statistic)
    return {"seconds": time.perf_counter() - began, "drawn": np.concatenate(drawn[1:])[:8].tolist()}


def loop(films: int, classes: int, resamples: int) -> dict[str, Any]:
    """The first `resamples` of the same resamples through scikit-learn."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, truth, patients = data(films, classes)
    weights: list[Floats] = []

    def keep(block: Floats) -> Floats:
        weights.append(block)
        return block[:, 0]

    PatientBootstrap(patients, resamples).of_weights(keep)
    began = time.perf_counter()
    drawn = []
    for row in np.concatenate(weights[1:]):
        rows = np.repeat(np.arange(films), row.astype(int))
        one = []
        for column in range(classes):
            one.append(roc_auc_score(truth[rows, column], scores[rows, column]))
            one.append(average_precision_score(truth[rows, column], scores[rows, column]))
        drawn.append(one)
    return {"seconds": time.perf_counter() - began, "drawn": drawn}


def _apart(side: Any, queue: Any, *arguments: int) -> None:
    found = side(*arguments)
    queue.put({**found, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def in_process(side: Any, *arguments: int) -> dict[str, Any]:
    """What `side` gives in a new process, with its peak memory."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_apart, args=(side, queue, *arguments))
    process.start()
    found = queue.get()
    process.join()
    return dict(found)


def main() -> None:
    """Runs both sides and prints one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("films", 25_000), ("classes", 14), ("resamples", 1000), ("loop-resamples", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    ours = in_process(kernel, given.films, given.classes, given.resamples)
    theirs = in_process(loop, given.films, given.classes, given.loop_resamples)
    shared = min(len(ours["drawn"]), len(theirs["drawn"]))
    np.testing.assert_allclose(ours["drawn"][:shared], theirs["drawn"][:shared], rtol=1e-9)
    whole = theirs["seconds"] * given.resamples / given.loop_resamples
    document = {
        "kernel_s": round(ours["seconds"], 2),
        "loop_s_extrapolated": round(whole, 1),
        "ratio": round(whole / ours["seconds"], 1),
        "kernel_peak_mib": round(ours["peak_mib"]),
        "loop_peak_mib": round(theirs["peak_mib"]),
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()

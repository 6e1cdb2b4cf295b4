"""How fast a region model answers: one film with all prompts of a report, and prompts together or one by one.

    python benchmarks/regions.py MODEL FILM [--rounds 20]

Both ways answer about a film that is encoded already, in turns, so that a busy machine is busy for both; the
95th percentile is that of a whole answer from the file on: 14 findings and 29 regions described, and a
grounded report.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from plainfilm import load
from plainfilm.labelling import CHEXPERT_OBSERVATIONS
from plainfilm.predictor import Predictor
from plainfilm.predictor.grounded_report import REGIONS

FINDINGS = [name.capitalize() for name in CHEXPERT_OBSERVATIONS]
OTHERS = [
    *("Right lung", "Left lung", "Right hemidiaphragm", "Left hemidiaphragm", "Right costophrenic angle"),
    *("Left costophrenic angle", "Aortic arch", "Svc", "Cavoatrial junction", "Upper mediastinum", "Trachea"),
    *("Carina", "Right atrium", "Spine"),
]
PROMPTS = [*FINDINGS, *REGIONS, *OTHERS]


def seconds(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of processors."""
    started, used = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - started, time.process_time() - used


def whole_answer(predictor: Predictor, film: Path) -> None:
    """Everything about one film, from its file on."""
    encoded = predictor.encode_film(film)
    predictor.locate(encoded, PROMPTS, describe=True)
    predictor.write_grounded_report(encoded)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("film", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    predictor = load(given.model)
    encoded = predictor.encode_film(given.film)
    ways: dict[str, Callable[[], object]] = {
        "together": lambda: predictor.locate(encoded, PROMPTS, describe=True),
        "one by one": lambda: [predictor.locate(encoded, one, describe=True) for one in PROMPTS],
        "whole answer": lambda: whole_answer(predictor, given.film),
    }
    for act in ways.values():
        act()
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, act in ways.items():
            measured[name].append(seconds(act))
    for name, times in measured.items():
        clock, used = zip(*times, strict=True)
        p95 = float(np.quantile(clock, 0.95))
        print(
            f"{name:13} median {statistics.median(clock):.3f} s, p95 {p95:.3f} s, "
            f"processor {statistics.median(used):.3f} s"
        )
    for which, label in ((0, "clock"), (1, "processor")):
        one, all_ = (statistics.median(t[which] for t in measured[n]) for n in ("one by one", "together"))
        print(f"{len(PROMPTS)} prompts together are {one / all_:.1f} times as fast as one by one ({label})")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()

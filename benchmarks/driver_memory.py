"""The largest memory of the process of a command, its workers not counted, for tables of more and more rows.

    python benchmarks/driver_memory.py [ROWS=10000,100000,1000000] [WAYS=label-csv,prepare,label,embed] [RAY]

One report of two sentences a row; `prepare` without films, so that nothing but rows passes. `embed` gets
random vectors from a stand-in for the model, which is not what is measured. Every measurement is a process
of its own with two workers, local ones or, with RAY an address ("local"), those of Ray. Memory is the
largest resident set (VmHWM of Linux), mapped files included.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WAYS = ("label-csv", "prepare", "label", "embed")
SENTENCES = (
    "The lungs are clear.",
    "Small left pleural effusion.",
    "No pneumothorax.",
    "Mild cardiomegaly is unchanged.",
)


def write_table(path: Path, rows: int) -> None:
    """One film and one report a row, two rows a patient."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "report", "study_id", "patient_id", "split"])
        for row in range(rows):
            report = f"FINDINGS: {SENTENCES[row % 4]} Film {row}."
            writer.writerow([f"{row}.png", report, f"s{row}", f"p{row // 2}", "train"])


class Stand:
    """Stands in for a model: random unit vectors."""

    name, fingerprint, warnings = "random", "none", ()

    def stream_texts(self, texts, progress):
        """Blocks of vectors, one for each text."""
        draw = np.random.default_rng(0)
        for start in range(0, len(texts), 1024):
            vectors = draw.standard_normal((min(1024, len(texts) - start), 256), dtype=np.float32)
            yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def work(way: str, folder: Path, ray: str | None) -> None:
    """One way over the table or the collection in `folder`."""
    from plainfilm.io.workers import Workers

    workers, table = Workers(2, ray), folder / "table.csv"
    if way == "label-csv":
        from plainfilm.labelling.table import label_csv

        label_csv(table, folder / "labels.csv", ["report"], workers=workers)
    elif way == "prepare":
        from plainfilm.collection import prepare

        prepare("table", table, folder / "collection", tables_only=True, workers=workers)
    elif way == "label":
        from plainfilm.collection import Collection
        from plainfilm.collection.label import label_collection

        label_collection(Collection.open(folder / "collection"), workers=workers)
    else:
        from plainfilm.bank.build import build_bank
        from plainfilm.collection import Collection

        build_bank(Stand(), Collection.open(folder / "collection"), "sentences", folder / "bank")


def peak_mb() -> float:
    """The largest resident set of this process so far."""
    [line] = [row for row in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in row]
    return int(line.split()[1]) / 1e3


def main(counts: list[int], ways: list[str], ray: str | None) -> None:
    """All ways for each number of rows."""
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write_table(folder / "table.csv", count)
            for way in ways:
                begun = time.perf_counter()
                command = [sys.executable, __file__, "--one", way, place, *([ray] if ray else [])]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                taken = time.perf_counter() - begun
                print(f"{way}, {count:,} rows: {told.split()[-1]} MB, {taken:.0f} s", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        work(sys.argv[2], Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None)
        print(f"{peak_mb():.0f}")
    else:
        given = sys.argv[1:]
        numbers = [int(word) for word in (given[0] if given else "10000,100000,1000000").split(",")]
        main(numbers, (given[1] if len(given) > 1 else ",".join(WAYS)).split(","), (given[2:] or [None])[0])

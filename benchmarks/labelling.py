"""Labelling a CSV of reports from one file to the other, at several sizes.

    python benchmarks/labelling.py REPORTS.csv [--column findings --column impression] [--rows 10000 1000000]

REPORTS.csv holds real reports. Rows are made by putting sentences of theirs together anew, as many to a row
as the reports have, so that no report repeats and sentences repeat as they do in a real corpus. In rows of
which "numbers differ" every sentence has a number that no other sentence has, as measurements and dates make
it; in those with "no sentence twice" it has a few words of its own: the worst case, in which nothing that was
labelled once can be used again. Each measurement is the command itself, start-up included; "CPU" is what all
its processes used together, which others on the machine disturb less.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from prepare import session_megabytes

from plainfilm.text.sentences import split_sentences

KINDS = ("as they repeat", "numbers differ", "no sentence twice")
_WORDS = ("again", "also", "today", "here", "overall", "currently", "now", "still", "there", "both")


def columns_of(path: Path, columns: Sequence[str]) -> list[list[list[str]]]:
    """Per column, the sentences of every report."""
    with path.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    return [[[one.text for one in split_sentences(row[column])] for row in rows] for column in columns]


def write_rows(path: Path, reports: list[list[list[str]]], count: int, kind: str) -> None:
    """`count` rows of recombined sentences; `kind` is one of `KINDS`."""
    rng = random.Random(0)
    pools = [[sentence for report in column for sentence in report] for column in reports]
    number = 0

    def cell(pool: list[str], length: int) -> Iterator[str]:
        nonlocal number
        for sentence in rng.choices(pool, k=length):
            number += 1
            yield sentence if kind == KINDS[0] else f"{sentence.rstrip('.')} ({_mark(number, kind)})."

    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["id", *(f"text{place}" for place in range(len(pools)))])
        for row in range(count):
            lengths = (len(rng.choice(column)) for column in reports)
            writer.writerow([row, *(" ".join(cell(p, n)) for p, n in zip(pools, lengths, strict=True))])


def _mark(number: int, kind: str) -> str:
    """What no other sentence has: a number, or English words that say nothing."""
    return str(number) if kind == "numbers differ" else " ".join(_WORDS[int(digit)] for digit in str(number))


def measure(path: Path, columns: int, out: Path, vocabulary: str) -> tuple[float, float, float]:
    """Seconds of the command, CPU seconds and peak memory in MB, both with all its processes."""
    command = [sys.executable, "-m", "plainfilm", "label", str(path), "--vocabulary", vocabulary]
    for place in range(columns):
        command += ["--text-column", f"text{place}"]
    peak, used, begun = 0.0, dict[int, float](), time.perf_counter()
    with subprocess.Popen([*command, "--out", str(out)], start_new_session=True) as process:
        while process.poll() is None:
            peak = max(peak, session_megabytes(process.pid))
            used.update(_cpu_seconds(process.pid))
            time.sleep(0.25)
    return time.perf_counter() - begun, sum(used.values()), peak


def _cpu_seconds(session: int) -> Iterator[tuple[int, float]]:
    """What each living process of a session has used, in user and system mode."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                yield int(process.name), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue


def main() -> None:
    """Every size, with sentences as they repeat, and the smaller ones without."""
    parser = argparse.ArgumentParser()
    parser.add_argument("reports", type=Path)
    parser.add_argument("--column", action="append")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--vocabulary", default="nih14")
    arguments = parser.parse_args()
    columns = arguments.column or ["findings", "impression"]
    reports = columns_of(arguments.reports, columns)
    for rows in arguments.rows:
        for kind in KINDS if rows <= 100_000 else KINDS[:1]:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "reports.csv"
                write_rows(path, reports, rows, kind)
                size = path.stat().st_size / 1e6
                out = Path(folder) / "labels.csv"
                seconds, cpu, peak = measure(path, len(columns), out, arguments.vocabulary)
            print(f"{rows:9,} rows ({size:.0f} MB), {kind:18} {seconds:6.1f} s", end="  ")
            print(f"{rows / seconds:8,.0f} reports/s  CPU {cpu:6.1f} s ({rows / cpu:7,.0f}/s)", end="  ")
            print(f"peak {peak:5.0f} MB", flush=True)


if __name__ == "__main__":
    main()

"""Damaged files end in a clear error: no traceback, crash, hang, blow-up of memory or impossible result."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARES = {"image": 0.3, "dicom": 0.3, "csv": 0.1, "xml": 0.08, "json": 0.04, "zip": 0.03, "report": 0.15}
"""How much of all cases is of which kind."""


def findings(kind: str, count: int, folder: Path) -> list[str]:
    """What is wrong with the first `count` cases of a kind; a process that dies is followed by another."""
    folder.mkdir()
    found, first = [], 0
    while first < count:
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.worker",
            kind,
            str(first),
            str(count - first),
            str(folder),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        found += [f"{kind} {number}: {what}" for number, what in map(json.loads, done.stdout.splitlines())]
        if done.returncode == 0:
            break
        at = folder / "number"
        assert at.exists(), done.stderr
        number = int(at.read_text())
        found.append(
            f"{kind} {number}: the process ended with status {done.returncode}: {done.stderr[-300:]}"
        )
        first = number + 1
    return found


def run(cases: int, folder: Path) -> list[str]:
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(findings, kind, int(share * cases), folder / kind) for kind, share in SHARES.items()
        ]
        return [finding for job in jobs for finding in job.result()]


def test_a_thousand_damaged_files(tmp_path: Path) -> None:
    assert run(1000, tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_damaged_files(tmp_path: Path) -> None:
    assert run(20_000, tmp_path) == []

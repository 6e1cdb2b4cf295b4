"""No small file takes a command more than 1 GB or 30 s: it ends in a rejected row, or in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.hostile_files import DICOM, PICTURES, TABLES, TEXTS, long_text, table

pytestmark = pytest.mark.slow

SECONDS = 30
MOST_KILOBYTES = 1_000_000
WATCHED = """
import atexit, re, runpy, sys
from pathlib import Path

def note():
    status = Path("/proc/self/status").read_text()
    Path("peak").write_text(re.search(r"VmHWM:\\s+(\\d+)", status)[1])

atexit.register(note)
runpy.run_module("plainfilm", run_name="__main__", alter_sys=True)
"""
"""Runs a command and notes its peak memory; what the kernel says of children includes the parent's."""


def run(folder: Path, *words: str) -> tuple[int, str]:
    """The status of a command and what it wrote to standard error.

    It is ended after SECONDS of computing, and must not have needed more memory than MOST_KILOBYTES.
    """
    done = subprocess.run(
        ["sh", "-c", f'ulimit -t {SECONDS}; exec "$@"', "sh", sys.executable, "-c", WATCHED, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
    )
    # `audit` ends with 1 where patients share a film, as these do.
    assert done.returncode in ((0, 1) if words[0] == "audit" else (0, 2)), (
        f"status {done.returncode}: {done.stderr[-500:]}"
    )
    assert "Traceback" not in done.stderr
    peak = int((folder / "peak").read_text())
    assert peak < MOST_KILOBYTES, f"{peak / 1e6:.2f} GB"
    return done.returncode, done.stderr


def prepare(folder: Path, source: str) -> tuple[int, str]:
    (folder / "raw").mkdir(exist_ok=True)
    return run(folder, "prepare", source, "raw", "--out", "made", "--size", "64", "--workers", "1")


@pytest.mark.parametrize("name", TABLES)
def test_tables(tmp_path: Path, name: str) -> None:
    source, make = TABLES[name]
    (tmp_path / "raw").mkdir()
    make(tmp_path / "raw")
    status, said = prepare(tmp_path, source)
    assert status == 2 or "rejected" in said


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(tmp_path: Path, name: str) -> None:
    (tmp_path / "raw").mkdir()
    table(tmp_path / "raw", ["f.png,1,No effusion.", "x.png,2,No effusion."])
    (tmp_path / "raw" / "x.png").write_bytes(PICTURES[name]())
    status, said = prepare(tmp_path, "table")
    assert status == 0
    assert "rejected: x.png" in said


@pytest.mark.parametrize("name", DICOM)
def test_dicom(tmp_path: Path, name: str) -> None:
    pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "x.dcm").write_bytes(DICOM[name]())
    prepare(tmp_path, "dicom_folder")


@pytest.mark.parametrize("name", TEXTS)
def test_reports(tmp_path: Path, name: str) -> None:
    """Prepared, labelled and searched for names; one of three times the length is left out."""
    (tmp_path / "raw").mkdir()
    texts = [long_text(TEXTS[name]), long_text(TEXTS[name], 3_000_000), "No effusion."]
    table(tmp_path / "raw", [f'f.png,{place},"{text}"' for place, text in enumerate(texts)])
    assert prepare(tmp_path, "table")[0] == 0
    assert run(tmp_path, "label", "made")[0] == 0
    run(tmp_path, "audit", "made")
    status, said = run(tmp_path, "label", "raw/t.csv", "--text-column", "report", "--out", "labels.csv")
    assert status == 2
    assert "a cell of 3,000,000 characters; at most 1,048,576 are read" in said

"""A film that crashes or hangs its decoder costs that film and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainfilm.collection import Collection

FAULTY_DECODER = """
import os, signal, time
import PIL.Image
import plainfilm.io.limits

plainfilm.io.limits.SECONDS_FOR_A_FILM = 2.0

opened = PIL.Image.open

def crashing(stream, *args, **options):
    if b"crash" in stream.getvalue():
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"hang" in stream.getvalue():
        time.sleep(600)
    return opened(stream, *args, **options)

PIL.Image.open = crashing
"""
"""Stands in for a C library with a fault in it, in every process of the command."""


@pytest.fixture
def films(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FAULTY_DECODER)
    (tmp_path / "raw").mkdir()
    lines = ["path,patient_id"]
    for number in range(5):
        film = np.random.default_rng(number).integers(0, 255, (40, 40), dtype=np.uint8)
        path = tmp_path / "raw" / f"{number}.png"
        Image.fromarray(film).save(path)
        lines.append(f"{number}.png,p{number}")
    (tmp_path / "raw" / "films.csv").write_text("\n".join(lines))
    return tmp_path


FAULTS = [
    ("crash", "2", "cannot be decoded (its process died of SIGSEGV)"),
    ("hang", "2", "cannot be decoded (it took longer than 2 s)"),
    ("hang", "1", "cannot be decoded (it took longer than 2 s)"),
]


@pytest.mark.parametrize(("fault", "workers", "reason"), FAULTS)
def test_a_film_that_ends_or_holds_up_its_decoder_is_rejected_and_the_others_are_kept(
    films: Path, fault: str, workers: str, reason: str
) -> None:
    with (films / "raw" / "3.png").open("ab") as stream:
        stream.write(fault.encode())
    command = [
        sys.executable,
        "-m",
        "plainfilm",
        "prepare",
        "table",
        "films.csv",
        "--out",
        str(films / "out"),
    ]
    places = [str(films / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [*command, "--workers", workers],
        cwd=films / "raw",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    collection = Collection.open(films / "out")
    assert len(collection.table("images")) == 4
    (rejected,) = [row for row in collection.table("rejected").to_pylist() if row["path"] == "3.png"]
    assert rejected["reason"].startswith(reason)

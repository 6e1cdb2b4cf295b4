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
import os, signal
import PIL.Image

opened = PIL.Image.open

def crashing(stream, *args, **options):
    if b"crash" in stream.getvalue():
        os.kill(os.getpid(), signal.SIGSEGV)
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
    with (tmp_path / "raw" / "3.png").open("ab") as stream:
        stream.write(b"crash")
    (tmp_path / "raw" / "films.csv").write_text("\n".join(lines))
    return tmp_path


def test_a_film_that_crashes_its_decoder_is_rejected_and_the_others_are_kept(films: Path) -> None:
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
    done = subprocess.run(
        [*command, "--workers", "2"],
        cwd=films / "raw",
        env={**os.environ, "PYTHONPATH": str(films / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    collection = Collection.open(films / "out")
    assert len(collection.table("images")) == 4
    (rejected,) = [row for row in collection.table("rejected").to_pylist() if row["path"] == "3.png"]
    assert rejected["reason"].startswith("cannot be decoded (its process died of SIGSEGV)")

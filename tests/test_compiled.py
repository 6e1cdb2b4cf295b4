"""Compiled functions work wherever Plainfilm is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

CODE = """
import sys, tempfile
from numba.core import caching
tempfile.tempdir = sys.argv[1]
def nowhere(*_): raise OSError("read only")
for name in dir(caching):
    if name.endswith("CacheLocator") and name not in ("_CacheLocator", "UserProvidedCacheLocator"):
        getattr(caching, name).ensure_cache_path = nowhere
from plainfilm.compiled import njit
from plainfilm.metrics.classification import auroc
print(auroc([0.1, 0.2, 0.3], [False, True, True]))
"""


def in_a_read_only_installation(temporary: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", CODE, str(temporary)], capture_output=True, text=True)


def test_a_read_only_installation_compiles_into_a_private_folder(tmp_path: Path) -> None:
    done = in_a_read_only_installation(tmp_path)
    assert done.stdout == "1.0\n", done.stderr
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert list(folder.rglob("*.nbi"))


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / f"plainfilm-compiled-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert in_a_read_only_installation(tmp_path).stdout == "1.0\n"
    assert list(folder.iterdir()) == []


def test_without_any_place_it_compiles_each_time() -> None:
    done = in_a_read_only_installation(Path(tempfile.gettempdir()) / "no" / "such" / "folder")
    assert done.stdout == "1.0\n", done.stderr


THREADS = """
import torch
from plainfilm.metrics.classification import auroc
print(torch.get_num_threads(), auroc([0.1, 0.2, 0.3], [False, True, True]), torch.get_num_threads())
"""


@pytest.mark.slow
def test_torch_keeps_its_threads() -> None:
    """With others a training has other last digits after its first validation than one that was resumed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", THREADS], env=environment, capture_output=True, text=True)
    assert done.stdout == "1 1.0 1\n", done.stderr

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plainfilm.errors import DataError, ImageError
from plainfilm.io.processes import in_processes


def process_of(_: int) -> int:
    return os.getpid()


def fail(number: int) -> int:
    raise ImageError(f"film {number}")


def test_results_come_in_order() -> None:
    assert list(in_processes(abs, iter(range(-20, 0)), 2)) == list(range(20, 0, -1))


@pytest.mark.parametrize(("items", "workers"), [(3, 1), (1, 4), (0, 4)])
def test_small_work_stays_in_this_process(items: int, workers: int) -> None:
    assert set(in_processes(process_of, range(items), workers)) <= {os.getpid()}


def test_an_error_reaches_the_caller() -> None:
    with pytest.raises(ImageError, match="film 0"):
        list(in_processes(fail, range(3), 1))


def test_a_killed_worker_is_told() -> None:
    with pytest.raises(DataError, match="fewer --workers"):
        list(in_processes(os._exit, [3, 4, 5], 2))


ORPHANS = """
import os, sys, time
from plainfilm.io.processes import in_processes

def sleep(number):
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    list(in_processes(sleep, range(4), 2))
"""


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(ORPHANS)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = [int(process.stdout.readline()) for _ in range(2)]
        process.kill()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)

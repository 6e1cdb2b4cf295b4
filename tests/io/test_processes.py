from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plainfilm.errors import DataError, ImageError
from plainfilm.io.processes import Crash, Helper, alone, in_processes, time_limit


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


def die(number: int) -> int:
    """Odd numbers crash as a C library does."""
    if number % 2:
        signal.raise_signal(signal.SIGSEGV)
    return number


def careful(number: int) -> int:
    return -number


def test_what_killed_a_worker_is_done_with_care_and_the_rest_goes_on() -> None:
    results = list(in_processes(die, [0, 2, 3, *range(4, 30, 2)], 2, careful=careful))
    assert [abs(result) for result in results] == [0, 2, 3, *range(4, 30, 2)]
    assert results[2] == -3
    assert results[-3:] == [24, 26, 28]


def test_a_single_item_that_needs_care_has_its_own_process() -> None:
    assert list(in_processes(die, [3], 2, careful=careful)) == [-3]


def test_alone_gives_the_result_and_the_error() -> None:
    assert alone(die, 4, 60) == 4
    with pytest.raises(ImageError, match="film 7"):
        alone(fail, 7, 60)


def test_alone_lives_through_a_crash() -> None:
    with pytest.raises(Crash, match="SIGSEGV"):
        alone(die, 3, 60)
    with pytest.raises(Crash, match="status 5"):
        alone(os._exit, 5, 60)


def test_alone_ends_what_hangs() -> None:
    with pytest.raises(Crash, match="longer than"):
        alone(time.sleep, 600, 0.5)


def test_alone_does_not_blame_what_was_killed_from_outside() -> None:
    with pytest.raises(DataError, match="for want of memory"):
        alone(signal.raise_signal, signal.SIGKILL, 60)


def sleep_in_time(seconds: float) -> float:
    with time_limit(0.2):
        time.sleep(seconds)
    return seconds


def test_a_worker_that_hangs_is_ended() -> None:
    assert list(in_processes(sleep_in_time, [0.0, 600.0], 2, careful=careful)) in (
        [0.0, -600.0],
        [-0.0, -600.0],
    )


def test_what_takes_too_long_in_this_process_is_ended() -> None:
    with pytest.raises(Crash, match=r"took longer than 0.2 s"):
        sleep_in_time(600.0)
    assert sleep_in_time(0.0) == 0.0


def test_no_decoder_takes_the_end_of_its_time_for_damage() -> None:
    with pytest.raises(Crash), time_limit(0.1), contextlib.suppress(Exception):
        time.sleep(600)


def test_a_thread_has_no_time_limit() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(sleep_in_time, 0.3).result() == 0.3


ORPHANS = """
import os, sys, time
from plainfilm.io.processes import in_processes

def sleep(number):
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece, whoever else writes
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


def test_a_helper_answers_and_survives_what_kills_its_process() -> None:
    helper = Helper()
    first = helper.call(process_of, 0, 30)
    assert first == helper.call(process_of, 0, 30) != os.getpid()
    with pytest.raises(ImageError, match="film 3"):
        helper.call(fail, 3, 30)
    with pytest.raises(Crash, match="died"):
        helper.call(die, 1, 30)
    assert helper.call(process_of, 0, 30) != first
    helper.close()


def test_a_helper_ends_what_takes_too_long() -> None:
    helper = Helper()
    with pytest.raises(Crash, match=r"longer than 0\.1 s"):
        helper.call(time.sleep, 60, 0.1)
    helper.close()

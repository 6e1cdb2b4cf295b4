"""Ctrl-C in a terminal: status 130, one line that says how to go on, and no process left."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plainfilm.cli.main import run, verbs
from plainfilm.io.locks import LOCK
from tests.training.conftest import write_table

LONG = ("training.epochs=500", "training.batch_size=8", "validation.patience=null")
"""Settings with which training lasts longer than any of these tests."""
ORIGIN = "data.label_origin=[plainfilm-chexpert-4]"

START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test runner in the background ignores it
from plainfilm.cli.main import main
main(sys.argv[1:])
"""


def started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, *command], stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(is_reached, process: subprocess.Popen[str]) -> None:
    while not is_reached() and process.poll() is None:
        time.sleep(0.01)


def stopped(command: list[str], is_reached, number: int = signal.SIGINT) -> tuple[int, str]:
    """The status and standard error of a command whose whole group gets a signal, as from a terminal."""
    process = started(command)
    wait_for(is_reached, process)
    os.killpg(process.pid, number)
    said = process.communicate()[1]
    wait_for(lambda: not is_group(process.pid), process)
    return process.returncode, said


def is_group(number: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, 0)
        return True
    return False


def last_line(verb: str) -> str:
    return f"plainfilm: interrupted: {importlib.import_module(f'plainfilm.cli.{verbs()[verb]}').KEPT}"


def test_every_command_says_how_to_go_on() -> None:
    for verb in verbs():
        assert "repeat the command" in last_line(verb) or "--resume" in last_line(verb), verb


def test_workers_end_with_it_and_the_command_goes_on(tmp_path: Path) -> None:
    command = ["phantom", "table", "--studies", "40", "--size", "96", "--workers", "2", "--out"]
    out = tmp_path / "out"
    status, said = stopped([*command, str(out)], lambda: len(list(out.rglob("*.json"))) > 6)
    assert (status, said.splitlines()[-1]) == (130, last_line("phantom"))
    assert "Traceback" not in said
    finished = {path: path.stat().st_mtime_ns for path in out.rglob(".unfinished/*/*.json")}
    assert finished
    assert run([*command, str(out)]) == 0
    assert run([*command, str(tmp_path / "whole")]) == 0
    names = [path.relative_to(out) for path in out.rglob("*") if path.is_file()]
    assert all((out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in names)
    assert not list(out.rglob(".*"))


def test_no_worker_outlives_a_killed_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = started(["phantom", "table", "--studies", "60", "--workers", "2", "--out", str(out)])
    wait_for(lambda: len(list(out.rglob("*.json"))) > 2, process)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while is_group(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_group(process.pid)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("verb", ["prepare", "train", "finetune", "embed", "evaluate"])
def test_whenever_it_comes(
    verb: str, seconds: float, small_world, tiny_model: Path, tiny_classifier: Path, tmp_path: Path
) -> None:
    films, out = str(small_world.path), tmp_path / "out"
    raw = write_table(tmp_path / "raw", patients=30)
    commands = {
        "prepare": ["prepare", "table", str(raw), "--workers", "2"],
        "train": ["train", "txtrayalign-tiny", "--data", films, *LONG],
        "finetune": [
            "finetune",
            "finetune-linear",
            "--init",
            str(tiny_classifier),
            "--data",
            films,
            *LONG,
            ORIGIN,
        ],
        "embed": ["embed", str(tiny_model), films, "--what", "images"],
        "evaluate": ["evaluate", "retrieval", str(tiny_model), films, "resamples=200000"],
    }

    def is_reached() -> bool:
        if not (out / LOCK).is_file():
            return False
        time.sleep(seconds)
        return True

    status, said = stopped([*commands[verb], "--out", str(out)], is_reached)
    if status in (0, -signal.SIGINT) and verb in ("prepare", "embed", "evaluate") and seconds:
        pytest.skip("the command had done its work before, and was ending")
    assert "Traceback" not in said, said
    assert (status, said.splitlines()[-1]) == (130, last_line(verb)), said

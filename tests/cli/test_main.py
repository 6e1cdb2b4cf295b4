from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest

from plainfilm.cli import main, system
from plainfilm.cli.console import Lines

VERBS = sorted(main.verbs())


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "plainfilm", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_imports_no_torch(verb: str) -> None:
    code = (
        "import sys; from plainfilm.cli.main import run; "
        f"status = run({[*filter(None, [verb]), '--help']}); "
        "sys.exit(status or 3 * ('torch' in sys.modules) or 4 * ('pandas' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_a_mistyped_verb_gets_the_nearest_one_on_one_line() -> None:
    done = command("doctr")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("plainfilm: no command 'doctr': did you mean 'doctor'?")
    assert done.stderr.count("\n") == 1


def test_a_mistyped_option_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["doctor", "--jsn"]) == 2
    assert "--json" in capsys.readouterr().err


def test_version_is_printed() -> None:
    assert command("--version").stdout.startswith("plainfilm 0.")


def test_doctor_prints_one_json_document() -> None:
    done = command("doctor", "--json")
    assert {"what", "works", "detail"} == set(json.loads(done.stdout)[0])


def test_doctor_prints_a_line_per_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["doctor"]) == 0
    assert "accelerate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "choose another folder"), (errno.ENOENT, "no such file")],
)
def test_trouble_with_the_disk_is_one_line(number: int, words: str) -> None:
    assert words in system.os_message(OSError(number, "trouble", "out/x"))


def test_any_other_trouble_is_named_by_its_number() -> None:
    assert system.os_message(OSError(errno.EDOM, "odd", "x")) == "x: odd (EDOM)"


def test_plain_lines_say_how_far_work_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(Lines().track(range(3), 3, "counting")) == [0, 1, 2]
    assert capsys.readouterr().err.startswith("counting: 3 of 3")


@pytest.mark.parametrize(
    ("words", "place", "expected"),
    [("plainfilm pre", 1, {"predict", "prepare"}), ("plainfilm info --h", 2, {"--html"})],
)
def test_the_shell_completes_commands_and_options(words: str, place: int, expected: set[str]) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(place), "_PLAINFILM_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-m", "plainfilm"], capture_output=True, text=True, env=os.environ | asked
    )
    assert expected <= set(done.stdout.split())


def test_the_script_of_a_shell_is_shown() -> None:
    # A test may run where no shell is a parent of it, so the shell is named and not looked for.
    named = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    words = [sys.executable, "-m", "plainfilm", "--show-completion", "bash"]
    done = subprocess.run(words, capture_output=True, text=True, env=named)
    assert "_PLAINFILM_COMPLETE=complete_bash" in done.stdout, done.stderr

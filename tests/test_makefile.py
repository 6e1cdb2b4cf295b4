"""What the two commands of the README would do; nothing is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[1] / "Makefile"


@pytest.fixture
def planned(tmp_path: Path):
    """The commands that `make TARGET` would run in an empty checkout, with or without uv on the PATH."""
    if shutil.which("make") is None:
        pytest.skip("there is no make")
    shutil.copy(MAKEFILE, tmp_path)
    for name in ("pyproject.toml", "constraints.txt", "bin/uv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch(mode=0o755)

    def plan(target: str, *, with_uv: bool = False) -> list[str]:
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin" if with_uv else "/usr/bin:/bin"
        # The tests may themselves be run by make, which would then name the folders that it enters.
        environment = {
            name: value
            for name, value in os.environ.items()
            if name != "VIRTUAL_ENV" and not name.startswith("MAKE") and name != "MFLAGS"
        }
        done = subprocess.run(
            ["make", "-n", target],
            cwd=tmp_path,
            env={**environment, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return plan


def installing(commands: list[str]) -> list[str]:
    return [line for line in commands if "pip install" in line]


def test_the_demo_installs_what_running_needs(planned) -> None:
    [command] = installing(planned("demo"))
    assert command.endswith("-c constraints.txt -e .")


@pytest.mark.parametrize("target", ["test", "real", "site"])
def test_the_tests_and_what_needs_extras_install_what_developing_needs(planned, target: str) -> None:
    [command] = installing(planned(target))
    assert command.endswith('-c constraints.txt -e ".[dev]"')


@pytest.mark.parametrize("target", ["demo", "test"])
def test_uv_installs_the_same_where_there_is_one(planned, target: str) -> None:
    [by_pip], [by_uv] = installing(planned(target)), installing(planned(target, with_uv=True))
    assert by_pip.startswith(".venv/bin/python -m pip install")
    assert by_uv.startswith("uv pip install")
    assert by_uv.partition("-c ")[2] == by_pip.partition("-c ")[2]


def test_modules_are_compiled_when_they_are_imported(planned) -> None:
    [by_pip], [by_uv] = installing(planned("demo")), installing(planned("demo", with_uv=True))
    assert "--no-compile" in by_pip
    assert "--compile-bytecode" not in by_uv


def test_coverage_is_of_the_same_tests(planned) -> None:
    [test], [coverage] = (
        [line for line in planned(target) if "pytest" in line] for target in ("test", "coverage")
    )
    assert coverage.startswith(f"{test} --cov ")
    assert "--cov-fail-under=95" in coverage

"""The folder of cases beside the checkout, and what their scripts ask for: PLAINFILM, PYTHON and DEMO."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CASES = CHECKOUT.parent / "shared" / "cases"
DEMO_VARIABLE = "PLAINFILM_DEMO"
"""Names a folder that `plainfilm demo` wrote; without it a small one is made, which takes minutes."""

TODAY = {
    "image={use: compact, channels: 1}": "model.image={use: compact, channels: 1}",
    "text={use: transformers": "model.text={use: transformers",
    "tokenizer.max_tokens": "tokenizers.text.max_tokens",
    "data.share": "data.fraction",
}
"""Keys of recipes that scripts of older cases write, and what they are called today."""

RunCase = Callable[[str], str]


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of cases."""
    if not CASES.is_dir():
        pytest.skip(f"the cases are not here: {CASES} does not exist")
    return CASES


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with a command of its own, which a case may make read-only."""
    root = tmp_path_factory.mktemp("installation")
    shutil.copytree(
        CHECKOUT / "src" / "plainfilm",
        root / "lib" / "plainfilm",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    places = ":".join(map(str, (root / "lib", CHECKOUT, CHECKOUT / "tests")))
    for name, start in (("plainfilm", f"{sys.executable} -m plainfilm"), ("python", sys.executable)):
        command = root / "venv" / "bin" / name
        command.parent.mkdir(parents=True, exist_ok=True)
        path = f'export PYTHONPATH="{places}${{PYTHONPATH:+:$PYTHONPATH}}"'
        command.write_text(f'#!/bin/sh\n{path}\nexec {start} "$@"\n')
        command.chmod(0o755)
    return root


@pytest.fixture(scope="session")
def demo(installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `plainfilm demo` writes."""
    if DEMO_VARIABLE in os.environ:
        return Path(os.environ[DEMO_VARIABLE]).resolve()
    folder = tmp_path_factory.mktemp("demo") / "demo"
    command = installation / "venv" / "bin" / "plainfilm"
    subprocess.run([command, "demo", "--studies", "60", "--out", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def run_case(cases: Path, installation: Path, demo: Path, tmp_path: Path) -> RunCase:
    """Runs the script of a case, its keys of recipes being today's, and returns what it printed."""

    def run(name: str) -> str:
        folder = tmp_path / name
        shutil.copytree(cases / name, folder)
        script = folder / "run.sh"
        text = script.read_text("utf-8")
        for old, new in TODAY.items():
            text = re.sub(rf"(?<![\w.]){re.escape(old)}", new, text)
        script.chmod(0o644)
        script.write_text(text, encoding="utf-8")
        bin_folder = installation / "venv" / "bin"
        environment = {
            **os.environ,
            "PLAINFILM": str(bin_folder / "plainfilm"),
            "PYTHON": str(bin_folder / "python"),
            "DEMO": str(demo),
        }
        done = subprocess.run(
            ["bash", script], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return done.stdout.decode("utf-8", "replace")

    return run

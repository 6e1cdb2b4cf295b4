"""Every verb with every path that the operating system refuses: one line with the reason, status 2."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from plainfilm.cli.main import run, verbs
from tests.cli.test_train import RECIPE
from tests.dicom_output.films import film_file

COMMANDS: dict[str, list[list[str]]] = {
    "audit": [["{bad}"], ["{data}", "--html", "{bad}"]],
    "augment": [["{bad}"]],
    "benchmark": [
        ["{bad}", "--data", "{data}", "--out", "out"],
        ["{model}", "--data", "{bad}", "--out", "out"],
        ["{model}", "--data", "{data}", "--out", "{bad}", "--task", "retrieval"],
    ],
    "compare": [["{bad}", "{bad}"]],
    "convert": [["refers", "{bad}", "--out", "out"], ["refers", "{data}", "--out", "{bad}"]],
    "demo": [["--out", "{bad}"]],
    "doctor": [["{bad}"]],
    "download": [["nih14", "--out", "{bad}", "--list"]],
    "embed": [
        ["{bad}", "{data}", "--what", "reports", "--out", "out"],
        ["{model}", "{bad}", "--what", "reports", "--out", "out"],
        ["{model}", "{data}", "--what", "reports", "--out", "{bad}"],
    ],
    "estimate": [["{bad}"], ["{data}", "--recipe", "{bad}.yaml", "--films", "10"]],
    "evaluate": [
        ["retrieval", "{bad}", "{data}", "--out", "out"],
        ["retrieval", "{model}", "{bad}", "--out", "out"],
        ["retrieval", "{model}", "{data}", "--out", "{bad}", "resamples=100", "k=3"],
        ["{bad}.py", "{model}", "{data}", "--out", "out"],
    ],
    "export": [
        ["{bad}", "--onnx", "out"],
        ["{model}", "--onnx", "{bad}"],
        ["{model}", "--onnx", "out", "--int8", "--calibrate", "{bad}"],
    ],
    "finetune": [
        ["finetune-linear", "--init", "{bad}", "--data", "{data}", "--out", "out"],
        ["finetune-linear", "--init", "{model}", "--data", "{data}", "--out", "{bad}"],
        ["{bad}", "--init", "{model}", "--data", "{data}", "--out", "out"],
    ],
    "import": [["cxr-clip", "{bad}", "--out", "out"]],
    "info": [["{bad}"]],
    "label": [["{bad}"], ["{csv}", "--text-column", "report", "--out", "{bad}"]],
    "phantom": [["nih14", "--out", "{bad}", "--studies", "1"]],
    "predict": [
        ["{bad}", "{film}"],
        ["{model}", "{film}", "--prompts", "{bad}"],
        ["{model}", "{film}", "--csv", "{bad}"],
        ["{model}", "{film}", "--map", "x", "--out", "{bad}"],
        ["{model}", "{dicom}", "--sr", "{bad}"],
    ],
    "prepare": [["table", "{bad}", "--out", "out"], ["table", "{csv}", "--out", "{bad}"]],
    "push": [["{bad}", "owner/name"]],
    "prompts": [["show", "{bad}"], ["lint", "{bad}"]],
    "reproduce": [
        ["cgmh", "--data", "{bad}", "--out", "out"],
        ["chexzero", "--weights", "{bad}", "--out", "out"],
        ["cgmh", "--phantom", "--out", "{bad}"],
    ],
    "retrieve": [["{model}", "{bad}", "--text", "x"], ["{bad}", "{data}", "--text", "x"]],
    "serve": [["{bad}"], ["{model}", "--bank", "{bad}"], ["{model}", "--prompts", "{bad}"]],
    "score": [
        ["{bad}", "{csv}", "--out", "out"],
        ["{csv}", "{bad}", "--out", "out"],
        ["{csv}", "{csv}", "--out", "{bad}"],
    ],
    "train": [
        ["{bad}", "--data", "{data}", "--out", "out"],
        ["recipe.yaml", "--data", "{bad}", "--out", "out"],
        ["recipe.yaml", "--data", "{data}", "--out", "{bad}", "training.max_steps=1"],
    ],
    "tune": [["{bad}", "{data}"], ["{model}", "{bad}"]],
    "watch": [
        ["--dicomweb", "http://127.0.0.1:9/x", "--model", "{bad}", "--once"],
        ["--dicomweb", "http://127.0.0.1:9/x", "--model", "{model}", "--once", "--state", "{bad}"],
    ],
}


def a_long_name(folder: Path) -> Path:
    return folder / ("x" * 300)


def a_long_path(folder: Path) -> Path:
    return folder.joinpath(*["y" * 200] * 25)


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("x")
    return folder / "file" / "below"


def a_circle(folder: Path) -> Path:
    (folder / "circle").symlink_to(folder / "circle")
    return folder / "circle"


def below_a_circle(folder: Path) -> Path:
    return a_circle(folder) / "below"


def an_odd_name(folder: Path) -> Path:
    return folder / os.fsdecode(b"odd-\xff") / "below"


BAD: list[Callable[[Path], Path]] = [
    *(a_long_name, a_long_path, below_a_file, a_circle, below_a_circle, an_odd_name)
]
"""Paths at which nothing can be, or, as the last one, only for somebody who writes it."""
WRITTEN = [(option, "{bad}") for option in ("--out", "--onnx", "--csv", "--html", "--sr", "--state")]


def test_every_verb_is_tried() -> None:
    assert set(COMMANDS) == set(verbs())


@pytest.mark.parametrize("bad", BAD, ids=lambda function: function.__name__)
@pytest.mark.parametrize("verb", COMMANDS)
def test_a_path_that_cannot_be_is_one_line(
    verb: str,
    bad: Callable[[Path], Path],
    tiny_model: Path,
    small_world: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (tmp_path / "films.csv").write_text("report\nNo effusion.\n")
    film = next(path for path in sorted((small_world.path / "images").rglob("*.*")) if path.is_file())
    places = {"model": str(tiny_model), "data": str(small_world.path), "film": str(film)}
    places["dicom"] = str(film_file(tmp_path / "film.dcm"))
    places |= {"csv": "films.csv", "bad": str(bad(tmp_path))}
    for arguments in COMMANDS[verb]:
        is_written = any(pair in itertools.pairwise(arguments) for pair in WRITTEN)
        if is_written and bad in (an_odd_name, a_circle):
            continue  # a file or a folder can be made there
        status = run([verb, *(word.format(**places) for word in arguments)])
        said = capsys.readouterr()
        lines = [line for line in said.err.splitlines() if line.startswith("plainfilm: ")]
        assert (status, len(lines)) in ((2, 1), (1, 0)), (arguments, status, said.err)
        assert status == 2 or verb == "doctor", (arguments, said)
        assert len(lines[0] if lines else said.out) < 1200


@pytest.mark.parametrize(
    "files", [pytest.param(24, marks=pytest.mark.slow), 40, pytest.param(64, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("verb", ["info", "predict", "embed", "prompts"])
def test_too_many_open_files_is_one_line(
    verb: str, files: int, tiny_model: Path, small_world: Any, tmp_path: Path
) -> None:
    film = next(path for path in sorted((small_world.path / "images").rglob("*.*")) if path.is_file())
    words = {
        "info": ["info", str(small_world.path)],
        "predict": ["predict", str(tiny_model), str(film)],
        "embed": ["embed", str(tiny_model), str(small_world.path), "--what", "images", "--out", "bank"],
        "prompts": ["prompts", "show", "cxr"],
    }[verb]
    held = "import os; held = [os.open('/dev/null', os.O_RDONLY) for _ in range(16)]"
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files})); {held}; "
        "from plainfilm.cli.main import main; main(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr
    if done.returncode == 2:
        assert "EMFILE" in done.stderr or "Too many open files" in done.stderr

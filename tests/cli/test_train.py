"""`plainfilm train`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from plainfilm.cli import main
from plainfilm.collection import Collection

RECIPE = {
    "model": {
        "use": "dual_encoder",
        "image": {"use": "timm", "name": "test_resnet", "channels": 1},
        "text": {"use": "compact", "width": 32, "depth": 1, "heads": 2, "max_tokens": 32},
        "projection": {"dimension": 16},
    },
    "tokenizers": {"text": {"vocabulary": 300}},
    "preprocessing": {"size": 32, "channels": 1},
    "objective": {"use": "infonce"},
    "data": {"text": "findings", "cache": 48},
    "training": {"epochs": 1, "batch_size": 16},
}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return tmp_path / "recipe.yaml"


def test_trains_with_overrides(
    recipe: Path, small_world: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = ["train", str(recipe), "--data", str(small_world.path), "--out", str(run)]
    assert main.run([*arguments, "training.max_steps=2", "seed=5"]) == 0
    assert yaml.safe_load((run / "recipe.yaml").read_text())["seed"] == 5
    assert (run / "model" / "model.safetensors").is_file()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "step 2 of 2: loss" in printed.err


def test_typing_errors_end_before_any_data_is_read(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", str(recipe), "--data", str(tmp_path / "none"), "--out", str(tmp_path / "run")]
    assert main.run([*arguments, "training.epoch=1"]) == 2
    assert "did you mean 'epochs'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_taken_folder_is_one_line(
    recipe: Path, small_world: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", str(recipe), "--data", str(small_world.path), "--out", str(tmp_path)]
    assert main.run(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--resume" in error


def test_help_imports_no_torch() -> None:
    script = (
        "import sys\nfrom plainfilm.cli import main\nstatus = main.run(['train', '--help'])\n"
        "sys.exit(status or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0

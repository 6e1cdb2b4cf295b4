"""No foreign code runs without `--trust-code`, and no model makes a command ask the network: every route."""

from __future__ import annotations

import io
import json
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from plainfilm.cli.main import run
from tests.cli.test_train import RECIPE

EVIL = "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n"


def film_of(collection: Path) -> str:
    return str(next(path for path in sorted((collection / "images").rglob("*.*")) if path.is_file()))


ROUTES: dict[str, Callable[[Path, Path], list[str]]] = {
    "predict": lambda model, data: ["predict", str(model), film_of(data)],
    "embed": lambda model, data: ["embed", str(model), str(data), "--what", "reports", "--out", "bank"],
    "retrieve": lambda model, data: ["retrieve", str(model), "bank", "--text", "effusion"],
    "evaluate": lambda model, data: ["evaluate", "retrieval", str(model), str(data), "--out", "results"],
    "evaluate reliance": lambda model, data: [
        *("evaluate", "reliance", str(model), str(data), "--out", "results")
    ],
    "benchmark": lambda model, data: ["benchmark", str(model), "--data", str(data), "--out", "benchmark"],
    "doctor": lambda model, data: ["doctor", str(model)],
    "tune": lambda model, data: ["tune", str(model), str(data)],
    "serve": lambda model, data: ["serve", str(model), "--port", "0"],
    "watch": lambda model, data: [
        *("watch", "--once", "--dicomweb", "http://127.0.0.1:9/x", "--model", str(model), "--state", "state")
    ],
    "finetune": lambda model, data: [
        *("finetune", "finetune-linear", "--init", str(model), "--data", str(data), "--out", "tuned")
    ],
    "train": lambda model, data: [
        *("train", "recipe.yaml", "--data", str(data), "--out", "run", f"parts.image.from={model}")
    ],
    "train from a stage": lambda model, data: [
        *("train", "staged.yaml", "--data", str(data), "--out", "run", f"stages.1.parts.image.from={model}")
    ],
}


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and beside it what the routes need."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text(EVIL)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (tmp_path / "staged.yaml").write_text(yaml.safe_dump({**RECIPE, "stages": [{}, {}]}))
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def change(model: Path, key: str, value: Any) -> None:
    """Set a dotted key of config.json, as somebody who means it does: without a digest."""
    file = model / "config.json"
    values = json.loads(file.read_text())
    values.pop("sha256")
    *path, last = key.split(".")
    inner = values
    for part in path:
        inner = inner.setdefault(part, {})
    inner[last] = value
    file.write_text(json.dumps(values))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("architecture.use", "./evil.py"),
        ("architecture.image.use", "evil"),
        ("architecture.text.use", "evil.py"),
        ("architecture.image.settings", {"act_layer": {"deep": ["./evil.py"]}}),
        ("architecture.text.settings", {"auto_map": {"AutoModel": "evil.Model"}}),
        ("facts.tokenizers", {"text": {"use": "evil.tokenizer"}}),
    ],
)
def test_code_that_a_model_names_does_not_run(
    route: str,
    key: str,
    value: Any,
    model: Path,
    small_world: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    change(model, key, value)
    arguments = ROUTES[route](model, small_world.path)
    assert run(arguments) == (1 if route == "doctor" else 2)
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("plainfilm: ")]
    assert route == "doctor" or len(lines) == 1
    assert "config.json" in said.err + said.out
    if value != "evil":  # which is no code, but a name that is not known
        assert "--trust-code" in said.err + said.out
    assert not (tmp_path / "evil.ran").exists()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("architecture.text", {"use": "transformers", "name": "somebody/x", "pretrained": True}),
        ("architecture.text", {"use": "transformers", "name": "somebody/x", "pretrained": False}),
        ("architecture.image", {"use": "timm", "name": "resnet18", "pretrained": True, "channels": 1}),
        ("architecture.text", {"use": "transformers", "pretrained": False, "settings": {
            "model_type": "bert", "attn_implementation": "somebody/kernel"}}),
    ],
)  # fmt: skip
def test_a_model_does_not_make_a_command_ask_the_network(
    route: str,
    key: str,
    value: Any,
    model: Path,
    small_world: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    def connect(self: socket.socket, address: Any) -> None:
        asked.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: connect(None, address))
    change(model, key, value)
    assert run(ROUTES[route](model, small_world.path)) == (1 if route == "doctor" else 2)
    said = capsys.readouterr()
    assert "config.json" in said.err + said.out
    assert asked == []


@pytest.mark.parametrize("known", ["bert", "evil"])
@pytest.mark.parametrize("files", ["config.json", "tokenizer_config.json"])
def test_a_folder_of_weights_does_not_ask_on_standard_input(
    known: str,
    files: str,
    tmp_path: Path,
    small_world: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "evil.py").write_text(EVIL)
    names = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoTokenizer": ["evil.T", "evil.T"]}
    for file in {"config.json", files}:
        (folder / file).write_text(json.dumps({"model_type": known, "auto_map": names}))
    recipe = {**RECIPE, "model": {**RECIPE["model"], "text": {"use": "transformers", "name": str(folder)}}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    answers = io.StringIO("yes\n" * 100)
    monkeypatch.setattr(sys, "stdin", answers)
    out = str(tmp_path / "run")
    assert run(["train", str(tmp_path / "recipe.yaml"), "--data", str(small_world.path), "--out", out]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert str(folder) in said.err.splitlines()[-1]
    assert "Traceback" not in said.err
    assert "[y/N]" not in said.err
    assert answers.tell() == 0
    assert not list(tmp_path.rglob("*.ran"))


@pytest.mark.parametrize("verb", ["train", "finetune"])
@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_a_recipe_in_the_folder_of_the_run_is_not_believed(
    verb: str,
    resume: list[str],
    model: Path,
    small_world: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "theirs").mkdir()
    recipe = RECIPE | {"objective": {"use": str(tmp_path / "evil.py")}}
    (tmp_path / "theirs" / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    words = [verb, "theirs/recipe.yaml", "--data", str(small_world.path), "--out", "theirs", *resume]
    assert run([*words, *(["--init", str(model)] if verb == "finetune" else [])]) == 2
    assert "'objective.use' is code" in capsys.readouterr().err
    assert not (tmp_path / "evil.ran").exists()


def test_code_that_the_given_recipe_names_runs(model: Path, small_world: Any, tmp_path: Path) -> None:
    recipe = RECIPE | {"objective": {"use": str(tmp_path / "evil.py")}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert run(["train", "recipe.yaml", "--data", str(small_world.path), "--out", "run"]) == 2
    assert (tmp_path / "evil.ran").exists()

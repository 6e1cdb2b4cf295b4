"""Stages one after another: what each starts from, what is written, and the same bits after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from plainfilm.cli import main
from plainfilm.collection import Collection
from plainfilm.errors import PlainfilmError, UsageError
from plainfilm.training.log import read_log
from plainfilm.training.runner import Runner
from plainfilm.training.stages import load_stages
from tests.training.staged import COMMON, FROZEN, different, killed, weights, with_stages, write

STAGES = with_stages(
    {"name": "align", "training": {"checkpoint_steps": 1}},
    FROZEN,
    {"model": {"image": {"dropout": 0.0}}},
    training={**COMMON["training"], "precision": "fp32"},
)


def go(recipe: Path, collection: Collection, out: Path, *overrides: str, resume: bool = False) -> Path:
    return Runner([collection], out, resume).train(load_stages(recipe, overrides))


def arguments(recipe: Path, collection: Collection, out: Path, *more: str) -> list[str]:
    return ["train", str(recipe), "--data", str(collection.path), "--out", str(out), *more]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("recipe"), STAGES)


@pytest.fixture(scope="module")
def done(recipe: Path, collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("staged") / "run"
    go(recipe, collection, out)
    return out


def test_the_model_of_the_run_is_that_of_the_last_stage(done: Path) -> None:
    for name in ("model", "last"):
        assert different(done / name, done / "stage-3" / name) == []
        assert (done / name / "tokenizers" / "text" / "tokenizer.json").is_file()
    assert load_stages(done / "recipe.yaml").as_dict()["stages"][0]["name"] == "align"


def test_a_frozen_part_is_that_of_the_stage_before(done: Path) -> None:
    changed = different(done / "stage-align" / "model", done / "stage-2" / "last")
    assert changed
    assert not [name for name in changed if name.startswith("image.")]


def test_the_whole_state_is_taken_over(collection: Collection, tmp_path: Path) -> None:
    still = {"training": {"learning_rate": 1e-30, "weight_decay": 0.0}}
    go(write(tmp_path, with_stages({}, still)), collection, tmp_path / "run")
    first, second = (tmp_path / "run" / name / "model" for name in ("stage-1", "stage-2"))
    assert different(first, second) == []
    assert float(weights(first)["log_scale"]) != pytest.approx(-float(np.log(0.07)), abs=1e-7)


def test_a_part_that_begins_anew_does(collection: Collection, tmp_path: Path) -> None:
    still = {
        "training": {"learning_rate": 1e-30, "weight_decay": 0.0},
        "parts": {"rest": {"from": None}, "text_projection": {"from": None}},
    }
    go(write(tmp_path, with_stages({}, still)), collection, tmp_path / "run")
    changed = different(tmp_path / "run" / "stage-1" / "model", tmp_path / "run" / "stage-2" / "model")
    assert {name.partition(".")[0] for name in changed} == {"log_scale", "text_projection"}


def test_stages_keep_the_tokenizer_and_name_where_they_started(done: Path) -> None:
    one, two = (
        (done / f"stage-{name}" / "tokenizers/text/tokenizer.json").read_text() for name in ("align", 2)
    )
    assert one == two
    config = json.loads((done / "stage-2" / "model" / "config.json").read_text())
    before = json.loads((done / "stage-align" / "model" / "config.json").read_text())
    stated = config["recipe"]["parts"]["image"]
    assert (stated["from"], stated["fingerprint"]) == ("stage-align", before["fingerprint"])


def test_finished_stages_are_not_run_again(done: Path, recipe: Path, collection: Collection) -> None:
    files = [
        *done.glob("*/model/model.safetensors"),
        *done.glob("*/log.jsonl"),
        done / "model" / "config.json",
    ]
    before = [file.stat().st_mtime_ns for file in files]
    assert len(files) == 7
    go(recipe, collection, done, resume=True)
    assert [file.stat().st_mtime_ns for file in files] == before


@pytest.mark.parametrize("stage", ["align", "3"])
def test_a_page_that_is_missing_is_made_again(
    stage: str, done: Path, recipe: Path, collection: Collection, tmp_path: Path
) -> None:
    run = shutil.copytree(done, tmp_path / "run") / f"stage-{stage}"
    (run / "index.html").unlink()
    go(recipe, collection, tmp_path / "run", resume=True)
    assert "Finished after step" in (run / "index.html").read_text()
    assert different(run / "last", done / run.name / "last") == []
    assert different(run / "model", done / run.name / "model") == []


def test_a_run_without_its_state_is_not_trained_anew_for_its_page(
    done: Path, recipe: Path, collection: Collection, tmp_path: Path
) -> None:
    run = shutil.copytree(done, tmp_path / "run") / "stage-3"
    (run / "index.html").unlink()
    (run / "training_state.pt").unlink()
    before = (run / "log.jsonl").read_bytes()
    go(recipe, collection, tmp_path / "run", resume=True)
    assert (run / "log.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("values", "overrides", "message"),
    [
        (STAGES, ["stages.2.seed=4"], "the run was started with stages.2.seed=0, now it is 4"),
        (STAGES, ["seed=4"], "the run was started with stages.align.seed=0, now it is 4"),
        (COMMON, [], "the run was started with stages"),
        ({**STAGES, "stages": STAGES["stages"][:2]}, [], "the run was started with stages.3."),
    ],
)
def test_going_on_with_another_recipe_is_refused(
    values: dict[str, Any],
    overrides: list[str],
    message: str,
    done: Path,
    collection: Collection,
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError) as raised:
        go(write(tmp_path, values), collection, done, *overrides, resume=True)
    assert message in str(raised.value)


def test_what_decides_nothing_may_change(done: Path, recipe: Path, collection: Collection) -> None:
    go(recipe, collection, done, "stages.2.training.checkpoint_minutes=3", "data.workers=0", resume=True)


def test_a_taken_folder_is_refused(done: Path, recipe: Path, collection: Collection) -> None:
    with pytest.raises(UsageError, match="exists already; continue with --resume"):
        go(recipe, collection, done)


def test_what_a_later_stage_lacks_shows_before_the_first_is_trained(
    collection: Collection, tmp_path: Path
) -> None:
    recipe = write(tmp_path, with_stages({}, {"data": {"views": ["LATERAL"]}}))
    with pytest.raises(PlainfilmError, match="no item is left of split 'train'"):
        go(recipe, collection, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def killed_and_resumed(where: tuple[str, str, int], recipe: Path, collection: Collection, out: Path) -> None:
    command = arguments(recipe, collection, out)
    assert killed(where, command) == -signal.SIGKILL
    assert main.run([*command, "--resume"]) == 0


def assert_same(first: Path, second: Path) -> None:
    for name in ("model", "last", "stage-align/last", "stage-2/model"):
        assert different(first / name, second / name) == []
    steps = [line["step"] for line in read_log(second / "stage-2/log.jsonl") if line["event"] == "step"]
    assert steps == [1, 2, 3]


def test_killed_within_a_stage(done: Path, recipe: Path, collection: Collection, tmp_path: Path) -> None:
    killed_and_resumed(("trainer", "train_step", 5), recipe, collection, tmp_path / "run")
    assert_same(done, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    [
        *[("trainer", "train_step", calls) for calls in (1, 2, 4, 9)],
        *[("trainer", "save_model", calls) for calls in (1, 2, 3, 4, 7, 9)],
        *[("trainer", "build_data", calls) for calls in (1, 2, 3)],
        ("trainer", "save_state", 4),
        ("trainer", "keep_features", 2),
        ("run_folder", "write_json", 1),
        *[("run_folder", "save_recipe", calls) for calls in (1, 2, 3)],
        *[("runner", "copy_model", calls) for calls in (1, 2)],
        *[("runner", "train", calls) for calls in (2, 3)],
    ],
    ids=str,
)
def test_killed_anywhere(
    where: tuple[str, str, int], done: Path, recipe: Path, collection: Collection, tmp_path: Path
) -> None:
    killed_and_resumed(where, recipe, collection, tmp_path / "run")
    assert_same(done, tmp_path / "run")


@pytest.mark.slow
def test_two_processes(done: Path, recipe: Path, collection: Collection, tmp_path: Path) -> None:
    """Barriers between stages hold, and both processes end in what one ends in, to rounding."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "plainfilm", *arguments(recipe, collection, tmp_path / "run")]
    together = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    processes = [
        subprocess.Popen(
            command,
            env=os.environ | together | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    assert [(process.communicate(timeout=500)[1], process.returncode)[1] for process in processes] == [0, 0]
    one, two = weights(done / "model"), weights(tmp_path / "run" / "model")
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-3


ENCODER = """
import pathlib
from plainfilm.nn.image.compact import *
pathlib.Path(__file__).with_suffix(".ran").touch()
"""


def of_own_code(folder: Path, name: str = "own.py") -> str:
    (folder / name).write_text(ENCODER)
    return str(folder / name)


def test_code_that_the_recipe_names_runs_through_all_stages(collection: Collection, tmp_path: Path) -> None:
    values = with_stages({}, FROZEN)
    values["model"]["image"]["use"] = of_own_code(tmp_path)
    file = write(tmp_path, values)
    go(file, collection, tmp_path / "run")
    go(file, collection, tmp_path / "run", resume=True)


def test_code_that_only_the_run_names_is_refused(
    recipe: Path, done: Path, collection: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = of_own_code(done.parent, "evil.py")
    file = done / "recipe.yaml"
    before = file.read_text()
    file.write_text(before.replace("image:\n      use: compact\n", f"image:\n      use: {evil}\n"))
    try:
        assert file.read_text() != before
        assert main.run([*arguments(recipe, collection, done), "--resume"]) == 2
        said = capsys.readouterr().err
        assert "allow it with --trust-code" in said
        assert "model.image.use" in said
        assert not Path(evil).with_suffix(".ran").exists()
        assert main.run([*arguments(recipe, collection, done), "--resume", "--trust-code"]) == 2
        assert "the run was started with" in capsys.readouterr().err
    finally:
        file.write_text(before)


def test_code_that_only_an_earlier_stage_names_is_refused(
    collection: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that was put below the run is not one that the run trained."""
    file, out = write(tmp_path, with_stages({}, FROZEN)), tmp_path / "run"
    assert killed(("runner", "train", 2), arguments(file, collection, out)) == -signal.SIGKILL
    evil, config = of_own_code(tmp_path, "evil.py"), out / "stage-1" / "model" / "config.json"
    values = json.loads(config.read_text())
    values["architecture"]["image"]["use"] = evil
    config.write_text(json.dumps(values))
    assert main.run([*arguments(file, collection, out), "--resume"]) == 2
    assert "allow it with --trust-code" in capsys.readouterr().err
    assert not Path(evil).with_suffix(".ran").exists()


@pytest.mark.parametrize("key", ["objective", "validation.evaluators", "model.text"])
def test_code_in_the_folder_of_a_run_without_stages_is_refused(
    key: str, collection: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = write(tmp_path, COMMON), tmp_path / "run"
    command = arguments(file, collection, out, "training.max_steps=1")
    assert main.run(command) == 0
    evil = of_own_code(tmp_path, "evil.py")
    values = yaml.safe_load((out / "recipe.yaml").read_text())
    poison = {
        "objective": {"objective": {"use": evil}},
        "validation.evaluators": {"validation": {**values["validation"], "evaluators": [{"use": evil}]}},
        "model.text": {"model": {**values["model"], "text": {"use": evil}}},
    }
    (out / "recipe.yaml").write_text(yaml.safe_dump(values | poison[key]))
    assert main.run([*command, "--resume"]) == 2
    said = capsys.readouterr().err
    assert key in said
    assert "allow it with --trust-code" in said
    assert not Path(evil).with_suffix(".ran").exists()

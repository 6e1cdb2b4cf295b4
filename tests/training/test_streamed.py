"""Training from object storage, and going on with another number of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plainfilm.collection import Collection
from plainfilm.training import trainer
from plainfilm.training.log import read_log
from plainfilm.training.recipe import Recipe
from tests.s3_server import BUCKET, Fault
from tests.training.test_trainer import assert_same_weights, train_killed, weights

Tiny = Callable[..., Recipe]
STREAMED = ["data.cache=null", "training.epochs=1"]


@pytest.fixture
def stored(collection: Collection, s3: Any) -> Path:
    """The collection in object storage."""
    s3.upload(collection.path, "corpus/collection")
    return Path(f"s3://{BUCKET}/corpus/collection")


def test_streamed_films_give_the_same_weights(
    tiny: Tiny, collection: Collection, stored: Path, s3: Any, tmp_path: Path
) -> None:
    trainer.train(tiny(*STREAMED), [collection], tmp_path / "local")
    s3.faults = [Fault("500", 2, key=".jpg"), Fault("truncated", 2, key=".jpg")]
    trainer.train(tiny(*STREAMED), [Collection.open(stored)], tmp_path / "streamed")
    assert not any(fault.times for fault in s3.faults)
    assert_same_weights(tmp_path / "local", tmp_path / "streamed")


@pytest.mark.slow
def test_killed_in_an_epoch_it_streams_on(
    tiny: Tiny, recipe_file: Path, collection: Collection, stored: Path, tmp_path: Path
) -> None:
    overrides = [*STREAMED, "training.checkpoint_steps=1"]
    trainer.train(tiny(*overrides), [collection], tmp_path / "whole")
    arguments = ["train", str(recipe_file), "--data", f"s3://{BUCKET}/corpus/collection"]
    arguments += ["--out", str(tmp_path / "killed"), *overrides]
    assert train_killed(2, arguments) == -signal.SIGKILL
    trainer.train(tiny(*overrides), [Collection.open(stored)], tmp_path / "killed", resume=True)
    assert_same_weights(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_another_number_of_processes_goes_on(
    before: int, after: int, tiny: Tiny, recipe_file: Path, collection: Collection, tmp_path: Path
) -> None:
    steady = ["model.image.name=test_vit", "model.image.image_size=32", "training.batch_size=15"]
    steady += ["training.optimizer=sgd", "training.learning_rate=0.05", "training.precision=fp32"]
    steady += ["training.checkpoint_steps=1"]
    trainer.train(tiny(*steady), [collection], tmp_path / "whole")
    arguments = ["train", str(recipe_file), "--data", str(collection.path), "--out", str(tmp_path / "run")]
    arguments += steady
    assert _killed(before, 5, arguments, tmp_path) != 0
    _run(after, [*arguments, "--resume"])
    whole, found = (_losses(tmp_path / name) for name in ("whole", "run"))
    assert sorted(found) == sorted(whole)
    assert found == pytest.approx(whole, rel=1e-4)
    import torch

    one, other = weights(tmp_path / "whole"), weights(tmp_path / "run")
    for key, value in one.items():
        torch.testing.assert_close(other[key], value, rtol=1e-4, atol=1e-5)


def _losses(run: Path) -> dict[int, float]:
    """The loss of every step."""
    return {line["step"]: line["loss"] for line in read_log(run / "log.jsonl") if line["event"] == "step"}


def _launcher(processes: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nproc-per-node={processes}",
        "--master-port=29531",
    ]


def _killed(processes: int, calls: int, arguments: list[str], folder: Path) -> int:
    if processes == 1:
        return train_killed(calls, arguments)
    from tests.training.test_trainer import KILL_AFTER

    script = folder / "killed.py"
    script.write_text(KILL_AFTER.format(module="trainer", name="train_step"))
    command = [*_launcher(processes), str(script), str(calls), *arguments]
    return subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True).returncode


def _run(processes: int, arguments: list[str]) -> None:
    starts = _launcher(processes) if processes > 1 else [sys.executable]
    command = [*starts, "-m", "plainfilm", *arguments]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})

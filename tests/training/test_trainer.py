"""The training loop: what it writes, when it stops, and that it repeats and resumes exactly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from plainfilm.batches.pixel_cache import open_or_build
from plainfilm.batches.resizing import resize_to as fit
from plainfilm.collection import Collection
from plainfilm.errors import ConfigError, LeakageError, MissingDependency, ModelError, UsageError
from plainfilm.model_folder import load_model
from plainfilm.predictor import load
from plainfilm.training import trainer
from plainfilm.training.log import read_log
from plainfilm.training.recipe import Recipe

Tiny = Callable[..., Recipe]

KILL_AFTER = """
import os, signal, sys
from plainfilm.cli import main
from plainfilm.training import {module}
real, left = {module}.{name}, [int(sys.argv[1])]
def killing(*args, **kwargs):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)
{module}.{name} = killing
main.main(sys.argv[2:])
"""
"""Runs the command line and kills itself at the n-th call of one function."""


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "last" / "model.safetensors")


def assert_same_weights(first: Path, second: Path) -> None:
    one, other = weights(first), weights(second)
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []


def train_killed(calls: int, arguments: list[str], module: str = "trainer", name: str = "train_step") -> int:
    script = KILL_AFTER.format(module=module, name=name)
    command = [sys.executable, "-c", script, str(calls), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.run(command, env=environment, capture_output=True).returncode


def test_writes_models_recipe_and_log(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    best = trainer.train(tiny(), [collection], tmp_path / "run")
    assert best == tmp_path / "run" / "model"
    loaded = load_model(tmp_path / "run" / "last")
    assert loaded.config.recipe == tiny().as_dict()
    assert loaded.config.collections[0].fingerprint == collection.fingerprint


def test_loss_falls(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny("training.epochs=12"), [collection], tmp_path / "run")
    losses = [line["loss"] for line in read_log(tmp_path / "run" / "log.jsonl") if line["event"] == "step"]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_log_tells_every_step(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny("objective.use=self_distillation"), [collection], tmp_path / "run")
    log = read_log(tmp_path / "run" / "log.jsonl")
    steps = [line for line in log if line["event"] == "step"]
    assert [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6]
    assert [line["epoch"] for line in steps] == [1, 1, 1, 2, 2, 2]
    named = {"loss", "infonce", "distillation", "rates", "gradient_norm", "items_per_second"}
    assert named <= set(steps[0])
    assert steps[2]["rates"]["image"] == pytest.approx(0.001)
    assert log[0]["event"] == "start"
    assert log[-1]["event"] == "end"


def test_the_model_reads_films_as_validation_did(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    recipe = tiny("training.max_steps=1")
    best = trainer.train(recipe, [collection], tmp_path / "run")
    predictor = load(best)
    films = collection.table("images")["path"].to_pylist()[:4]
    pixels = open_or_build(collection, 48, [tmp_path / "run" / "cache"])
    for row, film in enumerate(films):
        assert np.array_equal(
            predictor._films._prepare(collection.image_path(film)).square,
            fit(pixels.film(row), recipe.preprocessing),
        )


def test_same_seed_same_bits(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny(), [collection], tmp_path / "first")
    trainer.train(tiny("data.workers=0"), [collection], tmp_path / "second")
    assert_same_weights(tmp_path / "first", tmp_path / "second")


def test_other_seed_other_weights(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny(), [collection], tmp_path / "first")
    trainer.train(tiny("seed=1"), [collection], tmp_path / "second")
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert not torch.equal(first["image_projection.weight"], second["image_projection.weight"])


def test_nothing_global_is_seeded(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    trainer.train(tiny("training.max_steps=2"), [collection], tmp_path / "run")
    assert torch.equal(before, torch.random.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()


def killed_and_resumed(
    calls: int, recipe_file: Path, collection: Collection, run: Path, overrides: list[str]
) -> None:
    arguments = ["train", str(recipe_file), "--data", str(collection.path), "--out", str(run), *overrides]
    assert train_killed(calls, arguments) == -signal.SIGKILL
    from plainfilm.cli import main

    assert main.run([*arguments, "--resume"]) == 0


def test_killed_and_resumed_ends_in_the_same_bits(
    tiny: Tiny, recipe_file: Path, collection: Collection, tmp_path: Path
) -> None:
    overrides = ["objective.use=self_distillation", "training.checkpoint_steps=1"]
    trainer.train(tiny(*overrides), [collection], tmp_path / "whole")
    killed_and_resumed(5, recipe_file, collection, tmp_path / "killed", overrides)
    assert_same_weights(tmp_path / "whole", tmp_path / "killed")
    steps = [line["step"] for line in read_log(tmp_path / "killed/log.jsonl") if line["event"] == "step"]
    assert steps == [1, 2, 3, 4, 5, 6]


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, 2, 3, 4, 5, 6])
def test_killed_at_any_step(
    calls: int, tiny: Tiny, recipe_file: Path, collection: Collection, tmp_path: Path
) -> None:
    overrides = ["training.batch_size=8", "training.accumulate=2", "training.checkpoint_steps=2"]
    overrides += ["training.max_grad_norm=1.0", "training.sub_batch_size=3", "validation.metric=recall@3"]
    overrides += ["training.batch_norm=slices"]
    trainer.train(tiny(*overrides), [collection], tmp_path / "whole")
    killed_and_resumed(calls, recipe_file, collection, tmp_path / "killed", overrides)
    assert_same_weights(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "calls"), [("save_state", 1), ("save_state", 2), ("save_model", 1), ("save_model", 3)]
)
def test_killed_while_saving(
    name: str, calls: int, tiny: Tiny, recipe_file: Path, collection: Collection, tmp_path: Path
) -> None:
    trainer.train(tiny(), [collection], tmp_path / "whole")
    run = tmp_path / "killed"
    arguments = ["train", str(recipe_file), "--data", str(collection.path), "--out", str(run)]
    assert train_killed(calls, arguments, name=name) == -signal.SIGKILL
    trainer.train(tiny(), [collection], run, resume=True)
    assert_same_weights(tmp_path / "whole", run)


def test_resuming_a_finished_run_changes_nothing(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny(), [collection], tmp_path / "run")
    before = weights(tmp_path / "run")
    trainer.train(tiny(), [collection], tmp_path / "run", resume=True)
    assert all(torch.equal(before[key], value) for key, value in weights(tmp_path / "run").items())


def test_taken_folder_is_refused(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists already; continue with --resume"):
        trainer.train(tiny(), [collection], tmp_path / "run")


def test_resuming_with_another_recipe_is_refused(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny("training.max_steps=1"), [collection], tmp_path / "run")
    changed = tiny("training.max_steps=1", "training.learning_rate=0.01")
    with pytest.raises(UsageError, match=r"started with training.learning_rate=0.001, now it is 0.01"):
        trainer.train(changed, [collection], tmp_path / "run", resume=True)


def test_shared_patients_are_refused(tiny: Tiny, leaking_collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(LeakageError, match="p0"):
        trainer.train(tiny(), [leaking_collection], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_frozen_image_encoder_does_not_change(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    frozen = "parts.image.freeze=true"
    trainer.train(tiny(frozen, "training.max_steps=1"), [collection], tmp_path / "short")
    trainer.train(tiny(frozen), [collection], tmp_path / "long")
    short, long = weights(tmp_path / "short"), weights(tmp_path / "long")
    changed = {key.split(".")[0] for key in short if not torch.equal(short[key], long[key])}
    assert changed == {"image_projection", "text", "text_projection", "log_scale"}


def test_frozen_text_layers_do_not_change(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    frozen = "parts.text.freeze=0"
    trainer.train(tiny(frozen, "training.max_steps=1"), [collection], tmp_path / "short")
    trainer.train(tiny(frozen), [collection], tmp_path / "long")
    short, long = weights(tmp_path / "short"), weights(tmp_path / "long")
    changed = {key for key in short if not torch.equal(short[key], long[key]) and key.startswith("text.")}
    assert changed
    assert not any("embeddings" in key for key in changed)


def test_stops_early_and_keeps_the_best(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    overrides = ["training.epochs=9", "training.learning_rate=10.0", "validation.patience=2"]
    trainer.train(tiny(*overrides, "training.max_grad_norm=0.5"), [collection], tmp_path / "run")
    log = read_log(tmp_path / "run" / "log.jsonl")
    measured = [line for line in log if line["event"] == "validation"]
    assert len(measured) < 9
    best = min(measured, key=lambda line: line["loss"])
    assert [line["is_best"] for line in measured[-2:]] == [False, False]
    assert load_model(tmp_path / "run" / "model").config.scores["step"] == best["step"]


def test_validation_every_so_many_steps(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny("validation.every=4"), [collection], tmp_path / "run")
    log = read_log(tmp_path / "run" / "log.jsonl")
    assert [line["step"] for line in log if line["event"] == "validation"] == [4, 6]


def test_unknown_metric_is_named(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown validation.metric 'acuracy': did you mean 'accuracy'"):
        trainer.train(tiny("validation.metric=acuracy"), [collection], tmp_path / "run")


def test_loss_that_is_no_number_names_step_and_items(
    tiny: Tiny, collection: Collection, tmp_path: Path
) -> None:
    wild = tiny("training.learning_rate=1e30", "training.optimizer=sgd", "training.warmup_epochs=0")
    with pytest.raises(ModelError, match=r"at step 2 \(epoch 1, items .*\): lower training.learning_rate"):
        trainer.train(wild, [collection], tmp_path / "run")
    assert not (tmp_path / "run" / "training_state.pt").exists()


def test_objectives_that_add_up_are_logged_apart(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    both = "objective=[{use: infonce}, {use: self_distillation, weight: 0.5}]"
    chosen = "validation.metric=infonce/accuracy"
    trainer.train(
        tiny(both, chosen, "training.sub_batch_size=4", "training.batch_norm=slices"),
        [collection],
        tmp_path / "run",
    )
    log = read_log(tmp_path / "run" / "log.jsonl")
    step = next(line for line in log if line["event"] == "step")
    assert {"infonce/accuracy", "self_distillation/distillation"} <= step.keys()
    parts = step["infonce/loss"] + 0.5 * step["self_distillation/loss"]
    assert step["loss"] == pytest.approx(parts, rel=1e-4)
    measured = [line["infonce/accuracy"] for line in log if line["event"] == "validation"]
    assert log[-1]["best"] == max(measured)


def test_accumulation_makes_fewer_steps(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    trainer.train(tiny("training.accumulate=2"), [collection], tmp_path / "run")
    steps = [line for line in read_log(tmp_path / "run" / "log.jsonl") if line["event"] == "step"]
    assert [line["step"] for line in steps] == [1, 2, 3, 4]


def test_trains_without_a_validation_split(
    tiny: Tiny, train_only_collection: Collection, tmp_path: Path
) -> None:
    best = trainer.train(tiny("training.max_steps=2"), [train_only_collection], tmp_path / "run")
    assert torch.equal(
        load_file(best / "model.safetensors")["log_scale"], weights(tmp_path / "run")["log_scale"]
    )


def test_patience_without_a_validation_split_is_refused(
    tiny: Tiny, train_only_collection: Collection, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no validation split"):
        trainer.train(tiny("validation.patience=1"), [train_only_collection], tmp_path / "run")


def test_missing_tracker_is_named(
    tiny: Tiny, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plainfilm.training.log.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"pip install 'wandb>=0.18'"):
        trainer.train(tiny("trackers=[wandb]"), [collection], tmp_path / "run")


def test_tensorboard_and_mlflow_write_offline(
    tiny: Tiny, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    trainer.train(tiny("trackers=[tensorboard, mlflow]"), [collection], tmp_path / "run")
    assert list((tmp_path / "run").rglob("events.out.tfevents.*"))
    assert list((tmp_path / "run").rglob("train/loss"))
    assert "MLFLOW_TRACKING_URI" not in os.environ


@pytest.mark.slow
def test_two_processes_give_the_same_as_one(
    tiny: Tiny, recipe_file: Path, collection: Collection, tmp_path: Path
) -> None:
    # Not Adam: it blows the rounding of gradients that are truly zero (key biases) up to whole steps.
    steady = ["model.image.name=test_vit", "model.image.image_size=32", "training.batch_size=15"]
    steady += ["training.optimizer=sgd", "training.learning_rate=0.05", "training.precision=fp32"]
    trainer.train(tiny(*steady), [collection], tmp_path / "one")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29517"]
    command = ["train", str(recipe_file), "--data", str(collection.path), "--out", str(tmp_path / "two")]
    subprocess.run([*launcher, "-m", "plainfilm", *command, *steady], check=True, capture_output=True)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5)

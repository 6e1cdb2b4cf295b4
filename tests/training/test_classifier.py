"""A classifier through the one trainer: it learns, resumes, shares batches, and starts from a model."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from plainfilm.collection import Collection
from plainfilm.collection.leaks import patient_keys
from plainfilm.errors import ConfigError, DataError, LeakageError, UsageError
from plainfilm.nn.classifier import Classifier
from plainfilm.nn.model_folder import PATIENTS_FILE, load_model
from plainfilm.progress import SILENT, Silent
from plainfilm.training import trainer
from plainfilm.training.log import read_log
from plainfilm.training.recipe import Recipe, load_recipe
from plainfilm.training.setup import build_data, build_model
from plainfilm.training.start import Start, read_start
from tests.labelled import OBSERVATIONS, labelled_collection
from tests.training.test_trainer import assert_same_weights, train_killed

SMALL = ["image.width=6", "image.grid=2", "preprocessing.size=32", "data.cache=48", "data.workers=1"]
SHORT = [*SMALL, "training.epochs=2", "training.batch_size=24"]
STARTED = ["training.max_steps=4", "training.warmup_steps=1", "validation.every=2", "training.batch_size=16"]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return labelled_collection(tmp_path_factory.mktemp("labelled"))


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """The tiny classifier's recipe, smaller still, with overrides."""
    return lambda *overrides: load_recipe("classifier-tiny", [*SHORT, *overrides])


@pytest.fixture(scope="module")
def first(labelled: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of some epochs."""
    run = tmp_path_factory.mktemp("first") / "run"
    longer = load_recipe("classifier-tiny", [*SHORT, "training.epochs=14", "training.rate=0.003"])
    trainer.train(longer, [labelled], run)
    return run


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def _without_patients(model: Path, folder: Path) -> Start:
    """A start from a copy of `model` that does not say whom it was trained on."""
    import shutil

    shutil.copytree(model, folder)
    (folder / PATIENTS_FILE).unlink()
    return read_start(folder)


def test_it_learns_what_can_be_seen(first: Path) -> None:
    log = read_log(first / "log.jsonl")
    losses = [line["loss"] for line in log if line["event"] == "step"]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
    loaded = load_model(first / "model")
    assert isinstance(loaded.model, Classifier)
    assert loaded.model.observations == OBSERVATIONS
    assert loaded.config.scores["validation auroc_macro"] == log[-1]["best"]


def test_the_best_is_the_highest_auroc_and_the_start_counts_positives(first: Path) -> None:
    log = read_log(first / "log.jsonl")
    measured = [line["auroc_macro"] for line in log if line["event"] == "validation"]
    assert log[-1]["best"] == max(measured)
    assert log[0]["positives"] == {"Bright": 36, "Line": 24, "Rare": 2, "Unsure": 18}
    assert log[0]["patients"] == 36


def test_killed_and_resumed_ends_in_the_same_bits(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    overrides = ["training.checkpoint_steps=1", "objective.balance=positives"]
    trainer.train(recipe(*overrides), [labelled], tmp_path / "whole")
    run = tmp_path / "killed"
    arguments = ["train", "classifier-tiny", "--data", str(labelled.path), "--out", str(run)]
    assert train_killed(4, [*arguments, *SHORT, *overrides]) == -signal.SIGKILL
    trainer.train(recipe(*overrides), [labelled], run, resume=True)
    assert_same_weights(tmp_path / "whole", run)


@pytest.mark.slow
def test_two_processes_give_the_same_as_one(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    steady = ["training.optimizer=sgd", "training.rate=0.05", "training.precision=fp32", "image.dropout=0.2"]
    trainer.train(recipe(*steady), [labelled], tmp_path / "one")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29519"]
    command = ["train", "classifier-tiny", "--data", str(labelled.path), "--out", str(tmp_path / "two")]
    subprocess.run([*launcher, "-m", "plainfilm", *command, *SHORT, *steady], check=True, capture_output=True)
    one, two = (load_file(tmp_path / name / "last" / "model.safetensors") for name in ("one", "two"))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5)
    logs = [read_log(tmp_path / name / "log.jsonl")[-1]["best"] for name in ("one", "two")]
    assert logs[0] == pytest.approx(logs[1])


def test_steps_do_not_depend_on_the_share(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    by_steps = ["training.epochs=null", "training.max_steps=7", "validation.every=3", "data.share=0.2"]
    trainer.train(recipe(*by_steps), [labelled], tmp_path / "run")
    log = read_log(tmp_path / "run" / "log.jsonl")
    assert [line["step"] for line in log if line["event"] == "validation"] == [3, 6, 7]
    assert (log[0]["patients"], log[0]["items"]) == (7, 14)
    assert log[-1]["step"] == 7


def test_shares_are_nested_by_patient_and_leave_validation_whole(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    def patients(share: float) -> set[str]:
        data = build_data(recipe(f"data.share={share}"), [labelled], tmp_path, SILENT)
        assert data.validation is not None
        assert len(data.validation) == 24
        assert data.observations == OBSERVATIONS
        return set(data.train.rows.patients)

    small, large = patients(0.1), patients(0.5)
    assert (len(small), len(large)) == (4, 18)
    assert small < large


def test_a_share_without_a_positive_says_so(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    heard = Heard()
    build_data(recipe("data.share=0.01"), [labelled], tmp_path, heard)
    assert any(line.startswith("train: 2 items") and "no positive of" in line for line in heard.lines)


def test_observations_may_be_chosen(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    chosen = recipe("data.observations=[Line, Bright]")
    assert build_data(chosen, [labelled], tmp_path, SILENT).observations == ("Line", "Bright")
    with pytest.raises(DataError, match=r"no label of 'Brigt': did you mean 'Bright'"):
        build_data(recipe("data.observations=[Brigt]"), [labelled], tmp_path, SILENT)


def test_labels_of_nobody_name_the_origins(
    recipe: Callable[..., Recipe], collection: Collection, tmp_path: Path
) -> None:
    with pytest.raises(
        DataError, match=r"without labels of the corpus itself \(there are: -\).*label_origin"
    ):
        trainer.train(recipe(), [collection], tmp_path / "run")


def test_a_start_gives_the_encoder_and_what_belongs_to_it(first: Path) -> None:
    start = read_start(first / "model")
    recipe = start.recipe("finetune-linear", STARTED)
    assert (recipe.image["width"], recipe.preprocessing.size, recipe.data.cache) == (6, 32, 48)
    assert recipe.init == load_model(first / "model").config.fingerprint
    model = build_model(recipe, 0, 0, ["Edema"], start)
    stored = load_file(first / "model" / "model.safetensors")
    for name, value in model.image.state_dict().items():
        assert torch.equal(value, stored[f"image.{name}"])
    assert not any(parameter.requires_grad for parameter in model.image_parameters())


def test_the_image_encoder_of_a_dual_encoder_is_taken_without_its_text(tiny_model: Path) -> None:
    start = read_start(tiny_model)
    recipe = start.recipe("finetune-full", STARTED)
    model = build_model(recipe, 0, 0, OBSERVATIONS, start)
    stored = load_file(tiny_model / "model.safetensors")
    assert recipe.image["name"] == "test_resnet"
    assert torch.equal(
        model.image.state_dict()["backbone.conv1.0.weight"], stored["image.backbone.conv1.0.weight"]
    )
    assert {name.split(".")[0] for name in model.state_dict()} == {"image", "head"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("preprocessing.size=24", "'preprocessing' is .* it comes with the weights of --init"),
        ("image={use: compact, width: 8}", "'image' is .* it comes with the weights of --init"),
        ("data.cache=64", "reads films at 48 px: set data.cache=48"),
        ("init=abc", "'init' is abc"),
    ],
)
def test_nothing_may_contradict_the_start(override: str, message: str, first: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_start(first / "model").recipe("finetune-full", [override])


def test_a_linear_layer_is_all_that_changes(first: Path, labelled: Collection, tmp_path: Path) -> None:
    start = _without_patients(first / "model", tmp_path / "start")
    trainer.train(start.recipe("finetune-linear", STARTED), [labelled], tmp_path / "run", start=start)
    before, after = (load_file(f / "model.safetensors") for f in (first / "model", tmp_path / "run" / "last"))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"head.weight", "head.bias"}


def test_whom_the_start_was_trained_on_stays_known(first: Path, labelled: Collection, tmp_path: Path) -> None:
    start = read_start(first / "model")
    recipe = start.recipe("finetune-linear", [*STARTED, "data.share=0.5"])
    trainer.train(recipe, [labelled], tmp_path / "run", start=start)
    loaded = load_model(tmp_path / "run" / "model")
    assert np.array_equal(loaded.patients, patient_keys([(labelled, "train")]))
    assert [one.name for one in loaded.config.collections] == ["collection"]


def test_a_start_that_saw_test_patients_is_refused(first: Path, labelled: Collection, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(first / "model", tmp_path / "model")
    np.save(tmp_path / "model" / PATIENTS_FILE, patient_keys([(labelled, "test")]))
    start = read_start(tmp_path / "model")
    with pytest.raises(LeakageError, match="the training data of the model"):
        trainer.train(start.recipe("finetune-linear", STARTED), [labelled], tmp_path / "run", start=start)
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_starts_from_a_model_needs_it(
    first: Path, labelled: Collection, tmp_path: Path
) -> None:
    recipe = read_start(first / "model").recipe("finetune-linear", STARTED)
    with pytest.raises(UsageError, match=r"starts from model .*: train it with `plainfilm finetune"):
        trainer.train(recipe, [labelled], tmp_path / "run")


def test_an_auroc_that_cannot_be_computed_is_no_metric(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    few = recipe("validation.items=2", "data.observations=[Rare]")
    with pytest.raises(
        DataError, match=r"'auroc_macro' cannot be computed on the validation split.*metric=loss"
    ):
        trainer.train(few, [labelled], tmp_path / "run")


def test_the_folder_has_no_tokenizer(first: Path) -> None:
    assert not (first / "tokenizer").exists()
    assert json.loads((first / "model" / "config.json").read_text())["vocabulary_size"] == 0

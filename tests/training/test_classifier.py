"""A classifier through the one trainer: it learns, resumes, and shares batches."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from plainfilm.collection import Collection
from plainfilm.errors import DataError
from plainfilm.model_folder import load_model
from plainfilm.models.classifier import Classifier
from plainfilm.progress import SILENT, Silent
from plainfilm.training import trainer
from plainfilm.training.data import build_data
from plainfilm.training.log import read_log
from plainfilm.training.recipe import Recipe, load_recipe
from tests.labelled import OBSERVATIONS
from tests.training.conftest import SHORT
from tests.training.test_trainer import assert_same_weights, train_killed


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """The tiny classifier's recipe, smaller still, with overrides."""
    return lambda *overrides: load_recipe("classifier-tiny", [*SHORT, *overrides])


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


def test_it_learns_what_can_be_seen(first: Path) -> None:
    log = read_log(first / "log.jsonl")
    losses = [line["loss"] for line in log if line["event"] == "step"]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
    loaded = load_model(first / "model")
    assert isinstance(loaded.model, Classifier)
    assert loaded.model.facts.observations == OBSERVATIONS
    assert loaded.config.scores["validation auroc_macro"] == log[-1]["best"]


def test_the_best_is_the_highest_auroc_and_the_start_counts_positives(first: Path) -> None:
    log = read_log(first / "log.jsonl")
    measured = [line["auroc_macro"] for line in log if line["event"] == "validation"]
    assert log[-1]["best"] == max(measured)
    assert log[0]["positives"] == {"Bright": 36, "Line": 24, "Rare": 2, "Unsure": 18}
    assert log[0]["patients"] == 36


@pytest.mark.slow
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
    steady = [
        "training.optimizer=sgd",
        "training.learning_rate=0.05",
        "training.precision=fp32",
        "model.image.dropout=0.2",
    ]
    trainer.train(recipe(*steady), [labelled], tmp_path / "one")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29519"]
    command = ["train", "classifier-tiny", "--data", str(labelled.path), "--out", str(tmp_path / "two")]
    subprocess.run([*launcher, "-m", "plainfilm", *command, *SHORT, *steady], check=True, capture_output=True)
    one, two = (load_file(tmp_path / name / "last" / "model.safetensors") for name in ("one", "two"))
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5)
    logs = [read_log(tmp_path / name / "log.jsonl")[-1]["best"] for name in ("one", "two")]
    assert logs[0] == pytest.approx(logs[1])


def test_steps_do_not_depend_on_the_fraction(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    by_steps = ["training.epochs=null", "training.max_steps=7", "validation.every=3", "data.fraction=0.2"]
    trainer.train(recipe(*by_steps), [labelled], tmp_path / "run")
    log = read_log(tmp_path / "run" / "log.jsonl")
    assert [line["step"] for line in log if line["event"] == "validation"] == [3, 6, 7]
    assert (log[0]["patients"], log[0]["items"]) == (7, 14)
    assert log[-1]["step"] == 7


def test_fractions_are_nested_by_patient_and_leave_validation_whole(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    def patients(fraction: float) -> set[str]:
        data = build_data(recipe(f"data.fraction={fraction}"), [labelled], tmp_path, SILENT)
        assert data.validation is not None
        assert len(data.validation) == 24
        assert data.observations == OBSERVATIONS
        return set(data.train.rows.patients)

    small, large = patients(0.1), patients(0.5)
    assert (len(small), len(large)) == (4, 18)
    assert small < large


def test_a_fraction_without_a_positive_says_so(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    heard = Heard()
    build_data(recipe("data.fraction=0.01"), [labelled], tmp_path, heard)
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


def test_an_auroc_that_cannot_be_computed_is_no_metric(
    recipe: Callable[..., Recipe], labelled: Collection, tmp_path: Path
) -> None:
    few = recipe("validation.items=2", "data.observations=[Rare]")
    with pytest.raises(
        DataError, match=r"'auroc_macro' cannot be computed on the validation split.*metric=loss"
    ):
        trainer.train(few, [labelled], tmp_path / "run")


def test_the_folder_has_no_tokenizer(first: Path) -> None:
    assert not list(first.rglob("token*"))
    assert json.loads((first / "model" / "config.json").read_text())["facts"]["tokenizers"] == {}

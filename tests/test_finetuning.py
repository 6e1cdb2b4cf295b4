"""`plainfilm finetune`: runs for fractions and repeats, their results and summary, going on after a stop."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.config import read_yaml
from plainfilm.training.recipe import load_recipe
from plainfilm.training.trainer import train
from tests.labelled import labelled_collection

SMALL = [
    "model.image.width=6",
    "model.image.grid=2",
    "preprocessing.size=32",
    "data.cache=48",
    "training.batch_size=24",
]
SHORT = ["training.max_steps=3", "training.warmup_steps=1", "validation.every=2", "training.batch_size=16"]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return labelled_collection(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def model(labelled: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = load_recipe("classifier-tiny", [*SMALL, "training.epochs=6"])
    return train(recipe, [labelled], tmp_path_factory.mktemp("model") / "run")


def command(model: Path, labelled: Collection, out: Path, *more: str) -> list[str]:
    where = ["--init", str(model), "--data", str(labelled.path), "--out", str(out)]
    return ["finetune", "finetune-linear", *where, *SHORT, *more]


@pytest.fixture(scope="module")
def done(model: Path, labelled: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fractions, one of them of a single patient, twice each."""
    out = tmp_path_factory.mktemp("finetuned") / "out"
    assert run(command(model, labelled, out, "--fractions", "0.03,1", "--repeats", "2")) == 0
    return out


def summary(out: Path) -> dict:
    return json.loads((out / "summary.json").read_text())


def test_every_fraction_and_repeat_has_a_run_and_results(done: Path) -> None:
    for place in (
        "fraction-0.03/repeat-0",
        "fraction-0.03/repeat-1",
        "fraction-1/repeat-0",
        "fraction-1/repeat-1",
    ):
        assert (done / place / "model" / "config.json").is_file()
        assert (done / place / "last" / "config.json").is_file()
        assert (done / "results" / place / "results.json").is_file()


def test_fraction_and_seeds_are_part_of_each_recipe(done: Path) -> None:
    recipe = read_yaml(done / "fraction-0.03" / "repeat-1" / "recipe.yaml")
    assert (recipe["data"]["fraction"], recipe["data"]["fraction_seed"], recipe["seed"]) == (0.03, 1, 1)


def test_the_summary_is_the_mean_and_spread_of_the_results(done: Path) -> None:
    document = summary(done)
    for fraction in document["fractions"]:
        runs = [one for one in document["runs"] if one["fraction"] == fraction["fraction"]]
        values = []
        for one in runs:
            test = one["test"]["collection"]
            metrics = json.loads((done / test["results"] / "results.json").read_text())["metrics"]
            found = next(metric for metric in metrics if metric["name"] == "classifier/auroc_macro")
            assert (test["value"], test["low"], test["high"]) == (found["value"], found["low"], found["high"])
            values.append(found["value"])
        assert fraction["mean"] == pytest.approx(statistics.fmean(values))
        assert fraction["standard_deviation"] == pytest.approx(statistics.stdev(values))


def test_a_fraction_too_small_for_an_observation_says_so(done: Path) -> None:
    [first, _, third, _] = summary(done)["runs"]
    assert (first["patients"], third["patients"]) == (1, 36)
    assert first["without_positives"]
    assert third["without_positives"] == []


def test_a_taken_folder_is_refused(model: Path, labelled: Collection, done: Path, capsys) -> None:
    assert run(command(model, labelled, done)) == 2
    assert "exists already; go on with --resume" in capsys.readouterr().err


def test_a_stopped_command_goes_on_with_the_unfinished_run(
    model: Path, labelled: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from plainfilm.training import trainer

    out, left, real = tmp_path / "out", [5], trainer.train_step

    def stopping(*args, **kwargs):  # type: ignore[no-untyped-def]
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(trainer, "train_step", stopping)
    arguments = command(model, labelled, out, "--fractions", "0.5,1")
    assert run(arguments) == 130
    finished = (out / "fraction-0.5" / "repeat-0" / "model" / "model.safetensors").stat().st_mtime_ns
    assert not (out / "summary.json").exists()
    page = out / "fraction-0.5" / "repeat-0" / "index.html"
    page.unlink()
    assert run([*arguments, "--resume"]) == 0
    assert "Finished after step" in page.read_text()
    assert [one["run"] for one in summary(out)["runs"]] == ["fraction-0.5/repeat-0", "fraction-1/repeat-0"]
    assert (out / "fraction-0.5" / "repeat-0" / "model" / "model.safetensors").stat().st_mtime_ns == finished
    assert "fraction 0.5" in capsys.readouterr().out


def test_without_fractions_there_is_one_run(model: Path, labelled: Collection, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(command(model, labelled, out)) == 0
    assert (out / "model" / "config.json").is_file()
    assert (out / "results" / "results.json").is_file()
    assert [one["fraction"] for one in summary(out)["fractions"]] == [1.0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--fractions", "0,1"], "fraction 0: above 0 and at most 1"),
        (["--fractions", "a"], "--fractions 'a': write numbers and commas"),
        (["--fractions", "0.1,0.1"], "several different numbers"),
        (["--repeats", "0"], "repeats is 0: at least 1"),
    ],
)
def test_fractions_that_are_none_are_one_line(
    more: list[str], message: str, model: Path, labelled: Collection, tmp_path: Path, capsys
) -> None:
    assert run(command(model, labelled, tmp_path / "out", *more)) == 2
    assert message in capsys.readouterr().err


def test_a_recipe_of_another_kind_of_model_is_refused(
    labelled: Collection, tiny_model: Path, tmp_path: Path, capsys
) -> None:
    recipe = tmp_path / "clip.yaml"
    recipe.write_text("model: {use: dual_encoder, text: {use: compact}}\nobjective: {use: infonce}\n")
    where = ["--init", str(tiny_model), "--data", str(labelled.path), "--out", str(tmp_path / "out")]
    assert run(["finetune", str(recipe), *where]) == 2
    assert "model of kind 'dual_encoder' does not predict observations" in capsys.readouterr().err

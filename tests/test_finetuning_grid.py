"""The grid of fine-tuning: recipes with stages, other tasks and metrics, code that is not the recipe's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.config import read_yaml
from plainfilm.errors import UsageError
from plainfilm.finetuning import Evaluation, FractionGrid, finetune
from plainfilm.training.recipe import load_recipe
from plainfilm.training.stages import load_stages
from plainfilm.training.trainer import train
from tests.labelled import labelled_collection
from tests.training.staged import different, untrained_classifier

SHORT = ["training.max_steps=2", "training.warmup_steps=1", "validation.every=2", "training.batch_size=16"]

STAGED = {
    "model": {"use": "classifier"},
    "objective": {"use": "classification", "uncertain": "negative"},
    "data": {"augment": False},
    "training": {"epochs": 1, "batch_size": 16},
    "stages": [{"name": "layer", "parts": {"image": {"freeze": True}}}, {"name": "whole"}],
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return labelled_collection(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_classifier(tmp_path_factory.mktemp("model") / "model")


def command(recipe: str | Path, model: Path, labelled: Collection, out: Path, *more: str) -> list[str]:
    where = ["--init", str(model), "--data", str(labelled.path), "--out", str(out)]
    return ["finetune", str(recipe), *where, *more]


@pytest.fixture(scope="module")
def staged(model: Path, labelled: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fractions of a recipe with two stages."""
    root = tmp_path_factory.mktemp("staged")
    (root / "recipe.yaml").write_text(yaml.safe_dump(STAGED))
    assert run(command(root / "recipe.yaml", model, labelled, root / "out", "--fractions", "0.5,1")) == 0
    return root / "out"


def test_every_stage_sees_the_fraction(staged: Path) -> None:
    for fraction in (0.5, 1):
        place = staged / f"fraction-{fraction}" / "repeat-0"
        found = [read_yaml(place / f"stage-{name}" / "recipe.yaml") for name in ("layer", "whole")]
        assert [recipe["data"]["fraction"] for recipe in found] == [fraction, fraction]
        assert different(place / "model", place / "stage-whole" / "model") == []


def test_the_first_stage_starts_from_the_model(staged: Path, model: Path) -> None:
    layer = staged / "fraction-1" / "repeat-0" / "stage-layer"
    assert read_yaml(layer / "recipe.yaml")["parts"]["image"]["from"] == str(model)
    summary = json.loads((staged / "summary.json").read_text())
    assert summary["init"]["image"]["model"] == str(model)
    assert [one["run"] for one in summary["runs"]] == ["fraction-0.5/repeat-0", "fraction-1/repeat-0"]


def test_the_last_stage_is_evaluated_by_its_label_rules(staged: Path) -> None:
    place = staged / "fraction-1" / "repeat-0"
    results = json.loads((staged / "results" / "fraction-1" / "repeat-0" / "results.json").read_text())
    config = json.loads((place / "stage-whole" / "model" / "config.json").read_text())
    assert results["protocol"]["model_fingerprint"] == config["fingerprint"]
    assert results["protocol"]["uncertain"] == "negative"


def test_without_a_model_every_repeat_starts_from_other_random_weights(
    labelled: Collection, tmp_path: Path
) -> None:
    small = "model.image={use: compact, width: 4, grid: 2, channels: 1}"
    words = ["finetune", "finetune-full", "--data", str(labelled.path), "--out", str(tmp_path / "out")]
    size = ["preprocessing.size=32", "preprocessing.channels=1", "data.cache=48", "--repeats", "2"]
    assert run([*words, small, *size, *SHORT]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["init"] == {}
    runs = [tmp_path / "out" / one["run"] / "model" for one in summary["runs"]]
    assert "image.convolutions.0.weight" in different(*runs)


def test_a_run_of_the_grid_is_that_of_the_trainer(model: Path, labelled: Collection, tmp_path: Path) -> None:
    recipe = load_recipe("finetune-linear", SHORT, model)
    finetune(recipe, [labelled], tmp_path / "grid", FractionGrid((0.5,), 2))
    alone = load_recipe(
        "finetune-linear", [*SHORT, "data.fraction=0.5", "data.fraction_seed=1", "seed=1"], model
    )
    train(alone, [labelled], tmp_path / "alone")
    assert (
        different(tmp_path / "grid" / "fraction-0.5" / "repeat-1" / "model", tmp_path / "alone" / "model")
        == []
    )


def test_the_metric_of_the_summary_is_chosen(
    model: Path, labelled: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command("finetune-linear", model, labelled, tmp_path / "out", *SHORT)
    assert run([*arguments, "--metric", "classifier/f2_macro"]) == 2
    assert "no metric 'classifier/f2_macro'" in capsys.readouterr().err
    assert run([*arguments, "--metric", "classifier/average_precision_macro", "--resume"]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    results = json.loads((tmp_path / "out" / "results" / "results.json").read_text())
    value = next(m["value"] for m in results["metrics"] if m["name"] == "classifier/average_precision_macro")
    assert (summary["metric"], summary["fractions"][0]["mean"]) == (
        "classifier/average_precision_macro",
        value,
    )
    assert run([*arguments, "--resume"]) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["metric"] == "classifier/auroc_macro"


def test_the_task_is_chosen(model: Path, labelled: Collection, tmp_path: Path) -> None:
    recipe = load_recipe("finetune-linear", SHORT, model)
    evaluation = Evaluation("linear_probe", settings={"resamples": 100})
    summary = finetune(recipe, [labelled], tmp_path / "out", evaluation=evaluation)
    assert (summary["task"], summary["runs"][0]["test"]["collection"]["n"]) == ("linear_probe", 24)


def test_a_task_that_the_model_cannot_do_is_refused(
    model: Path, labelled: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command("finetune-linear", model, labelled, tmp_path / "out", *SHORT)
    assert run([*arguments, "--task", "zero_shot"]) == 2
    assert "model of kind 'classifier' does not encode texts or prompts" in capsys.readouterr().err
    assert run([*arguments, "--task", "clasification"]) == 2
    assert "unknown task 'clasification': did you mean" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_settings_of_the_task_are_checked_first(model: Path, labelled: Collection, tmp_path: Path) -> None:
    recipe = load_recipe("finetune-linear", SHORT, model)
    with pytest.raises(Exception, match="unknown key 'treshold'"):
        finetune(recipe, [labelled], tmp_path / "out", evaluation=Evaluation(settings={"treshold": "f1"}))


def poison(config: Path, code: Path) -> None:
    """Makes the model in a folder name code."""
    code.write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    values = json.loads(config.read_text())
    values["architecture"]["image"]["use"] = str(code)
    config.write_text(json.dumps(values))


@pytest.mark.parametrize("results", ["there", "gone"])
def test_code_of_a_model_below_the_folder_is_refused(
    results: str, model: Path, labelled: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, evil = tmp_path / "out", tmp_path / "evil.py"
    arguments = command("finetune-linear", model, labelled, out, *SHORT)
    assert run(arguments) == 0
    poison(out / "model" / "config.json", evil)
    if results == "gone":
        (out / "results" / "results.json").unlink()
    assert run([*arguments, "--resume"]) == 2
    said = capsys.readouterr().err
    assert "'architecture.image.use' is foreign code" in said
    assert "--trust-code" in said
    assert not evil.with_suffix(".ran").exists()
    run([*arguments, "--resume", "--trust-code"])
    assert evil.with_suffix(".ran").exists()


def test_code_that_the_recipe_names_is_run_when_its_model_is_evaluated(
    labelled: Collection, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text("from plainfilm.nn.image.compact import *\n")
    image = {"use": str(tmp_path / "own.py"), "width": 4, "grid": 2}
    values = {
        **STAGED,
        "model": {"use": "classifier", "image": image},
        "preprocessing": {"size": 32, "channels": 1},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    recipe = load_stages(tmp_path / "recipe.yaml")
    for resume in (False, True):
        summary = finetune(recipe, [labelled], tmp_path / "out", resume=resume)
        assert summary["runs"][0]["test"]["collection"]["value"] is not None


def test_a_taken_folder_is_refused(staged: Path, labelled: Collection, model: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        finetune(load_recipe("finetune-linear", SHORT, model), [labelled], staged)

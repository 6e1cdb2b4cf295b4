"""A benchmark: cells that are run once, reasons for those that are not, one table."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from plainfilm.benchmark import cells
from plainfilm.cli.main import run
from plainfilm.errors import CollectionError, ConfigError, UsageError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models import pair_scorer
from plainfilm.models.base import Facts, build_model
from plainfilm.results.reading import read_document
from plainfilm.text.tokenizers import Tokenizer
from tests.labelled import labelled_collection

QUICK = ["retrieval.k=2", "retrieval.directions=[image->report]", "--resamples", "100"]


@pytest.fixture(scope="module")
def models(tiny_model: Path, tiny_classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A dual encoder, the same under another name, and a classifier."""
    folder = tmp_path_factory.mktemp("benchmarked")
    names = {"first": tiny_model, "second": tiny_model, "third": tiny_classifier}
    return [str(shutil.copytree(path, folder / name / "model")) for name, path in names.items()]


@pytest.fixture(scope="module")
def out(models: list[str], small_world, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmark") / "out"
    data = ["--data", str(small_world.path), "--task", "retrieval", "--task", "grounding"]
    assert run(["benchmark", *models, *data, "--out", str(out), *QUICK]) == 0
    return out


def pair_scorer_folder(folder: Path) -> Path:
    """A tiny pair scorer with random weights."""
    tokenizer = Tokenizer.train(
        ["No pleural effusion.", "Large heart."] * 4, vocabulary_size=300, max_tokens=12
    )
    torch.manual_seed(0)
    model = build_model(pair_scorer.TINY, Facts(tokenizers=tokenizer_facts({"text": tokenizer})))
    how = Preprocessing(size=64)
    config = ModelConfig(architecture=pair_scorer.TINY, preprocessing=how)
    save_model(folder, model, {"text": tokenizer}, config)
    return folder


def table(out: Path) -> list[dict[str, str]]:
    with (out / "benchmark.csv").open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_values_are_those_of_the_results_of_each_cell(out: Path) -> None:
    rows = [row for row in table(out) if row["model"] == "first" and row["value"]]
    assert rows
    for row in rows:
        folder = out / "cells" / "first" / row["collection"] / row["task"]
        metric = next(one for one in read_document(folder)["metrics"] if one["name"] == row["score"])
        assert float(row["value"]) == metric["value"]
        assert float(row["low"]) == metric["low"]
        assert int(row["n"]) == metric["n"]


def test_equal_models_share_their_rank(out: Path) -> None:
    ranked = [row for row in table(out) if row["rank"]]
    assert ranked
    assert {(row["rank"], row["rank_low"], row["rank_high"]) for row in ranked} == {("1.5", "1.5", "1.5")}
    assert {float(row["difference"]) for row in ranked if row["difference"]} == {0.0}


def test_what_is_not_run_has_a_reason(out: Path) -> None:
    reasons = {
        (one["model"], one["task"]): one["reason"]
        for one in json.loads((out / "benchmark.json").read_text("utf-8"))["not_run"]
    }
    assert reasons["third", "retrieval"] == "the model lacks: encodes_texts"
    assert "no film of split 'test' has a box" in reasons["first", "grounding"]


def test_a_model_that_scores_pairs_takes_part_by_its_prompts(
    tiny_model: Path, small_world, tmp_path: Path
) -> None:
    pairs = pair_scorer_folder(tmp_path / "pairs")
    tasks = ["--task", "zero_shot", "--task", "retrieval", "retrieval.max_queries=4"]
    tasks += ["zero_shot.observations=[Cardiomegaly]", "zero_shot.views=[PA]"]
    data = ["--data", str(small_world.path), *tasks, "--resamples", "100", "--out", str(tmp_path / "out")]
    assert run(["benchmark", str(tiny_model), str(pairs), *data]) == 0
    zero_shot = [row for row in table(tmp_path / "out") if row["task"] == "zero_shot"]
    assert {row["model"] for row in zero_shot if row["rank"]} == {tiny_model.name, "pairs"}
    document = json.loads((tmp_path / "out" / "benchmark.json").read_text("utf-8"))
    reasons = {one["task"]: one["reason"] for one in document["not_run"] if one["model"] == "pairs"}
    assert reasons["retrieval"] == "the model lacks: encodes_images, encodes_texts"
    assert all(one["seconds"] > 0 for one in document["models"])


def test_the_page_names_models_and_links_to_their_results(out: Path) -> None:
    page = (out / "index.html").read_text("utf-8")
    for model in ("first", "second", "third"):
        assert model in page
    (link,) = {line for line in page.split('"') if line.startswith("cells/first/") and "retrieval" in line}
    assert (out / link).is_file()


def test_a_second_run_evaluates_only_what_is_new(
    out: Path, models: list[str], small_world, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    whole = cells.evaluate
    monkeypatch.setattr(
        cells, "evaluate", lambda module, *rest: asked.append(module.__name__) or whole(module, *rest)
    )
    before = table(out)
    data = ["--data", str(small_world.path), "--task", "retrieval", "--out", str(out)]
    assert run(["benchmark", *models, *data, *QUICK]) == 0
    assert asked == []
    assert [row for row in before if row["task"] == "retrieval"] == table(out)
    assert run(["benchmark", *models[:1], *data, *QUICK, "retrieval.max_queries=5"]) == 0
    assert asked == ["plainfilm.tasks.retrieval"]


def test_patients_that_a_model_was_trained_on_are_looked_for_first(
    tiny_model: Path, small_world, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from plainfilm.collection.leaks import patient_keys
    from plainfilm.model_folder import load_model, save_model

    loaded = load_model(tiny_model)
    patients = patient_keys([(small_world, "test")])
    save_model(tmp_path / "seen", loaded.model, loaded.tokenizers, loaded.config, patients)
    data = ["--data", str(small_world.path), "--task", "retrieval", "--out", str(tmp_path / "out")]
    assert run(["benchmark", str(tmp_path / "seen"), *data, *QUICK]) == 2
    assert "nothing could be evaluated" in capsys.readouterr().err
    assert not (tmp_path / "out" / "cells").exists()


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"options": ["retreival.k=2"]}, UsageError, "did you mean 'retrieval'"),
        ({"options": ["retrieval.kk=2"]}, ConfigError, "retrieval"),
        ({"tasks": ["retreival"], "options": []}, ConfigError, "did you mean 'retrieval'"),
        ({"models": [Path("a"), Path("a")]}, UsageError, "named twice"),
        ({"collections": ["nowhere"]}, CollectionError, "nowhere"),
    ],
)
def test_what_cannot_be_planned_is_named(small_world, changed, error, message) -> None:
    given = {"models": [Path("a")], "collections": [small_world.path], "tasks": ["retrieval"], "options": []}
    with pytest.raises(error, match=message):
        cells.plan(**{**given, **changed})


def test_models_are_named_as_shortly_as_tells_them_apart(small_world) -> None:
    models = [Path("runs/a/model"), Path("runs/b/model"), Path("old/b/model")]
    planned = cells.plan(models, [small_world.path], ["retrieval"])
    assert list(planned.models) == ["runs-a", "runs-b", "old-b"]


def test_the_cost_is_of_one_film(tiny_model: Path, small_world) -> None:
    from plainfilm.benchmark.cost import measure
    from plainfilm.predictor import load

    predictor = load(tiny_model)
    cost = measure(predictor, small_world)
    assert cost.films == 8
    assert cost.seconds is not None
    assert np.isfinite(cost.seconds)
    assert cost.parameters == predictor.parameters > 1000


SHORT = [
    *("finetune-benchx.training.max_steps=2", "finetune-benchx.training.warmup_steps=1"),
    *("finetune-benchx.training.batch_size=8", "finetune-benchx.validation.every=2"),
    "finetune-benchx.data.workers=0",
]


@pytest.fixture
def tuning(tiny_model: Path, tiny_classifier: Path, tmp_path: Path) -> list[str]:
    """A command that fine-tunes two models on films with labels; of tasks one that neither can do."""
    films = labelled_collection(tmp_path / "films", patients=20)
    names = {"first": tiny_model, "second": tiny_classifier}
    models = [str(shutil.copytree(path, tmp_path / name / "model")) for name, path in names.items()]
    data = ["--data", str(films.path), "--task", "report_generation", "--resamples", "100"]
    tuned = ["--finetune", "finetune-benchx", "--out", str(tmp_path / "out"), *SHORT]
    return ["benchmark", *models, *data, *tuned]


def alone(tuning: list[str]) -> list[str]:
    """The command with the first model only."""
    return [*tuning[:2], *tuning[3:]]


def check_means(out: Path, tasks: list[str], models: list[str]) -> None:
    """Checks the table against what fine-tuning itself says of its runs."""
    rows = [row for row in table(out) if row["score"] == "classifier/auroc_macro"]
    assert [(row["task"], row["model"]) for row in rows] == [(task, one) for task in tasks for one in models]
    for place, row in enumerate(rows):
        below = out / "cells" / row["model"] / row["collection"] / "finetune-benchx"
        fractions = json.loads((below / "summary.json").read_text("utf-8"))["fractions"]
        assert float(row["value"]) == pytest.approx(fractions[place // len(models)]["mean"])
        assert float(row["spread"]) == pytest.approx(fractions[place // len(models)]["standard_deviation"])
        assert row["repeats"] == "2"


def test_a_model_is_fine_tuned_once_and_has_the_mean_of_its_repeats(
    tuning: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*alone(tuning), "--fractions", "0.5", "--repeats", "2"]
    assert run(words) == 0
    task = "finetune-benchx, 50 % of the patients, mean of 2 repeats"
    check_means(tmp_path / "out", [task], ["first"])
    monkeypatch.setattr(
        "plainfilm.training.runner.train", lambda *_args, **_named: pytest.fail("trained again")
    )
    assert run(words) == 0


@pytest.mark.slow
def test_models_are_fine_tuned_alike_and_every_fraction_is_a_task(tuning: list[str], tmp_path: Path) -> None:
    assert run([*tuning, "--fractions", "0.5,1", "--repeats", "2"]) == 0
    tasks = [f"finetune-benchx, {share} % of the patients, mean of 2 repeats" for share in (50, 100)]
    check_means(tmp_path / "out", tasks, ["first", "second"])
    rows = [row for row in table(tmp_path / "out") if row["score"] == "classifier/auroc_macro"]
    assert {row["shared"] for row in rows} == {row["n"] for row in rows} == {"8"}
    assert all(row["rank"] for row in rows)


def test_other_weights_in_a_folder_that_was_fine_tuned_in_are_refused(
    tuning: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    below = tmp_path / "out" / "cells" / "first" / "films"
    (below / "finetune-benchx").mkdir(parents=True)
    (below / "finetune-benchx.json").write_text(json.dumps({"model": "other weights"}))
    assert run(alone(tuning)) == 2
    assert "was fine-tuned from other weights" in capsys.readouterr().err


def test_fine_tuning_of_another_split_is_refused(
    tiny_model: Path, small_world, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["benchmark", str(tiny_model), "--data", str(small_world.path), "--out", str(tmp_path / "out")]
    assert run([*words, "--finetune", "finetune-benchx", "--split", "validation"]) == 2
    assert "--finetune evaluates on split 'test', --split is 'validation'" in capsys.readouterr().err

"""Studies from films to scores: pre-training on reports, fine-tuning from all films, results by study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from plainfilm import load
from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.errors import ConfigError
from plainfilm.training.recipe import load_recipe
from plainfilm.training.trainer import train

SMALL = [
    *("model.image.width=4", "model.image.grid=2", "preprocessing.size=32", "data.cache=48"),
    *("model.fusion.heads=2", "model.text.width=16", "model.text.depth=1", "model.report.width=16"),
    *("model.report.depth=1", "model.projection.dimension=8", "tokenizers.text.vocabulary=300"),
    *("tokenizers.report.vocabulary=300", "training.batch_size=8", "training.max_steps=4"),
    "training.sub_batch_size=3",
]


@pytest.fixture(scope="module")
def pretrained(small_world: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = load_recipe("refers-tiny", SMALL)
    return train(recipe, [small_world], tmp_path_factory.mktemp("pretrained") / "run")


@pytest.fixture(scope="module")
def finetuned(pretrained: Path, small_world: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finetuned") / "out"
    words = ["finetune", "finetune-full", "--init", str(pretrained), "--data", str(small_world.path)]
    settings = ["data.item=study", "data.views=null", "model.fusion={}", "training.max_steps=2"]
    short = ["training.warmup_steps=1", "training.batch_size=8", "validation.patience=null"]
    origin = "data.label_origin=[plainfilm-chexpert-4]"
    assert run([*words, "--out", str(out), *settings, *short, origin]) == 0
    return out


def test_a_pretrained_model_writes_and_searches(pretrained: Path, small_world: Collection) -> None:
    model = load(pretrained)
    assert {"encodes_studies", "encodes_texts", "writes_reports"} <= model.abilities
    films = [small_world.image_path(path) for path in small_world.table("images")["path"].to_pylist()[:2]]
    assert isinstance(model.write_report(films).text, str)


def test_fine_tuning_takes_encoder_and_fusion(pretrained: Path, finetuned: Path) -> None:
    recipe = (finetuned / "recipe.yaml").read_text()
    assert recipe.count(f"from: {pretrained}") == 2
    assert "classifies_studies" in load(finetuned / "model").abilities


def test_a_fusion_may_begin_anew(pretrained: Path) -> None:
    anew = ["model.fusion={use: mean}", "parts.fusion.from=null"]
    recipe = load_recipe("finetune-full", anew, init=pretrained)
    assert recipe.parts["image"].source == str(pretrained)
    assert recipe.parts["fusion"].source is None
    with pytest.raises(
        ConfigError, match=r"'model\.fusion' is .* begin the part anew with parts\.fusion\.from=null"
    ):
        load_recipe("finetune-full", anew[:1], init=pretrained)


def test_results_are_by_study(finetuned: Path, small_world: Collection) -> None:
    document = json.loads((finetuned / "results" / "results.json").read_text())
    studies = small_world.frame("studies")
    tested = studies[studies["split"] == "test"]
    assert document["n"] == len(tested)
    assert document["protocol"]["item"] == "study"
    model = load(finetuned / "model")
    images = small_world.frame("images")
    own = images[images["study_id"] == tested["study_id"].iloc[0]]
    paths = [str(small_world.image_path(path)) for path in own["path"]]
    logits = model.classify_studies([paths], [own["view"].tolist()]).logits[0]
    import pandas as pd

    predictions = pd.read_parquet(finetuned / "results" / "predictions.parquet")
    first = predictions[predictions["study_id"] == tested["study_id"].iloc[0]]
    found = dict(zip(first["observation"], first["logit"], strict=True))
    expected = {name: value for name, value in zip(model.observations, logits, strict=True) if name in found}
    np.testing.assert_allclose([found[name] for name in expected], list(expected.values()), atol=1e-4)


def test_zero_shot_by_study(pretrained: Path, small_world: Collection, tmp_path: Path) -> None:
    words = ["evaluate", "zero_shot", str(pretrained), str(small_world.path), "--out", str(tmp_path / "r")]
    assert run([*words, "item=study", "resamples=100"]) == 0
    document = json.loads((tmp_path / "r" / "results.json").read_text())
    assert document["n"] == 16

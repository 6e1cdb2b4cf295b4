"""Reports and labels in one run: CXR-CLIP in small, from raw tables to a model, killed and resumed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml
from PIL import Image

from plainfilm.collection import Collection, prepare
from plainfilm.progress import SILENT
from plainfilm.training import trainer
from plainfilm.training.data import build_data
from plainfilm.training.log import read_log
from plainfilm.training.recipe import load_recipe
from tests.training.conftest import FINDINGS, SPLITS, TINY, draw_film
from tests.training.test_trainer import assert_same_weights, train_killed

PACK = """
name: toy
version: 1
observations:
  Opacity: {positive: [There is a large opacity., An opacity.], negative: [No opacity.]}
  Line: {positive: [A bright line crosses the lung., A line.], negative: [No line.]}
"""


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """40 studies with labels of what their films show, and no reports."""
    root = tmp_path_factory.mktemp("labelled")
    rows = [["path", "study", "patient", "split", "Opacity", "Line"]]
    for number in range(40):
        finding = number % len(FINDINGS)
        Image.fromarray(draw_film(finding, "right", 1000 + number)).save(root / f"{number}.png")
        split = SPLITS[number % len(SPLITS)]
        rows.append(
            [f"{number}.png", f"l{number}", f"q{number}", split, *(int(finding == n) for n in (0, 1))]
        )
    with (root / "films.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    columns = {"image": "path", "study": "study", "patient": "patient", "split": "split"}
    options = {"columns": {**columns, "labels": "Opacity,Line"}}
    return prepare("table", root / "films.csv", root / "collection", size=64, workers=1, options=options)


@pytest.fixture
def recipe_path(tmp_path: Path) -> Path:
    """The tiny recipe with two views, two texts and prompts."""
    (tmp_path / "pack.yaml").write_text(PACK)
    data = {"item": "study", "text": "all", "sentences": None, "shuffle": True, "text_pairs": "sections"}
    data |= {"prompts": str(tmp_path / "pack.yaml"), "clahe": 0.5, "contrast": 0.2, "cache": 48, "workers": 1}
    path = tmp_path / "mixed.yaml"
    path.write_text(yaml.safe_dump(TINY | {"objective": {"use": "cxr_clip"}, "data": data}))
    return path


def test_both_kinds_of_collection_are_in_one_run(
    recipe_path: Path, collection: Collection, labelled: Collection, tmp_path: Path
) -> None:
    data = build_data(load_recipe(recipe_path), [collection, labelled], tmp_path / "run", SILENT)
    assert (len(data.train), data.train.rows.from_labels) == (48 + 24, 24)
    assert data.validation is not None
    assert data.validation.rows.from_labels == 8


@pytest.mark.slow
def test_validation_loss_falls(
    recipe_path: Path, collection: Collection, labelled: Collection, tmp_path: Path
) -> None:
    recipe = load_recipe(recipe_path, ["training.epochs=10"])
    trainer.train(recipe, [collection, labelled], tmp_path / "run")
    log = read_log(tmp_path / "run" / "log.jsonl")
    losses = [line["loss"] for line in log if line["event"] == "validation"]
    assert losses[-1] < 0.9 * losses[0]
    assert {"multi_view", "image", "text", "accuracy", "scale"} <= log[1].keys()


@pytest.mark.slow
def test_killed_and_resumed_ends_in_the_same_bits(
    recipe_path: Path, collection: Collection, labelled: Collection, tmp_path: Path
) -> None:
    options = ["data.sampling_exponent=0.3", "training.checkpoint_steps=2"]
    trainer.train(load_recipe(recipe_path, options), [collection, labelled], tmp_path / "whole")
    sources = ["--data", str(collection.path), "--data", str(labelled.path)]
    arguments = ["train", str(recipe_path), *sources, "--out", str(tmp_path / "killed"), *options]
    assert train_killed(6, arguments) != 0
    assert train_killed(10_000, [*arguments, "--resume"]) == 0
    assert_same_weights(tmp_path / "whole", tmp_path / "killed")

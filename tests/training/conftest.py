"""A small collection through the real way in (a raw table, `prepare`), and recipes that train in a moment."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from plainfilm.collection import Collection, prepare
from plainfilm.seeding import generator
from plainfilm.training.recipe import Recipe, load_recipe
from tests.labelled import labelled_collection

FINDINGS = (
    "There is a large opacity on the {side}.",
    "A bright line crosses the {side} lung.",
    "The {side} lung is clear.",
)


def draw_film(finding: int, side: str, number: int) -> np.ndarray:
    """A (72, 64) film whose finding is plain to see."""
    film = generator("film", number).normal(60, 12, (72, 64))
    left = 8 if side == "right" else 38
    if finding == 0:
        film[24:48, left : left + 20] += 120
    if finding == 1:
        film[34:38, left - 4 : left + 22] += 150
    return np.clip(film, 0, 255).astype(np.uint8)


SPLITS = ("train", "train", "train", "validation", "test")


def write_table(folder: Path, patients: int = 40, splits: tuple[str, ...] = SPLITS, films: int = 2) -> Path:
    """A raw table of two studies per patient, split by `splits` in turn; returns the CSV."""
    (folder / "films").mkdir(parents=True)
    rows = []
    for number in range(2 * patients):
        finding, side = number % 3, ("right", "left")[number // 3 % 2]
        Image.fromarray(draw_film(finding, side, number)).save(folder / "films" / f"{number}.png")
        split = splits[number // films % len(splits)]
        text = f"Heart size is normal. {FINDINGS[finding].format(side=side)} Film number {number}."
        rows.append([f"films/{number}.png", text, f"s{number}", f"p{number // 2}", "PA", split])
    with (folder / "table.csv").open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["path", "report", "study_id", "patient_id", "view", "split"])
        writer.writerows(rows)
    return folder / "table.csv"


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """80 studies of 40 patients: 48 to train on, 16 to validate on, 16 to test on."""
    root = tmp_path_factory.mktemp("corpus")
    return prepare("table", write_table(root / "raw"), root / "collection", size=64, workers=1)


@pytest.fixture(scope="session")
def train_only_collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """16 studies, all to train on."""
    root = tmp_path_factory.mktemp("train-only")
    raw = write_table(root / "raw", patients=8, splits=("train",))
    return prepare("table", raw, root / "collection", size=64, workers=1)


@pytest.fixture(scope="session")
def leaking_collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Every patient has one study to train on and one to test on."""
    root = tmp_path_factory.mktemp("leaking")
    raw = write_table(root / "raw", patients=8, splits=("train", "test"), films=1)
    return prepare("table", raw, root / "collection", size=64, workers=1)


TINY: dict[str, Any] = {
    "model": {
        "use": "dual_encoder",
        "image": {"use": "timm", "name": "test_resnet", "channels": 1},
        "text": {"use": "compact", "width": 32, "depth": 1, "heads": 2, "max_tokens": 32},
        "projection": {"kind": "linear", "dimension": 32},
    },
    "tokenizers": {"text": {"vocabulary": 320}},
    "preprocessing": {"size": 32, "channels": 1},
    "objective": {"use": "infonce"},
    "data": {"text": "all", "sentences": 2, "cache": 48, "workers": 1},
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.001, "warmup_epochs": 0.5},
}


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    """The recipe the tests train, as a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture
def tiny(recipe_file: Path) -> Callable[..., Recipe]:
    """Makes the tiny recipe with `key=value` overrides."""
    return lambda *overrides: load_recipe(recipe_file, overrides)


SMALL = [
    "model.image.width=6",
    "model.image.grid=2",
    "preprocessing.size=32",
    "data.cache=48",
    "data.workers=1",
]
SHORT = [*SMALL, "training.epochs=2", "training.batch_size=24"]
"""The tiny classifier's recipe, smaller still."""


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Studies whose labels can be seen."""
    return labelled_collection(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="session")
def first(labelled: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a classifier of some epochs."""
    from plainfilm.training.trainer import train

    run = tmp_path_factory.mktemp("first") / "run"
    longer = [*SHORT, "training.epochs=14", "training.learning_rate=0.003"]
    train(load_recipe("classifier-tiny", longer), [labelled], run)
    return run

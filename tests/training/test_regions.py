"""A region model from boxes to answers: trained on phantoms of VinDr-CXR, saved, asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from plainfilm import load, phantom
from plainfilm.cli.main import run
from plainfilm.collection import Collection, prepare
from plainfilm.training.recipe import load_recipe
from plainfilm.training.trainer import train

SMALL = [
    *("model.image.width=8", "model.image.grid=2", "preprocessing.size=32", "data.cache=48"),
    *("model.text.width=16", "model.projection.dimension=16", "model.detector.depth=1"),
    *("tokenizers.text.vocabulary=300", "training.batch_size=8", "training.max_steps=6"),
    "training.sub_batch_size=3",
]


@pytest.fixture(scope="module")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    root = tmp_path_factory.mktemp("boxed")
    phantom.write("vindr_cxr", root / "raw", studies=24, size=64, workers=1)
    return prepare("vindr_cxr", root / "raw", root / "collection", size=64, workers=1)


@pytest.fixture(scope="module")
def model(boxed: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(load_recipe("chex-1-tiny", SMALL), [boxed], tmp_path_factory.mktemp("regions") / "run")


def test_the_loss_falls_on_a_handful_of_films(model: Path) -> None:
    log = [json.loads(line) for line in (model.parent / "log.jsonl").read_text().splitlines()]
    steps = [line["finding_detection/loss"] for line in log if line["event"] == "step"]
    assert steps[-1] < steps[0]


def test_prompts_are_located_in_pixels_of_the_film(model: Path, boxed: Collection, capsys) -> None:
    film = boxed.image_path(boxed.table("images")["path"][0].as_py())
    prompts = ["Cardiomegaly", "Pleural effusion"]
    asked = [word for prompt in prompts for word in ("--find", prompt)]
    assert run(["predict", str(model), str(film), "--json", *asked]) == 0
    [entry] = json.loads(capsys.readouterr().out)
    assert [one["text"] for one in entry["find"]] == prompts
    width, height = boxed.frame("images").loc[0, ["width", "height"]]
    for one in entry["find"]:
        scores = [box["score"] for box in one["boxes"]]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= box["x0"] <= box["x1"] <= width for box in one["boxes"])
        assert all(0 <= box["y0"] <= box["y1"] <= height for box in one["boxes"])


def test_an_answer_does_not_depend_on_what_else_is_asked(model: Path, boxed: Collection) -> None:
    film, predictor = boxed.image_path(boxed.table("images")["path"][0].as_py()), load(model)
    together = predictor.locate(film, ["Cardiomegaly", "Pleural effusion", "Nodule or mass"])
    for found in together:
        [alone] = predictor.locate(film, found.text)
        np.testing.assert_allclose(alone.boxes, found.boxes, atol=1e-6)
        np.testing.assert_allclose(alone.scores, found.scores, atol=1e-6)

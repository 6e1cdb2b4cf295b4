"""The models of docs/extending.md hold in slices, on two processes, under kills, and in folders."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

import plainfilm
import plainfilm.errors
from plainfilm import phantom
from plainfilm.collection import Collection, prepare
from tests.extended_steps import gradients_of
from tests.test_docs import ROOT, blocks
from tests.toys import largest_difference
from tests.training.test_trainer import train_killed

RECIPES = ("coca.yaml", "point.yaml")
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file of the page."""
    found = tmp_path_factory.mktemp("extending")
    for language, text in blocks(ROOT / "docs" / "extending.md"):
        name = re.match(r"# file: (\S+)\n", text)
        if name and language in ("python", "yaml"):
            (found / name[1]).write_text(text, encoding="utf-8")
    return found


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page's files, as the working folder: recipes name them from there."""
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Collection]:
    """What each of the recipes is trained on."""
    root = tmp_path_factory.mktemp("films")
    for layout, studies in (("mimic_cxr", 40), ("vindr_cxr", 40)):
        phantom.write(layout, root / layout, studies=studies, size=64, workers=1)
        prepare(layout, root / layout, root / f"{layout}-films", size=64, workers=1)
    opened = [Collection.open(root / f"{layout}-films") for layout in ("mimic_cxr", "vindr_cxr")]
    return dict(zip(RECIPES, opened, strict=True))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("size", [1, 4])
def test_slices_give_the_gradients_of_the_whole_batch(here: Path, recipe: str, size: int) -> None:
    whole = gradients_of(recipe)
    assert largest_difference(gradients_of(recipe, size), whole) < TOLERANCE
    assert max(float(value.abs().max()) for value in whole.values()) > 1e-3


def test_two_processes_give_the_gradients_of_one(here: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.extended_steps", str(tmp_path)]
    running = [
        subprocess.Popen([*command, str(rank), *RECIPES], env=environment, cwd=here) for rank in range(2)
    ]
    codes = [process.wait(timeout=240) for process in running]
    assert codes == [0, 0]
    assert max(json.loads((tmp_path / "found.json").read_text()).values()) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_killed_run_resumed_ends_in_the_same_bits(
    here: Path, films: dict[str, Collection], recipe: str, tmp_path: Path
) -> None:
    keys = ["data.cache=64", "training.max_steps=6", "training.checkpoint_steps=1", "data.workers=1"]
    train = ["train", recipe, "--data", str(films[recipe].path), *keys]
    command = [sys.executable, "-m", "plainfilm", *train]
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True)
    assert train_killed(4, [*train, "--out", str(tmp_path / "killed")]) == -signal.SIGKILL
    subprocess.run([*command, "--out", str(tmp_path / "killed"), "--resume"], check=True)
    first, second = (
        load_file(tmp_path / name / "last" / "model.safetensors") for name in ("whole", "killed")
    )
    assert all(np.array_equal(value, second[key]) for key, value in first.items())


def test_their_models_are_saved_load_and_answer(
    here: Path, films: dict[str, Collection], tmp_path: Path
) -> None:
    from plainfilm.training import train
    from plainfilm.training.recipe import load_recipe

    models = {}
    for name in RECIPES:
        recipe = load_recipe(name, ["data.cache=64", "training.max_steps=3"])
        folder = train(recipe, [films[name]], tmp_path / name)
        with pytest.raises(plainfilm.errors.ModelError, match="--trust-code"):
            plainfilm.load(folder)
        models[name] = plainfilm.load(folder, trust_code=True)
    film = films["point.yaml"].image_path(films["point.yaml"].table("images")["path"][0].as_py())
    (found,) = models["point.yaml"].locate(film, "Cardiomegaly")
    assert found.boxes.shape == (1, 4)
    assert (found.boxes >= 0).all()
    assert isinstance(models["coca.yaml"].write_report(film).text, str)
    reads_and_writes = {"encodes_images", "encodes_texts", "locates_by_patches", "writes_reports"}
    assert models["coca.yaml"].abilities == reads_and_writes
    assert models["point.yaml"].abilities == {"locates"}

"""The four sets that REFERS is fine-tuned on, from their raw layouts to a summary, by the shipped recipes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from plainfilm.cli import main
from tests.checkpoints import published_refers as published

SETS = {
    "refers-shenzhen": ("shenzhen_tb", 60, 12),
    "refers-nih14": ("nih14", 60, 5),
    "refers-vinbigdata": ("vinbigdata", 60, 5),
}
"""The layout of each, and of how many studies and by which seed phantoms of it hold both classes."""

SHORT = (
    *("training.max_steps=3", "training.warmup_steps=1", "training.batch_size=8", "validation.every=3"),
    *("training.precision=fp32", "data.cache=64"),
)


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small vision transformer, imported as Google publishes its own, for films as they are fine-tuned."""
    folder = tmp_path_factory.mktemp("google")
    arrays = published.jax_arrays(published.drawn(published.image_shapes()))
    np.savez(folder / "small.npz", **arrays)
    given = ["import", "refers", str(folder / "small.npz"), "--out", str(folder / "vit")]
    assert main.run([*given, "preprocessing=finetuning"]) == 0
    return folder / "vit"


def phantoms(layout: str, studies: int, seed: int, raw: Path) -> Path:
    made = ["--studies", str(studies), "--seed", str(seed), "--size", "72", "--out", str(raw)]
    assert main.run(["phantom", layout, *made]) == 0
    return raw


def prepared(layout: str, raw: Path, out: Path, *options: str) -> Path:
    assert main.run(["prepare", layout, str(raw), "--out", str(out), "--size", "64", *options]) == 0
    return out


def finetuned(recipe: str, model: Path, data: Path, out: Path, *more: str) -> dict[str, object]:
    given = ["finetune", recipe, "--init", str(model), "--data", str(data), "--out", str(out)]
    assert main.run([*given, "--fractions", "0.5,1", *SHORT, *more]) == 0
    return json.loads((out / "summary.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SETS)
def test_a_set_is_fine_tuned_from_its_raw_layout(recipe: str, google: Path, tmp_path: Path) -> None:
    layout, studies, seed = SETS[recipe]
    data = prepared(layout, phantoms(layout, studies, seed, tmp_path / "raw"), tmp_path / "data")
    summary = finetuned(recipe, google, data, tmp_path / "run")
    assert [one["fraction"] for one in summary["fractions"]] == [0.5, 1.0]
    assert summary["recipe"]["training"]["optimizer"] == "sgd"


@pytest.mark.slow
def test_both_tasks_of_the_covid_films_are_fine_tuned(google: Path, tmp_path: Path) -> None:
    data = prepared("covid19_idc", phantoms("covid19_idc", 140, 5, tmp_path / "raw"), tmp_path / "data")
    covid = finetuned("refers-covid19", google, data, tmp_path / "covid", "validation.metric=loss")
    one, whole = (run["films"] for run in covid["runs"])
    kinds = ("validation.metric=loss", "data.observations=[Bacterial]")
    told = finetuned("refers-covid19", google, data, tmp_path / "kinds", *kinds)
    assert one < whole
    assert 0 < told["runs"][1]["films"] < whole

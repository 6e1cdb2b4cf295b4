"""Films through a frozen encoder once: the same weights as without, and no film is read again."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from plainfilm.batches import feature_cache, pixel_cache
from plainfilm.cli import main
from plainfilm.collection import Collection
from plainfilm.errors import DataError
from plainfilm.progress import SILENT
from plainfilm.training import frozen_features, trainer
from plainfilm.training.data import build_data
from plainfilm.training.recipe import Recipe, load_recipe
from plainfilm.training.setup import build_setup, build_tokenizers
from tests.labelled import labelled_collection
from tests.training.staged import COMMON, different, killed, write

FREEZE = ["parts.image.freeze=true", "data.augment=false"]
RESNET = ["model.image={use: timm, name: test_resnet, channels: 1, drop_rate: 0.1}"]
VIT = ["model.image={use: timm, name: test_vit, channels: 1, image_size: 32, drop_path_rate: 0.1}"]

Made = Callable[..., Recipe]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    file = write(tmp_path, COMMON)
    return lambda *overrides: load_recipe(file, [*FREEZE, *overrides])


@pytest.fixture
def fresh(collection: Collection, tmp_path: Path) -> Collection:
    """The collection without what others made of its films."""
    shutil.copytree(collection.path, tmp_path / "films", ignore=shutil.ignore_patterns("cache"))
    return Collection.open(tmp_path / "films")


def kept(collection: Collection) -> list[Path]:
    return sorted((collection.path / "cache").glob("features-*.npy"))


def prepared(recipe: Recipe, collection: Collection, folder: Path) -> Any:
    data = build_data(recipe, [collection], folder, SILENT)
    tokenizers = build_tokenizers(recipe, data, folder)
    setup = build_setup(recipe, [collection], data, tokenizers, torch.device("cpu"))
    return frozen_features.keep_features(setup, data, nullcontext, SILENT)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["training.precision=fp32"],
        ["training.precision=bf16"],
        ["training.batch_size=7", "training.accumulate=2"],
        ["training.sub_batch_size=6"],
        ["objective.use=self_distillation", "validation.metric=recall@3"],
        ["objective.use=cxr_clip", "data.item=study", "data.text_pairs=sections"],
        RESNET,
        [*RESNET, "training.sub_batch_size=3", "training.precision=bf16"],
        [*RESNET, "training.precision=fp32", "training.batch_size=7"],
        [*VIT, "training.precision=fp32", "training.batch_size=7"],
        VIT,
        ["data.cache=null"],
        ["preprocessing.fit=pad", "data.cache=40"],
    ],
    ids=" ".join,
)
def test_weights_are_those_of_training_without(
    overrides: list[str], made: Made, fresh: Collection, tmp_path: Path
) -> None:
    trainer.train(made(*overrides), [fresh], tmp_path / "kept")
    assert len(kept(fresh)) == 1
    trainer.train(made(*overrides, "data.cache_features=false"), [fresh], tmp_path / "anew")
    assert different(tmp_path / "kept" / "last", tmp_path / "anew" / "last") == []


def test_films_are_not_read_again(
    made: Made, fresh: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.train(made(), [fresh], tmp_path / "first")
    assert not list((fresh.path / "cache").glob("pixels-*"))

    def refuse(self: object, row: int) -> None:
        raise AssertionError(f"film {row} was read")

    monkeypatch.setattr(pixel_cache.ImageFiles, "film", refuse)
    monkeypatch.setattr(pixel_cache.PixelCache, "film", refuse)
    trainer.train(made(), [fresh], tmp_path / "second")
    assert different(tmp_path / "first" / "last", tmp_path / "second" / "last") == []
    assert len(kept(fresh)) == 1


def test_batches_hold_features_and_no_pixels(made: Made, fresh: Collection, tmp_path: Path) -> None:
    recipe = made("objective.use=cxr_clip", "data.item=study")
    setup = prepared(recipe, fresh, tmp_path / "cache")
    for loader in (setup.loader, setup.validator.loader):
        batch = next(loader.epoch(0))
        assert batch.films.pixels.shape == (2 * len(batch), 0)
        part = batch.slice(1, 3).films
        assert len(part.features) == 4
        assert torch.equal(part.features.pooled, batch.films.features.pooled[2:6])
        assert part.features.patches.shape[1] == 0


def test_patches_are_kept_where_anything_may_ask_for_them(
    made: Made, fresh: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plainfilm.objectives import infonce

    monkeypatch.delattr(infonce, "PATCHES")
    setup = prepared(made(), fresh, tmp_path / "cache")
    batch = next(setup.loader.epoch(0))
    plain = prepared(made("data.cache_features=false"), fresh, tmp_path / "cache")
    films = next(plain.loader.epoch(0)).films.pixels
    with setup.machine.autocast():
        expected = setup.model.eval().film_features(films)
    assert torch.equal(batch.films.features.patches, expected.patches)
    assert torch.equal(batch.films.features.pooled, expected.pooled)


@pytest.mark.parametrize(
    "overrides",
    [["parts.image.freeze=false"], ["data.augment=true"], ["data.cache_features=false"]],
)
def test_nothing_is_kept_where_films_or_encoder_move(
    overrides: list[str], made: Made, fresh: Collection, tmp_path: Path
) -> None:
    setup = prepared(made(*overrides), fresh, tmp_path / "cache")
    assert next(setup.loader.epoch(0)).films.features is None
    assert kept(fresh) == []


ADAPTED = """
import torch
from plainfilm.models import dual_encoder
from plainfilm.models.dual_encoder import *
class Adapted(dual_encoder.DualEncoder):
    def __init__(self, *given):
        super().__init__(*given)
        self.adapter = {layer}
    def film_features(self, images):
        return super().film_features(images).each(self.adapter)
def build(config, facts):
    return Adapted(*dual_encoder.encoders(config, facts), config, facts)
"""


@pytest.mark.parametrize("layer", ["torch.nn.LayerNorm(26)", "torch.nn.Dropout(0.5)"])
def test_what_follows_the_encoder_and_is_trained_or_drawn_is_not_kept(
    layer: str, made: Made, fresh: Collection, tmp_path: Path
) -> None:
    (tmp_path / "adapted.py").write_text(ADAPTED.format(layer=layer))
    recipe = made(f"model.use={tmp_path / 'adapted.py'}", "model.image.grid=1")
    before = torch.random.get_rng_state()
    setup = prepared(recipe, fresh, tmp_path / "cache")
    assert next(setup.loader.epoch(0)).films.features is None
    assert list((fresh.path / "cache").glob("pixels-*"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_other_weights_or_preprocessing_are_other_files(
    made: Made, fresh: Collection, tmp_path: Path
) -> None:
    for overrides in ([], ["seed=1"], ["preprocessing.size=48"], ["data.cache=64"], ["training.epochs=3"]):
        prepared(made(*overrides), fresh, tmp_path / "cache")
    assert len(kept(fresh)) == 4


def test_all_fractions_read_one_file(tmp_path: Path) -> None:
    labelled = labelled_collection(tmp_path / "labelled", patients=20)
    values = {
        "model": {"use": "classifier", "image": {"use": "compact", "width": 4, "grid": 2}},
        "preprocessing": {"size": 32, "channels": 1},
        "objective": {"use": "classification"},
        "data": {"cache": 48},
    }
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(values))
    for fraction in ("null", "0.5", "0.2"):
        recipe = load_recipe(file, [*FREEZE, "training.batch_size=4", f"data.fraction={fraction}"])
        batch = next(prepared(recipe, labelled, tmp_path / "cache").loader.epoch(0))
        assert batch.films.features is not None
    assert len(kept(labelled)) == 1


def test_without_augmentation_films_are_those_of_evaluation(
    made: Made, fresh: Collection, tmp_path: Path
) -> None:
    recipe = made("data.cache_features=false", "data.brightness=0.5", "data.rotation=20", "data.flip=0.5")
    train = build_data(recipe, [fresh], tmp_path, SILENT).train
    fixed = build_data(recipe.model_copy(update={"seed": 9}), [fresh], tmp_path, SILENT).train
    for index in (0, 5):
        assert np.array_equal(train.item(index, 0).pixels, train.item(index, 3).pixels)
        assert np.array_equal(train.item(index, 0).pixels, fixed.item(index, 1).pixels)


def test_no_room_is_one_line(
    made: Made, fresh: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "can_take", lambda folder, total: False)
    with pytest.raises(DataError, match=r"no room for .* train with data\.cache_features=false"):
        prepared(made(), fresh, tmp_path / "cache")


@pytest.mark.slow
def test_killed_while_films_are_encoded(made: Made, fresh: Collection, tmp_path: Path) -> None:
    run, film = tmp_path / "run", ("frozen_features", "resize_to", 20)
    command = ["train", str(tmp_path / "staged.yaml"), "--data", str(fresh.path), "--out", str(run), *FREEZE]
    assert killed(film, command) == -signal.SIGKILL
    left = [file for file in (fresh.path / "cache").iterdir() if file.suffix == ".part"]
    assert len(left) == 1
    assert kept(fresh) == []
    assert main.run(command) == 0
    assert len(kept(fresh)) == 1
    assert not left[0].exists()
    trainer.train(made("data.cache_features=false"), [fresh], tmp_path / "anew")
    assert different(run / "last", tmp_path / "anew" / "last") == []

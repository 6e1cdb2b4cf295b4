"""Parts of a run that are taken from models: weights, what belongs to them, and whom they were trained on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from plainfilm.collection import Collection
from plainfilm.collection.leaks import patient_keys
from plainfilm.errors import ConfigError, LeakageError, ModelError, UsageError
from plainfilm.model_folder import load_model, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models.base import Facts
from plainfilm.progress import SILENT
from plainfilm.training import trainer
from plainfilm.training.data import build_data
from plainfilm.training.dry_run import dry_run
from plainfilm.training.pretrained import read_pretrained
from plainfilm.training.recipe import Recipe, load_recipe
from plainfilm.training.setup import build_model, build_tokenizers
from tests.labelled import OBSERVATIONS

STARTED = ["training.max_steps=4", "training.warmup_steps=1", "validation.every=2", "training.batch_size=16"]


def _started(model: Path, name: str = "finetune-linear", *more: str) -> Recipe:
    return load_recipe(name, [*STARTED, *more], init=model)


def _copied(model: Path, folder: Path, patients: np.ndarray | None = None) -> Path:
    """A copy of `model` that says it was trained on `patients`, or does not say on whom."""
    loaded = load_model(model)
    save_model(folder, loaded.model, loaded.tokenizers, loaded.config, patients)
    return folder


def test_an_image_encoder_comes_with_what_belongs_to_it(first: Path) -> None:
    recipe = _started(first / "model")
    assert (recipe.model["image"]["width"], recipe.preprocessing.size, recipe.data.cache) == (6, 32, 48)
    assert recipe.sources() == {"image": str(first / "model")}
    assert recipe.parts["image"].fingerprint == load_model(first / "model").config.fingerprint
    model = build_model(recipe, Facts(observations=("Edema",)), read_pretrained(recipe.sources()))
    stored = load_file(first / "model" / "model.safetensors")
    for name, value in model.image.state_dict().items():
        assert torch.equal(value, stored[f"image.{name}"])
    assert not any(parameter.requires_grad for parameter in model.image.parameters())


def test_the_image_encoder_of_a_dual_encoder_is_taken_without_its_text(tiny_model: Path) -> None:
    recipe = _started(tiny_model, "finetune-full")
    model = build_model(recipe, Facts(observations=OBSERVATIONS), read_pretrained(recipe.sources()))
    stored = load_file(tiny_model / "model.safetensors")
    assert recipe.model["image"]["name"] == "test_resnet"
    assert torch.equal(
        model.image.state_dict()["backbone.conv1.0.weight"], stored["image.backbone.conv1.0.weight"]
    )
    assert {name.split(".")[0] for name in model.state_dict()} == {"image", "head"}


def test_a_text_encoder_comes_with_its_tokenizer(
    tiny: Callable[..., Recipe], recipe_file: Path, tiny_model: Path, collection: Collection, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="'model.text' is .* it comes with the weights"):
        tiny(f"parts.text.from={tiny_model}")
    values = ["model.text=null", f"parts.text.from={tiny_model}", "tokenizers={}"]
    text = str(load_model(tiny_model).config.architecture.text).replace("'", "").replace("None", "null")
    recipe = tiny(*values[1:], f"model.text={text}")
    pretrained, loaded = read_pretrained(recipe.sources()), load_model(tiny_model)
    data = build_data(recipe, [collection], tmp_path, SILENT)
    tokenizers = build_tokenizers(recipe, data, tmp_path / "none", pretrained)
    assert tokenizers["text"].encode(["A large effusion."])[0].tolist() == (
        loaded.tokenizers["text"].encode(["A large effusion."])[0].tolist()
    )
    model = build_model(recipe, Facts(tokenizers=tokenizer_facts(tokenizers)), pretrained)
    for name, value in loaded.model.text.state_dict().items():
        assert torch.equal(model.text.state_dict()[name], value)
    assert recipe.preprocessing.size == 32  # the films' own, not those of the model the text is from


def test_parts_may_come_from_several_models(first: Path, labelled: Collection, tmp_path: Path) -> None:
    other = _copied(first / "last", tmp_path / "other", patient_keys([(labelled, "train")]))
    recipe = _started(first / "model", "finetune-full", f"parts.head.from={other}")
    pretrained = read_pretrained(recipe.sources())
    model = build_model(recipe, Facts(observations=OBSERVATIONS), pretrained)
    stored = load_file(other / "model.safetensors")
    assert torch.equal(model.head.weight, stored["head.weight"])
    assert pretrained.fingerprints == tuple(
        dict.fromkeys(load_model(folder).config.fingerprint for folder in (other, first / "model"))
    ) or len(set(pretrained.fingerprints)) == len(pretrained.fingerprints)
    assert np.array_equal(pretrained.patients, patient_keys([(labelled, "train")]))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("preprocessing.size=24", "'preprocessing' is .* it comes with the weights"),
        ("model.image={use: compact, width: 8}", "'model.image' is .* it comes with the weights"),
        ("data.cache=64", "'data.cache' is 64, but .* has 48: it comes with the weights"),
        ("parts.image.fingerprint=abc", "'parts.image.fingerprint' is abc"),
        ("init=abc", "unknown key 'init': it is 'parts.image.from' now"),
    ],
)
def test_nothing_may_contradict_the_weights(override: str, message: str, first: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        _started(first / "model", "finetune-full", override)


def test_what_says_the_same_is_no_contradiction(first: Path) -> None:
    same = ["preprocessing.size=32", "model.image.width=6", "data.cache=48"]
    assert _started(first / "model", "finetune-full", *same) == _started(first / "model", "finetune-full")


def test_a_linear_layer_is_all_that_changes(first: Path, labelled: Collection, tmp_path: Path) -> None:
    model = _copied(first / "model", tmp_path / "start")
    trainer.train(_started(model), [labelled], tmp_path / "run")
    before, after = (load_file(f / "model.safetensors") for f in (first / "model", tmp_path / "run" / "last"))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"head.weight", "head.bias"}


def test_whom_it_was_trained_on_stays_known(first: Path, labelled: Collection, tmp_path: Path) -> None:
    trainer.train(
        _started(first / "model", "finetune-linear", "data.fraction=0.5"), [labelled], tmp_path / "run"
    )
    loaded = load_model(tmp_path / "run" / "model")
    assert np.array_equal(loaded.patients, patient_keys([(labelled, "train")]))
    assert [one.name for one in loaded.config.collections] == ["collection"]


def test_a_model_that_saw_test_patients_is_refused(first: Path, labelled: Collection, tmp_path: Path) -> None:
    model = _copied(first / "model", tmp_path / "model", patient_keys([(labelled, "test")]))
    with pytest.raises(LeakageError, match="the training data of the model"):
        trainer.train(_started(model), [labelled], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_gone_is_named(first: Path, labelled: Collection, tmp_path: Path) -> None:
    recipe = _started(_copied(first / "model", tmp_path / "model"))
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(ModelError, match="model: no such model folder"):
        trainer.train(recipe, [labelled], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_does_not_go_on_from_another_model(first: Path, labelled: Collection, tmp_path: Path) -> None:
    model = _copied(first / "last", tmp_path / "model")
    trainer.train(_started(model, "finetune-linear", "training.max_steps=2"), [labelled], tmp_path / "run")
    other = tmp_path / "run" / "last"
    shutil.rmtree(model)
    shutil.copytree(other, model)
    changed = _started(model, "finetune-linear", "training.max_steps=2")
    with pytest.raises(UsageError, match=r"started with parts.image.fingerprint="):
        trainer.train(changed, [labelled], tmp_path / "run", resume=True)


def test_a_model_that_lacks_the_part_is_named(first: Path, tiny_model: Path) -> None:
    recipe = _started(first / "model", "finetune-full", f"parts.head.from={tiny_model}")
    with pytest.raises(ModelError, match="has no part 'head'"):
        dry_run(recipe, read_pretrained(recipe.sources()))


def test_a_part_that_the_recipes_model_lacks_is_named(first: Path, tiny_model: Path) -> None:
    recipe = _started(first / "model", "finetune-full", f"parts.text_projection.from={tiny_model}")
    with pytest.raises(ConfigError, match="parts.text_projection: model 'classifier' has no such part"):
        dry_run(recipe, read_pretrained(recipe.sources()))


@pytest.mark.parametrize("code", ["mine.py", "lab.encoders"])
def test_code_of_a_model_runs_only_where_it_is_trusted(first: Path, tmp_path: Path, code: str) -> None:
    model = _copied(first / "model", tmp_path / "model")
    text = (model / "config.json").read_text()
    (model / "config.json").write_text(text.replace('"use": "compact"', f'"use": "{code}"'))
    with pytest.raises(ModelError, match="foreign code.*--trust-code"):
        _started(model)

"""The classifier: logits, its folder without a tokenizer, and older folders that state no kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from plainfilm.config import build
from plainfilm.errors import ConfigError, ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.nn.classifier import Classifier, ClassifierConfig
from plainfilm.nn.dual_encoder import DualEncoder
from plainfilm.nn.freezing import freeze
from plainfilm.nn.model_folder import ModelConfig, load_model, save_model
from tests.toys import IMAGE, OBSERVATIONS, toy_batch, toy_classifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = toy_classifier().eval()
    config = ModelConfig(architecture=model.architecture, preprocessing=Preprocessing(size=32))
    save_model(tmp_path / "model", model, None, config)
    return tmp_path / "model"


@torch.no_grad()
def test_logits_are_the_head_on_the_pooled_features_in_full_precision() -> None:
    model, images = toy_classifier().eval(), toy_batch(4).images[:, 0]
    with torch.autocast("cpu", torch.bfloat16):
        logits = model.logits(images)
    assert logits.dtype == torch.float32
    pooled = model.image(images).pooled
    expected = pooled @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model.logits(images), expected)
    torch.testing.assert_close(model.encode_images(images), torch.nn.functional.normalize(pooled))


def test_every_parameter_is_in_one_group() -> None:
    model = toy_classifier()
    assert model.text_parameters() == []
    assert len(model.image_parameters()) + len(model.other_parameters()) == len(list(model.parameters()))
    assert {id(one) for one in model.other_parameters()} == {id(model.head.weight), id(model.head.bias)}


def test_a_frozen_image_encoder_stays_in_evaluation_mode() -> None:
    model = toy_classifier()
    freeze(model, image=True)
    model.train()
    assert not any(part.training for part in model.image.modules())
    assert [name for name, one in model.named_parameters() if one.requires_grad] == [
        "head.weight",
        "head.bias",
    ]


def test_there_is_no_text_to_freeze() -> None:
    with pytest.raises(ConfigError, match="freeze_text_layers is set, but this model has no text encoder"):
        freeze(toy_classifier(), text=True)


def test_a_classifier_comes_back_as_it_was_without_a_tokenizer(folder: Path) -> None:
    loaded = load_model(folder)
    images = torch.randn(2, 3, 32, 32)
    assert isinstance(loaded.model, Classifier)
    assert torch.equal(loaded.model.logits(images), toy_classifier().eval().logits(images))
    assert loaded.tokenizer is None
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}


def test_the_card_of_a_classifier_names_what_it_answers(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert f"| observations | {', '.join(OBSERVATIONS)} |" in card
    assert "not a medical device" in card
    assert "similarity" not in card


def test_a_folder_that_states_no_kind_is_a_dual_encoder(tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_model, tmp_path / "older")
    path = tmp_path / "older" / "config.json"
    config = json.loads(path.read_text())
    assert config["architecture"].pop("kind") == "dual_encoder"
    path.write_text(json.dumps(config))
    assert isinstance(load_model(tmp_path / "older").model, DualEncoder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "classifer"}, "unknown kind of model 'classifer': did you mean 'classifier'"),
        ({"observations": []}, "at least 1"),
        ({"observation": ["Edema"]}, "unknown key 'observation': did you mean 'observations'"),
        ({"kind": "dual_encoder"}, "config.json: architecture: key 'text' is missing"),
        ({"observations": ["Edema", "Edema", "Mass"]}, "observation 'Edema' is listed twice"),
    ],
)
def test_a_wrong_architecture_is_one_line(folder: Path, changes: dict, message: str) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["architecture"] |= changes
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=message):
        load_model(folder)


def test_another_number_of_observations_does_not_fit_the_weights(folder: Path) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["architecture"]["observations"] = ["Edema"]
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"tensor 'head.weight' is \(3, .*\), this model needs \(1,"):
        load_model(folder)


def test_an_image_encoder_is_checked_before_anything_is_built() -> None:
    with pytest.raises(ConfigError, match="unknown timm model"):
        build(ClassifierConfig, {"image": IMAGE | {"name": "resnet81"}, "observations": ["Edema"]}, "here")

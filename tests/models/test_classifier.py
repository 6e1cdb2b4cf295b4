"""The classifier: logits, parts, and its folder without a tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from plainfilm.config import build
from plainfilm.errors import ConfigError, ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, load_model, save_model
from plainfilm.models.base import Facts, build_model
from plainfilm.models.classifier import Classifier, Config
from plainfilm.training.freezing import freeze
from tests.toys import IMAGE, OBSERVATIONS, toy_batch, toy_classifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = toy_classifier().eval()
    config = ModelConfig(architecture=model.config, preprocessing=Preprocessing(size=32))
    save_model(tmp_path / "model", model, {}, config)
    return tmp_path / "model"


@torch.no_grad()
def test_logits_are_the_head_on_the_pooled_features_in_full_precision() -> None:
    model, images = toy_classifier().eval(), toy_batch(4).films.pixels
    with torch.autocast("cpu", torch.bfloat16):
        logits = model.logits(model.film_features(images))
    assert logits.dtype == torch.float32
    pooled = model.image(images).pooled
    expected = pooled @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model.logits(model.film_features(images)), expected)
    torch.testing.assert_close(model.encode_images(images), torch.nn.functional.normalize(pooled))


def test_every_parameter_is_of_one_part() -> None:
    model = toy_classifier()
    assert model.parts() == {"image": model.image, "head": model.head}
    together = [id(parameter) for part in model.parts().values() for parameter in part.parameters()]
    assert sorted(together) == sorted(id(parameter) for parameter in model.parameters())
    assert model.other_parameters() == []


def test_a_frozen_image_encoder_stays_in_evaluation_mode() -> None:
    model = toy_classifier()
    freeze(model, {"image": True})
    model.train()
    assert not any(part.training for part in model.image.modules())
    assert [name for name, one in model.named_parameters() if one.requires_grad] == [
        "head.weight",
        "head.bias",
    ]


def test_there_is_no_text_to_freeze() -> None:
    with pytest.raises(ConfigError, match="unknown part 'text' of model 'classifier'.*image"):
        freeze(toy_classifier(), {"text": True})


def test_a_classifier_comes_back_as_it_was_without_a_tokenizer(folder: Path) -> None:
    loaded = load_model(folder)
    images = torch.randn(2, 3, 32, 32)
    assert isinstance(loaded.model, Classifier)
    before, after = (one.logits(one.film_features(images)) for one in (toy_classifier().eval(), loaded.model))
    assert torch.equal(after, before)
    assert loaded.tokenizers == {}
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}


def test_the_card_of_a_classifier_names_what_it_answers(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert f"| observations | {', '.join(OBSERVATIONS)} |" in card
    assert "not a medical device" in card
    assert "similarity" not in card


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("architecture", {"use": "classifer"}, "unknown model 'classifer': did you mean 'classifier'"),
        ("architecture", {"use": "dual_encoder"}, "config.json: architecture: key 'text' is missing"),
        ("architecture", {"observations": ["Edema"]}, "unknown key 'observations'"),
        ("facts", {"observations": []}, "needs at least one observation to predict"),
        ("facts", {"observation": ["Edema"]}, "unknown key 'facts.observation': did you mean 'observations'"),
        ("facts", {"observations": ["Edema", "Edema", "Mass"]}, "observation 'Edema' is listed twice"),
    ],
)
def test_a_wrong_setting_is_one_line(folder: Path, part: str, changes: dict, message: str) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config[part] |= changes
    del config["sha256"]  # as the message of a changed file says
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder)
    assert str(caught.value).startswith(str(path))


def test_another_number_of_observations_does_not_fit_the_weights(folder: Path) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["facts"]["observations"] = ["Edema"]
    del config["sha256"]
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"tensor 'head.weight' is \(3, .*\), this model needs \(1,"):
        load_model(folder)


def test_an_image_encoder_is_checked_before_anything_is_built() -> None:
    with pytest.raises(ConfigError, match="unknown timm model"):
        build(Config, {"image": IMAGE | {"name": "resnet81"}}, "here")


def test_a_classifier_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs at least one observation"):
        build_model(Config(image=IMAGE), Facts())

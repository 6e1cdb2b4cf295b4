"""The dual encoder: unit vectors, temperature, parts, early checks of its settings."""

from __future__ import annotations

import math

import pytest
import torch

from plainfilm.batches.batch import Batch
from plainfilm.config import build
from plainfilm.errors import ConfigError
from plainfilm.models.dual_encoder import Config
from tests.toys import IMAGE, TEXT, toy_batch, toy_config, toy_model


def first_texts(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    texts = batch.targets["text"]
    return texts.token_ids[:, 0], texts.token_mask[:, 0]


def test_vectors_have_length_one_and_single_precision_under_autocast() -> None:
    model, batch = toy_model().eval(), toy_batch(4)
    with torch.autocast("cpu", torch.bfloat16):
        images = model.encode_images(batch.films.pixels)
        texts = model.encode_texts(*first_texts(batch))
    for vectors in (images, texts):
        assert vectors.dtype == torch.float32
        assert vectors.shape == (4, 8)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))


def test_texts_of_very_different_length_pass_apart_in_training_alone() -> None:
    model, passed = toy_model(text=TEXT | {"dropout": 0.0, "max_tokens": 20}), []
    ids = torch.randint(5, 20, (9, 20), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(20) < torch.tensor([[20], *[[2]] * 8])
    model.text.register_forward_pre_hook(lambda _, inputs: passed.append(inputs[0].shape[1]))
    trained = model.train().encode_texts(ids, mask)
    torch.testing.assert_close(model.eval().encode_texts(ids, mask), trained)
    assert passed == [2, 20, 20]


@torch.no_grad()
def test_the_temperature_starts_at_the_published_value_and_is_limited() -> None:
    model = toy_model()
    assert float(model.log_scale) == pytest.approx(math.log(1 / 0.07))
    model.log_scale.fill_(50.0)
    assert float(model.scale()) == pytest.approx(100.0, rel=1e-5)
    model.log_scale.fill_(-50.0)
    assert float(model.scale()) == pytest.approx(0.01, rel=1e-5)


def test_every_parameter_is_of_one_part_or_of_none() -> None:
    model = toy_model()
    groups = [[*part.parameters()] for part in model.parts().values()]
    together = [id(parameter) for group in (*groups, model.other_parameters()) for parameter in group]
    assert sorted(together) == sorted(id(parameter) for parameter in model.parameters())
    assert len(set(together)) == len(together)
    assert [id(one) for one in model.other_parameters()] == [id(model.log_scale)]


def test_a_fixed_temperature_is_not_trained() -> None:
    model = toy_model(temperature=0.5, learn_temperature=False)
    assert not model.log_scale.requires_grad
    assert float(model.scale().detach()) == pytest.approx(2.0)


def test_towers_may_have_projections_of_their_own() -> None:
    model = toy_model(projection={"kind": "linear", "text_kind": "none", "dimension": 16})
    assert isinstance(model.text_projection, torch.nn.Identity)
    assert model.image_projection.out_features == 16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": {"use": "tim", "name": "resnet18"}}, "unknown image encoder 'tim': did you mean 'timm'"),
        ({"image": {"use": "timm", "name": "resnet81"}}, "unknown timm model 'resnet81'"),
        ({"image": {"name": "resnet18"}}, "model.image: key 'use' is missing"),
        ({"text": TEXT | {"widht": 8}}, "unknown key 'widht': did you mean 'width'"),
        ({"text": TEXT | {"heads": 3}}, "width 16 is not a multiple of heads 3"),
        ({"projecton": {}}, "unknown key 'projecton': did you mean 'projection'"),
    ],
)
def test_a_wrong_setting_is_found_before_anything_is_built(changes: dict, message: str) -> None:
    values = {"image": IMAGE, "text": TEXT} | changes
    with pytest.raises(ConfigError, match=message):
        build(Config, values, "recipe.yaml")


def test_it_says_how_to_build_it_again_without_weights() -> None:
    rebuilt = toy_model().rebuilt_from()
    assert rebuilt.image["pretrained"] is False
    assert rebuilt.projection == toy_config().projection

"""How each encoder pools a film that shows one patch alone, and the vectors made of it, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plainfilm.errors import UsageError
from plainfilm.nn.base import ImageEncoder, ImageFeatures
from plainfilm.nn.image import compact
from plainfilm.nn.image.timm import Config, build
from tests.toys import COMPACT, toy_model, toy_region_model, toy_study_encoder


def images(side: int, count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("side", "grid"), [(64, 2), (64, 4), (80, 4), (96, 4), (32, 4)])
def test_patches_alone_make_up_the_maxima_of_the_compact_encoder(side: int, grid: int) -> None:
    encoder = compact.build(compact.Config(width=4, grid=grid, channels=3)).eval()
    with torch.no_grad():
        features = encoder(images(side))
        alone = encoder.pooled_alone(features)
    assert alone.shape == (2, (side // 16) ** 2, encoder.features)
    torch.testing.assert_close(alone.amax(1), features.pooled)


@torch.no_grad()
def test_a_patch_alone_is_what_the_compact_encoder_pools_of_it() -> None:
    encoder = compact.build(compact.Config(width=4, grid=3, channels=3)).eval()
    features = encoder(images(64))
    alone = encoder.pooled_alone(features)
    for patch in range(16):
        grid = torch.zeros_like(features.patches)
        grid[:, patch] = features.patches[:, patch]
        torch.testing.assert_close(encoder.pool(grid.transpose(1, 2).unflatten(2, (4, 4))), alone[:, patch])


AVERAGING = [
    {"name": "test_resnet"},
    {"name": "test_efficientnet"},
    {"name": "swin_tiny_patch4_window7_224", "image_size": 64, "settings": {"depths": (1, 1, 1, 1)}},
    {"name": "test_vit", "pooling": "average"},
]


@pytest.mark.parametrize("settings", AVERAGING, ids=lambda settings: settings["name"])
def test_patches_alone_average_to_the_film(settings: dict) -> None:
    encoder = build(Config(**settings)).eval()
    with torch.no_grad():
        features = encoder(images(encoder.fixed_size or 64))
        alone = encoder.pooled_alone(features)
    torch.testing.assert_close(alone.mean(1), features.pooled, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("pooling", ["native", "token", "first_patch"])
def test_a_patch_takes_the_place_of_the_class_token(pooling: str) -> None:
    encoder = build(Config(name="test_vit", image_size=64, pooling=pooling)).eval()
    with torch.no_grad():
        features = encoder(images(64))
        alone = encoder.pooled_alone(features)
        pooled = encoder._pooled(features.patches[:, 3:4].expand(-1, 2, -1), features.patches[:, 3:4])
    torch.testing.assert_close(alone[:, 3], pooled)


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "test_convnext"])
def test_layers_after_pooling_see_one_patch(name: str) -> None:
    encoder = build(Config(name=name)).eval()
    with torch.no_grad():
        features = encoder(images(64))
        alone = encoder.pooled_alone(features)
        one = features.patches[:, 1]
        pooled = encoder.backbone.forward_head(one[:, :, None, None].repeat(1, 1, 2, 2), pre_logits=True)
    torch.testing.assert_close(alone[:, 1], pooled, atol=1e-5, rtol=1e-4)


class Largest(ImageEncoder):
    config = compact.Config()

    def forward(self, images: torch.Tensor) -> ImageFeatures:
        patches = images.flatten(2).transpose(1, 2)
        return ImageFeatures(patches.amax(1), patches)


def test_an_encoder_that_does_not_say_how_it_pools_one_patch_is_named() -> None:
    features = Largest()(images(4))
    with pytest.raises(UsageError, match="image encoder 'compact' does not say how it pools a film of one"):
        Largest().pooled_alone(features)
    averaged = ImageFeatures(features.patches.mean(1), features.patches)
    assert Largest().pooled_alone(averaged) is features.patches


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


@torch.no_grad()
def test_patches_of_the_compact_encoder_are_projected_by_the_weights_of_their_cell() -> None:
    model = toy_model(image=COMPACT, projection={"dimension": 8}).eval()
    features = model.film_features(images(64))
    weight = model.image_projection.weight.numpy().reshape(8, -1, 2, 2)
    bias, patches = model.image_projection.bias.numpy(), features.patches.numpy().reshape(2, 4, 4, -1)
    expected = np.empty((2, 4, 4, 8))
    for row, column in np.ndindex(4, 4):
        cell = weight[:, :, row // 2, column // 2]
        expected[:, row, column] = patches[:, row, column] @ cell.T + bias
    found = model.image_patch_vectors(features).numpy().reshape(2, 4, 4, 8)
    np.testing.assert_allclose(found, unit(expected), atol=1e-6)


MODELS = [
    toy_study_encoder,
    toy_region_model,
    lambda: toy_model(image={"use": "timm", "name": "test_resnet"}),
]


@pytest.mark.parametrize("make", MODELS, ids=["study encoder", "region model", "dual encoder"])
@torch.no_grad()
def test_a_patch_is_projected_as_a_film_of_it_alone(make) -> None:
    model = make().eval()
    features = model.film_features(images(64))
    found = model.image_patch_vectors(features)
    assert found.shape == (2, features.patches.shape[1], model.dimension)
    alone = model.image.pooled_alone(features)[:, 2]
    expected = model.image_vectors(ImageFeatures(alone, features.patches[:, 2:3]))
    torch.testing.assert_close(found[:, 2], expected, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_a_film_of_equal_patches_has_their_vector() -> None:
    model = toy_model(
        image={"use": "timm", "name": "test_resnet"}, projection={"kind": "mlp", "dimension": 8}
    )
    model.eval()
    features = model.film_features(images(64))
    equal = ImageFeatures(features.patches[:, 0], features.patches[:, :1].expand(-1, 4, -1))
    vectors = model.image_patch_vectors(equal)
    torch.testing.assert_close(vectors, model.image_vectors(equal)[:, None].expand(-1, 4, -1))

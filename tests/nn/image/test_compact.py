"""The compact image encoder: what its normalisation makes of the films beside a film."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plainfilm.nn.image import compact


def _encoder(**options: object) -> nn.Module:
    torch.manual_seed(0)
    return compact.build(compact.Config(width=4, grid=2, dropout=0.0, **options))


@torch.no_grad()
@pytest.mark.parametrize(("norm", "independent"), [("group", True), ("batch", False)])
def test_a_film_is_independent_of_others_in_training_by_groups_only(norm: str, independent: bool) -> None:
    made, films = _encoder(norm=norm), torch.randn(5, 1, 32, 32)
    for trained, expected in ((True, independent), (False, True)):
        made.train(trained)
        alone, among = made(films[:2]), made(films)
        assert torch.allclose(alone.pooled, among.pooled[:2], atol=1e-4) is expected
        assert torch.allclose(alone.patches, among.patches[:2], atol=1e-4) is expected


def test_settings_from_before_the_choice_build_what_they_built() -> None:
    made = compact.build(compact.Config.model_validate({"use": "compact", "width": 4, "grid": 2}))
    kinds = {type(module) for module in made.modules()}
    assert nn.GroupNorm in kinds
    assert nn.BatchNorm2d not in kinds


@torch.no_grad()
def test_smaller_patches_are_more_and_need_no_other_weights() -> None:
    large, small = _encoder().eval(), _encoder(patch=8).eval()
    small.load_state_dict(large.state_dict())
    found = small(torch.randn(2, 1, 64, 64))
    assert large(torch.randn(2, 1, 64, 64)).patches.shape == (2, 16, small.patch_features)
    assert found.patches.shape == (2, 64, small.patch_features)
    assert found.pooled.shape == (2, small.features)


def test_its_layers_are_all_of_it_in_the_order_of_the_data_flow() -> None:
    encoder = _encoder()
    layers = encoder.layers()
    assert len(layers) == 7
    assert [p for layer in layers for p in layer.parameters()] == list(encoder.parameters())

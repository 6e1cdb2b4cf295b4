"""Every encoder in the folders keeps its contract: shapes, gradients, rebuilding, saving, batching."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from plainfilm import plugins
from plainfilm.nn import base

SIDE, LENGTH, VOCABULARY = 64, 7, 40
IMAGE_NAMES, TEXT_NAMES = plugins.names("image encoder"), plugins.names("text encoder")


def _image(name: str) -> base.ImageEncoder:
    module = base.image_encoder(name)
    return module.build(module.TINY).eval()


def _text(name: str) -> base.TextEncoder:
    module = base.text_encoder(name)
    return module.build(module.TINY, VOCABULARY).eval()


def _tokens() -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.arange(LENGTH) < torch.tensor([[LENGTH], [3], [5]])
    return torch.randint(5, VOCABULARY, (3, LENGTH)) * mask, mask


def test_naming_an_encoder_does_not_import_its_library() -> None:
    code = (
        "import sys; from plainfilm import model_folder; from plainfilm.nn import base;"
        "from plainfilm.models import classifier, dual_encoder;"
        f"[base.image_encoder(n) for n in {IMAGE_NAMES}]; [base.text_encoder(n) for n in {TEXT_NAMES}];"
        "print([n for n in ('timm', 'transformers', 'torchvision') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_image_features_have_the_stated_shapes(name: str) -> None:
    encoder = _image(name)
    found = encoder(torch.randn(3, encoder.config.channels, SIDE, SIDE))
    assert found.pooled.shape == (3, encoder.features)
    assert found.patches.shape[0] == 3
    assert found.patches.shape[2] == encoder.patch_features


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_text_features_have_the_stated_shapes(name: str) -> None:
    encoder = _text(name)
    found = encoder(*_tokens())
    assert found.pooled.shape == (3, encoder.features)
    assert found.tokens.shape == (3, LENGTH, encoder.features)
    assert encoder.max_tokens >= LENGTH


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_every_image_parameter_gets_a_gradient(name: str) -> None:
    encoder = _image(name)
    encoder(torch.randn(2, encoder.config.channels, SIDE, SIDE)).pooled.square().sum().backward()
    assert [key for key, value in encoder.named_parameters() if value.grad is None] == []


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_every_text_parameter_gets_a_gradient(name: str) -> None:
    encoder = _text(name)
    encoder(*_tokens()).pooled.square().sum().backward()
    assert [key for key, value in encoder.named_parameters() if value.grad is None] == []


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_padding_further_does_not_change_a_text(name: str) -> None:
    encoder = _text(name)
    ids, mask = _tokens()
    short = encoder(ids[1:2, :3], mask[1:2, :3]).pooled
    torch.testing.assert_close(encoder(ids, mask).pooled[1:2], short, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_a_film_is_encoded_alike_alone_and_in_a_batch(name: str) -> None:
    encoder = _image(name)
    images = torch.randn(3, encoder.config.channels, SIDE, SIDE)
    torch.testing.assert_close(encoder(images).pooled[:1], encoder(images[:1]).pooled, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_the_layers_are_the_embeddings_and_the_blocks(name: str) -> None:
    layers = _text(name).layers()
    assert len(layers) >= 2
    assert all(isinstance(layer, torch.nn.Module) for layer in layers)


@pytest.mark.parametrize(
    ("kind", "name"), [*(("image", n) for n in IMAGE_NAMES), *(("text", n) for n in TEXT_NAMES)]
)
def test_weights_fit_what_it_is_rebuilt_from(kind: str, name: str, tmp_path: Path) -> None:
    encoder = _image(name) if kind == "image" else _text(name)
    save_file({key: value.clone() for key, value in encoder.state_dict().items()}, tmp_path / "weights")
    config = base.encoder_config(f"{kind} encoder", encoder.rebuilt_from(), "test")
    module = plugins.resolve(f"{kind} encoder", config.use)
    rebuilt = module.build(config) if kind == "image" else module.build(config, VOCABULARY)
    rebuilt.load_state_dict(load_file(tmp_path / "weights"), strict=True)


@pytest.mark.parametrize(
    ("kind", "name"), [*(("image", n) for n in IMAGE_NAMES), *(("text", n) for n in TEXT_NAMES)]
)
def test_it_can_be_copied_as_a_teacher_is(kind: str, name: str) -> None:
    encoder = _image(name) if kind == "image" else _text(name)
    copied = copy.deepcopy(encoder)
    assert not {value.data_ptr() for value in copied.parameters()} & {
        value.data_ptr() for value in encoder.parameters()
    }

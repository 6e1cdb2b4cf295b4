"""MedCLIP: the numbers of torchvision and of the transformers library, put together as described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import resnet50

from plainfilm.checkpoints.medclip import preprocessing
from plainfilm.errors import ModelError
from plainfilm.model_folder import LoadedModel
from tests.checkpoints.families import (
    SHAPES,
    Tensors,
    differ,
    film,
    grey_levels,
    imported,
    least_cosine,
    noise,
    ours,
    randomised,
)
from tests.checkpoints.published import OLDER_SWIN, vocabulary_folder

JOINT, WIDTH = 48, 64
TEXTS = ("no pleural effusion", "large pneumothorax", "there is a pleural effusion .")


class Published(nn.Module):
    def __init__(self, swin: bool) -> None:
        from transformers import BertConfig, BertModel, SwinConfig, SwinModel

        super().__init__()
        self.vision_model, self.text_model = nn.Module(), nn.Module()
        if swin:
            config = SwinConfig(embed_dim=24, depths=[2, 2], num_heads=[2, 4], image_size=224, patch_size=4)
            self.vision_model.model = SwinModel(config)
            self.vision_model.projection_head = nn.Linear(48, JOINT, bias=False)
        else:
            self.vision_model.model = resnet50(weights=None)
            self.vision_model.model.fc = nn.Linear(2048, JOINT, bias=False)
        small = {"num_hidden_layers": 3, "num_attention_heads": 1, "intermediate_size": 96}
        self.text_model.model = BertModel(BertConfig(vocab_size=40, hidden_size=WIDTH, **small))
        self.text_model.projection_head = nn.Linear(WIDTH, JOINT, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(0.0))

    def images(self, films: Tensor) -> Tensor:
        found = self.vision_model.model(films)
        return found if isinstance(found, Tensor) else self.vision_model.projection_head(found.pooler_output)

    def text(self, ids: Tensor) -> Tensor:
        """A text alone: the mean of the first, second and last layer, over all its tokens."""
        states = self.text_model.model(ids[None], output_hidden_states=True).hidden_states
        mean = torch.stack([states[1], states[2], states[-1]]).mean(dim=0).mean(dim=1)
        return self.text_model.projection_head(mean)[0]


def stored(model: Published) -> Tensors:
    """Its tensors by the names of the libraries of its time."""
    found: Tensors = {"text_model.model.embeddings.position_ids": torch.arange(512)[None]}
    for name, tensor in model.state_dict().items():
        if name.startswith("vision_model.model.") and hasattr(model.vision_model, "projection_head"):
            for newer, older in OLDER_SWIN.items():
                name = name.replace(newer, older)
            if "relative_position_index" in name:
                continue
        found[name] = tensor.clone()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("medclip")
    vocabulary_folder(folder / "words", 40)
    return folder


@pytest.fixture(scope="module", params=[True, False], ids=["swin", "resnet"])
def model(request: pytest.FixtureRequest) -> Published:
    model: Published = randomised(Published(request.param), 0.05)
    model.logit_scale.data.fill_(4.8)
    return model


@pytest.fixture(scope="module")
def loaded(folder: Path, model: Published) -> LoadedModel:
    name = "swin" if hasattr(model.vision_model, "projection_head") else "resnet"
    torch.save(stored(model), folder / f"{name}.bin")
    return imported("medclip", folder / f"{name}.bin", folder / name, tokenizer=str(folder / "words"))


def test_films_have_the_published_vectors(loaded: LoadedModel, model: Published) -> None:
    films = noise(3, 3, 224, 224)
    with torch.no_grad():
        expected = model.images(films)
        found = loaded.model.encode_images(films)
    assert differ(expected)
    assert least_cosine(found, expected) > 0.99999


def test_texts_are_the_mean_of_three_layers_whatever_else_is_asked(
    loaded: LoadedModel, model: Published
) -> None:
    ids, mask = (torch.from_numpy(one) for one in loaded.tokenizers["text"].encode(TEXTS))
    with torch.no_grad():
        expected = torch.stack([model.text(row[kept]) for row, kept in zip(ids, mask, strict=True)])
        found = loaded.model.encode_texts(ids, mask)
    assert len(set(mask.sum(dim=1).tolist())) > 1
    assert differ(expected)
    assert least_cosine(found, expected) > 0.99999


def test_the_scale_is_kept_within_its_limits(loaded: LoadedModel) -> None:
    assert float(loaded.model.scale().detach()) == pytest.approx(np.exp(4.6052), rel=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_those_of_the_published_extractor(shape: tuple[int, int]) -> None:
    """Pillow: black around to a square, then bicubic."""
    image, side = Image.fromarray(film(shape)), max(shape)
    square = Image.new("L", (side, side), 0)
    square.paste(image, ((side - shape[0]) // 2, (side - shape[1]) // 2))
    pixels = np.array(square.resize((224, 224), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    expected = torch.from_numpy((pixels - 0.5862785803043838) / 0.27950088968644304).expand(3, -1, -1)
    how = preprocessing()
    assert grey_levels(ours(shape, how), expected, how) <= 1 / 255


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text_model.projection_head.weight": None}, "'text_model.projection_head.weight' is missing"),
        ({"logit_scale": torch.tensor(float("inf"))}, "'logit_scale' is no finite number"),
        ({"text_model.model.embeddings.LayerNorm.bias": torch.zeros(3)}, "LayerNorm.bias' is (3,)"),
        ({"vision_model.extra": torch.zeros(3)}, "'vision_model.extra' is not part of such a model"),
    ],
)
def test_what_does_not_fit_ends_in_one_line(
    folder: Path, loaded: LoadedModel, model: Published, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    tensors = {name: value for name, value in (stored(model) | change).items() if value is not None}
    torch.save(tensors, tmp_path / "other.bin")
    with pytest.raises(ModelError, match=re.escape(words)):
        imported("medclip", tmp_path / "other.bin", tmp_path / "model", tokenizer=str(folder / "words"))

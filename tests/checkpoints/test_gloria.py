"""GLoRIA: torchvision's ResNet-50 and a BERT, put together as described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms as tv
from PIL import Image
from torch import Tensor, nn
from torchvision.models import resnet50

from plainfilm.checkpoints.gloria import preprocessing
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
from tests.checkpoints.published import vocabulary_folder

WIDTH, PLACES = 64, 97
TEXTS = ("no pleural effusion", "large pneumothorax", "there is a pleural effusion")


class Published(nn.Module):
    def __init__(self) -> None:
        from transformers import BertConfig, BertModel

        super().__init__()
        self.img_encoder, self.text_encoder = nn.Module(), nn.Module()
        self.img_encoder.model = resnet50(weights=None)
        self.img_encoder.model.fc = nn.Identity()
        self.img_encoder.global_embedder = nn.Linear(2048, WIDTH)
        self.img_encoder.local_embedder = nn.Conv2d(1024, WIDTH, 1, bias=False)
        small = {"num_hidden_layers": 5, "num_attention_heads": 1, "intermediate_size": 96}
        self.text_encoder.model = BertModel(BertConfig(vocab_size=40, hidden_size=WIDTH, **small))

    def images(self, films: Tensor) -> Tensor:
        larger = nn.functional.interpolate(films, size=(299, 299), mode="bilinear", align_corners=True)
        return self.img_encoder.global_embedder(self.img_encoder.model(larger))

    def text(self, ids: Tensor) -> Tensor:
        """The last four layers added up; pieces of words too, and divided by 97 places, of which the rest are
        zeros."""
        full = torch.cat([ids, torch.zeros(PLACES - len(ids), dtype=torch.int64)])[None]
        mask = (torch.arange(PLACES) < len(ids)).long()[None]
        states = self.text_encoder.model(full, attention_mask=mask, output_hidden_states=True).hidden_states
        summed = torch.stack(states[-4:]).sum(dim=0)[0]
        return (summed * mask[0][:, None]).sum(dim=0) / PLACES


@pytest.fixture(scope="module")
def model() -> Published:
    return randomised(Published(), 0.05)


def checkpoint(model: Published, **changes: Tensor) -> dict[str, Any]:
    tensors: Tensors = {f"gloria.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors["gloria.text_encoder.model.embeddings.position_ids"] = torch.arange(512)[None]
    return {"state_dict": tensors | changes, "hyper_parameters": {"model": {}}, "epoch": 9}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gloria")
    vocabulary_folder(folder / "words", 40)
    return folder


@pytest.fixture(scope="module")
def loaded(folder: Path, model: Published) -> LoadedModel:
    torch.save(checkpoint(model), folder / "chexpert_resnet50.ckpt")
    path = folder / "chexpert_resnet50.ckpt"
    return imported("gloria", path, folder / "model", tokenizer=str(folder / "words"))


def test_films_have_the_published_global_vectors(loaded: LoadedModel, model: Published) -> None:
    films = noise(3, 3, 224, 224)
    with torch.no_grad():
        expected, found = model.images(films), loaded.model.encode_images(films)
    assert differ(expected)
    assert least_cosine(found, expected) > 0.99999


def test_texts_have_the_published_direction(loaded: LoadedModel, model: Published) -> None:
    ids, mask = (torch.from_numpy(one) for one in loaded.tokenizers["text"].encode(TEXTS))
    with torch.no_grad():
        expected = torch.stack([model.text(row[kept]) for row, kept in zip(ids, mask, strict=True)])
        found = loaded.model.encode_texts(ids, mask)
    assert differ(expected)
    assert least_cosine(found, expected) > 0.99999


def test_texts_are_words_of_small_letters_alone(loaded: LoadedModel) -> None:
    tokenizer = loaded.tokenizers["text"]
    plain, _ = tokenizer.encode(["no pleural effusion"])
    marked, _ = tokenizer.encode(["No   pleural, effusion…!"])
    assert marked.tolist() == plain.tolist()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_those_of_the_published_code(shape: tuple[int, int]) -> None:
    """The longer side to 256 by means over areas (as `cv2.INTER_AREA`), black around, the middle 224."""
    values = film(shape)
    scale = 256 / max(shape)
    size = tuple(int(side * scale) if side != max(shape) else 256 for side in shape)
    small = np.rint(areas(areas(values.astype(float), size[1]).T, size[0]).T).astype(np.uint8)
    left, top = (256 - size[0]) // 2, (256 - size[1]) // 2
    square = np.zeros((256, 256), np.uint8)
    square[top : top + size[1], left : left + size[0]] = small
    steps = [tv.CenterCrop(224), tv.ToTensor(), tv.Normalize(0.5, 0.5)]
    expected = tv.Compose(steps)(Image.fromarray(square)).expand(3, -1, -1)
    how = preprocessing()
    assert grey_levels(ours(shape, how), expected, how) <= 1.01 / 255


def areas(values: np.ndarray, rows: int) -> np.ndarray:
    """The rows of an image as means over equal, possibly fractional, shares of them."""
    edges = np.linspace(0, len(values), rows + 1)
    summed = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])
    whole = np.floor(edges).astype(int)
    part = (edges - whole)[:, None] * values[np.minimum(whole, len(values) - 1)]
    upto = summed[whole] + part
    return np.diff(upto, axis=0) / np.diff(edges)[:, None]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gloria.img_encoder.global_embedder.weight": torch.zeros(32, 2048)}, "films have 32 features"),
        ({"gloria.text_encoder.emb_global.weight": torch.zeros(2)}, "is not part of such a model"),
    ],
)
def test_what_does_not_fit_ends_in_one_line(
    folder: Path, model: Published, tmp_path: Path, change: Tensors, words: str
) -> None:
    torch.save(checkpoint(model, **change), tmp_path / "other.ckpt")
    with pytest.raises(ModelError, match=re.escape(words)):
        imported("gloria", tmp_path / "other.ckpt", tmp_path / "model", tokenizer=str(folder / "words"))

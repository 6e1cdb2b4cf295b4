"""BioViL and BioViL-T: a plain statement of the public description, of torchvision and transformers."""

from __future__ import annotations

import json
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

from plainfilm.checkpoints.biovil import preprocessing
from plainfilm.cli.main import run
from plainfilm.errors import ModelError
from plainfilm.model_folder import LoadedModel
from plainfilm.predictor import load
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

JOINT, WIDTH = 128, 64
TEXTS = ("no pleural effusion", "large pneumothorax", "there is a pleural effusion .")


class Images(nn.Module):
    """As described: ResNet-50, for BioViL-T a smaller map beside a learned one, 1x1 convolutions."""

    def __init__(self, compares: bool) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.encoder = resnet50(weights=None)
        del self.encoder.encoder.fc
        width = 2048
        if compares:
            self.encoder.backbone_to_vit = nn.Conv2d(2048, 256, 1, bias=False)
            self.encoder.missing_previous_emb = nn.Parameter(torch.zeros(1, 256, 1, 1))
            self.encoder.vit_pooler = nn.Module()
            self.encoder.vit_pooler.type_embed = nn.Parameter(torch.zeros(2, 1, 256))
            self.encoder.vit_pooler.norm_post = nn.LayerNorm(256)
            width = 512
        self.projector = nn.Module()
        self.projector.model = nn.Sequential(
            nn.Conv2d(width, JOINT, 1, bias=False),
            nn.BatchNorm2d(JOINT),
            nn.ReLU(),
            nn.Conv2d(JOINT, JOINT, 1),
        )

    def forward(self, films: Tensor) -> Tensor:
        net = self.encoder.encoder
        maps = net.maxpool(net.relu(net.bn1(net.conv1(films))))
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            maps = stage(maps)
        if hasattr(self.encoder, "backbone_to_vit"):
            own = self.encoder.backbone_to_vit(maps)
            missing = self.encoder.missing_previous_emb.repeat(len(own), 1, *own.shape[2:])
            maps = torch.cat([own, missing], dim=1)
        return self.projector.model(maps)


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense_to_hidden = nn.Linear(WIDTH, JOINT)
        self.LayerNorm = nn.LayerNorm(JOINT, eps=1e-12)
        self.dense_to_output = nn.Linear(JOINT, JOINT)

    def forward(self, features: Tensor) -> Tensor:
        return self.dense_to_output(self.LayerNorm(nn.functional.gelu(self.dense_to_hidden(features))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("biovil")


@pytest.fixture(scope="module", params=[False, True], ids=["biovil", "biovil-t"])
def films_model(request: pytest.FixtureRequest) -> Images:
    return randomised(Images(request.param), 0.03)


def text_folder(folder: Path) -> tuple[Any, Head, Path]:
    """CXR-BERT: the folder of the hub, whose configuration asks for code of its own."""
    from transformers import BertConfig, BertForMaskedLM

    words = vocabulary_folder(folder, 40)
    config = BertConfig(
        vocab_size=40, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=1, intermediate_size=96
    )
    bert, head = randomised(BertForMaskedLM(config)), randomised(Head())
    stored = {name: tensor.clone() for name, tensor in bert.state_dict().items()}
    stored["bert.embeddings.position_ids"] = torch.arange(512)[None]
    stored |= {f"cls_projection_head.{name}": tensor for name, tensor in head.state_dict().items()}
    torch.save(stored, words / "pytorch_model.bin")
    stated = {"model_type": "cxr-bert", "auto_map": {"AutoModel": "modeling_cxrbert.CXRBertModel"}}
    (words / "config.json").write_text(json.dumps(stated))
    return bert, head, words


@pytest.fixture(scope="module")
def texts(folder: Path) -> tuple[Any, Head, Path]:
    return text_folder(folder / "cxr-bert")


@pytest.fixture(scope="module")
def loaded(folder: Path, films_model: Images, texts: tuple[Any, Head, Path]) -> LoadedModel:
    name = "t" if hasattr(films_model.encoder, "backbone_to_vit") else "plain"
    torch.save(films_model.state_dict(), folder / f"{name}.pt")
    return imported("biovil", folder / f"{name}.pt", folder / name, text=str(texts[2]))


def test_films_are_the_mean_of_projected_patches(loaded: LoadedModel, films_model: Images) -> None:
    films = noise(3, 3, 96, 96)
    with torch.no_grad():
        maps = films_model(films)
        features = loaded.model.film_features(films)
        vectors = loaded.model.image_vectors(features)
    expected = maps.mean(dim=(2, 3))
    assert differ(expected)
    assert least_cosine(vectors, expected) > 0.99999
    patches = maps.flatten(2).transpose(1, 2)
    assert least_cosine(features.patches.flatten(0, 1), patches.flatten(0, 1)) > 0.99999


def test_texts_are_the_projected_first_token(loaded: LoadedModel, texts: tuple[Any, Head, Path]) -> None:
    bert, head, _ = texts
    ids, mask = (torch.from_numpy(one) for one in loaded.tokenizers["text"].encode(TEXTS))
    with torch.no_grad():
        hidden = bert.bert(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        expected = head(hidden[:, 0])
        found = loaded.model.encode_texts(ids, mask)
    assert differ(expected)
    assert least_cosine(found, expected) > 0.99999
    assert float(loaded.model.scale()) == pytest.approx(1.0)


def test_without_the_text_encoder_it_encodes_films(folder: Path, loaded: LoadedModel, tmp_path: Path) -> None:
    found = imported("biovil", folder / "plain.pt", tmp_path / "model")
    vectors = load(tmp_path / "model").encode_images([film((90, 70))])
    assert np.linalg.norm(vectors) == pytest.approx(1.0, abs=1e-5)
    assert found.tokenizers == {}


@pytest.mark.parametrize("compares", [False, True], ids=["biovil", "biovil-t"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_those_of_the_published_inference(shape: tuple[int, int], compares: bool) -> None:
    """Grey values from 0 to 255, then torchvision's Resize, CenterCrop and ToTensor."""
    values = film(shape).astype(float)
    stretched = ((values - values.min()) / (values - values.min()).max() * 255).astype(np.uint8)
    side = 448 if compares else 480
    expected = tv.Compose([tv.Resize(512), tv.CenterCrop(side), tv.ToTensor()])(Image.fromarray(stretched))
    how = preprocessing(compares)
    assert grey_levels(ours(shape, how), expected.expand(3, -1, -1), how) <= 1 / 255


def test_a_file_with_the_published_name_is_compared_with_its_hash(
    folder: Path, loaded: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "biovil_image_resnet50_proj_size_128.pt"
    other.write_bytes((folder / "plain.pt").read_bytes())
    assert run(["import", "biovil", str(other), "--out", str(tmp_path / "model")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "has the name of a published file and is another (md5 is not 02ce6ee460f7" in said[0]


def changed(films_model: Images, change: Tensors) -> Tensors:
    return films_model.state_dict() | change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"projector.model.0.weight": torch.zeros(128, 9, 1, 1)},
            "'projector.model.0.weight' is (128, 9, 1, 1)",
        ),
        ({"encoder.encoder.layer5.weight": torch.zeros(1)}, "is not part of such a model"),
    ],
)
def test_another_size_ends_in_one_line(
    films_model: Images, tmp_path: Path, change: Tensors, words: str
) -> None:
    torch.save(changed(films_model, change), tmp_path / "other.pt")
    with pytest.raises(ModelError, match=re.escape(words)):
        imported("biovil", tmp_path / "other.pt", tmp_path / "model")


def test_a_text_encoder_of_something_else_ends_in_one_line(
    folder: Path, loaded: LoadedModel, texts: tuple[Any, Head, Path], tmp_path: Path
) -> None:
    (tmp_path / "bert").mkdir()
    torch.save(texts[0].state_dict(), tmp_path / "bert" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="so it is not of CXR-BERT"):
        imported("biovil", folder / "plain.pt", tmp_path / "model", text=str(tmp_path / "bert"))
    with pytest.raises(ModelError, match="no such folder; text= names that of CXR-BERT"):
        imported("biovil", folder / "plain.pt", tmp_path / "model", text=str(tmp_path / "nowhere"))

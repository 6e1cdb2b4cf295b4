"""CARZero: timm's ViT, a BERT and PyTorch's own attention, put together as described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from plainfilm.checkpoints import gloria
from plainfilm.errors import ModelError, UsageError
from plainfilm.model_folder import LoadedModel
from plainfilm.predictor import load
from tests.checkpoints.families import Tensors, film, imported, noise, randomised
from tests.checkpoints.published import vocabulary_folder

WIDTH, PLACES = 64, 97
TEXTS = ("no pleural effusions", "large pneumothorax", "there is a pleural effusion")


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(WIDTH, 4)
        self.multihead_attn = nn.MultiheadAttention(WIDTH, 4)
        self.linear1, self.linear2 = nn.Linear(WIDTH, 96), nn.Linear(96, WIDTH)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(WIDTH) for _ in range(3))

    def forward(self, state: Tensor, memory: Tensor) -> Tensor:
        """Places first, as upstream."""
        state = state + self.multihead_attn(self.norm2(state), memory, memory)[0]
        return state + self.linear2(torch.relu(self.linear1(self.norm3(state))))


class Published(nn.Module):
    def __init__(self) -> None:
        from transformers import BertConfig, BertModel

        super().__init__()
        self.img_encoder, self.text_encoder, self.fusion_module = nn.Module(), nn.Module(), nn.Module()
        small = {"embed_dim": WIDTH, "depth": 2, "num_heads": 1, "img_size": 64, "num_classes": 0}
        self.img_encoder.model = timm.create_model("vit_base_patch16_224", **small)
        small = {"num_hidden_layers": 5, "num_attention_heads": 1, "intermediate_size": 96}
        self.text_encoder.model = BertModel(BertConfig(vocab_size=40, hidden_size=WIDTH, **small))
        self.fusion_module.logit_scale = nn.Parameter(torch.tensor(2.0))
        self.fusion_module.decoder_norm = nn.LayerNorm(WIDTH)
        self.fusion_module.decoder = nn.Module()
        self.fusion_module.decoder.layers = nn.ModuleList(Block() for _ in range(2))
        self.fusion_module.decoder.norm = self.fusion_module.decoder_norm  # stored under both names
        layers = [nn.Linear(WIDTH, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1)]
        self.fusion_module.mlp_head = nn.Sequential(*layers)

    def fuse(self, memory: Tensor, queries: Tensor) -> Tensor:
        """(N, M, F) and (Q, F) to (N, Q)."""
        part = self.fusion_module
        state = part.decoder_norm(queries.unsqueeze(1).repeat(1, len(memory), 1))
        read = part.decoder_norm(memory.transpose(0, 1))
        for layer in part.decoder.layers:
            state = layer(state, read)
        return part.mlp_head(part.decoder_norm(state).transpose(0, 1)).squeeze(-1)

    def words(self, ids: list[int], pieces: set[int]) -> Tensor:
        """97 places: for each word the sum of its pieces over the last four layers, then zeros."""
        states = self.text_encoder.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        summed = torch.stack(states[-4:]).sum(dim=0)[0]
        words: list[Tensor] = []
        for number, vector in zip(ids, summed, strict=True):
            if number in pieces:
                words[-1] = words[-1] + vector
            else:
                words.append(vector)
        return torch.cat([torch.stack(words), torch.zeros(PLACES - len(words), WIDTH)])

    def scores(self, films: Tensor, rows: list[list[int]], pieces: set[int]) -> Tensor:
        features = self.img_encoder.model.forward_features(films)
        words = torch.stack([self.words(row, pieces) for row in rows])
        whole = words.mean(dim=1)
        of_films = self.fuse(features, whole)
        of_texts = self.fuse(torch.cat([whole.unsqueeze(1), words], dim=1), features[:, 0])
        return (of_films + of_texts.T) / 2


@pytest.fixture(scope="module")
def model() -> Published:
    return randomised(Published())


def checkpoint(model: Published, **changes: Tensor) -> dict[str, Any]:
    tensors: Tensors = {f"CARZero.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    tensors["CARZero.text_encoder.model.embeddings.position_ids"] = torch.arange(512)[None]
    return {"state_dict": tensors | changes, "hyper_parameters": {"model": {}}, "epoch": 9}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("carzero")
    vocabulary_folder(folder / "words", 40)
    return folder


@pytest.fixture(scope="module")
def loaded(folder: Path, model: Published) -> LoadedModel:
    torch.save(checkpoint(model), folder / "CARZero_best_model.ckpt")
    path = folder / "CARZero_best_model.ckpt"
    return imported("carzero", path, folder / "model", tokenizer=str(folder / "words"))


@torch.no_grad()
def test_pairs_have_the_published_scores(loaded: LoadedModel, model: Published) -> None:
    tokenizer, films = loaded.tokenizers["text"], noise(3, 3, 64, 64)
    ids, mask = (torch.from_numpy(one) for one in tokenizer.encode(TEXTS))
    rows = [row[kept].tolist() for row, kept in zip(ids, mask, strict=True)]
    pieces = {number for number in range(40) if tokenizer.continues_word(number)}
    assert any(number in pieces for row in rows for number in row)
    expected = model.scores(films, rows, pieces)
    found = loaded.model.pair_scores(loaded.model.film_features(films), loaded.model.pair_texts(ids, mask))
    assert float(expected.std()) > 0.01
    assert torch.allclose(found, expected, atol=1e-5)


def test_films_and_texts_are_scored_alone(loaded: LoadedModel, folder: Path) -> None:
    predictor = load(folder / "model")
    films = [film((90, 70)), film((70, 90))]
    prompts = {"Effusion": ("pleural effusion", "no pleural effusion"), "Pneumothorax": ("pneumothorax", ())}
    together = predictor.zero_shot(films, prompts)
    alone = predictor.zero_shot(films[:1], {"Effusion": prompts["Effusion"]})
    assert together.positive.shape == (2, 2)
    assert together.positive[0, 0] == pytest.approx(float(alone.positive[0, 0]), abs=1e-5)
    assert np.isnan(together.negative[:, 1]).all()
    margin = together.positive[:, 0] - together.negative[:, 0]
    assert together.probability[:, 0] == pytest.approx(1 / (1 + np.exp(-margin)), abs=1e-5)


def test_an_ensemble_is_the_mean_of_its_scores(loaded: LoadedModel, folder: Path) -> None:
    predictor = load(folder / "model")
    films, both = [film((90, 70))], ("pleural effusion", "large pleural effusion")
    mean = predictor.zero_shot(films, {"Effusion": (both, ())}).positive[0, 0]
    single = [predictor.zero_shot(films, {"Effusion": (one, ())}).positive[0, 0] for one in both]
    assert mean == pytest.approx(np.mean(single), abs=1e-5)


def test_findings_are_given_and_there_are_no_vectors(loaded: LoadedModel, folder: Path) -> None:
    predictor = load(folder / "model")
    found = next(iter(predictor.findings([film((90, 70))], {"Effusion": ("effusion", "no effusion")})))
    assert not isinstance(found, Exception)
    assert 0 < float(found[0].probability) < 1
    with pytest.raises(UsageError, match="does not encode films as vectors"):
        predictor.encode_images([film((90, 70))])


def test_pixels_are_glorias_with_another_normalisation(loaded: LoadedModel) -> None:
    how = loaded.config.preprocessing
    values = {"mean": how.mean, "std": how.std, "size": how.size, "resize": how.resize}
    assert how == gloria.preprocessing().model_copy(update=values)
    assert (how.mean[0], how.std[0], how.size, how.resize) == (0.4978, 0.2449, 64, 73)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"CARZero.fusion_module.mlp_head.3.weight": torch.zeros(1, 9)}, "mlp_head.3.weight' is (1, 9)"),
        ({"CARZero.img_encoder.extra": torch.zeros(2)}, "'img_encoder.extra' is not part of such a model"),
    ],
)
def test_what_does_not_fit_ends_in_one_line(
    folder: Path, model: Published, tmp_path: Path, change: Tensors, words: str
) -> None:
    torch.save(checkpoint(model, **change), tmp_path / "other.ckpt")
    with pytest.raises(ModelError, match=re.escape(words)):
        imported("carzero", tmp_path / "other.ckpt", tmp_path / "model", tokenizer=str(folder / "words"))

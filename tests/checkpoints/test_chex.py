"""Checkpoints of ChEX: the numbers of a plain NumPy statement, every tensor used."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plainfilm.batches.resizing import resize_to
from plainfilm.batches.transforms import to_tensor
from plainfilm.checkpoints import import_checkpoint
from plainfilm.checkpoints.chex import preprocessing
from plainfilm.errors import ModelError
from plainfilm.model_folder import LoadedModel, load_model
from plainfilm.nn.base import ImageFeatures
from plainfilm.predictor import load
from plainfilm.seeding import generator
from tests.checkpoints import published_chex as published
from tests.checkpoints.clip_tokenizer import TEXTS, clip_tokenizer_folder, gpt2_tokenizer_folder

SIDE = published.PATCH * published.GRID
BOX = np.array([0.45, 0.6, 0.3, 0.5])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chex")


@pytest.fixture(scope="module")
def tensors(folder: Path) -> published.Tensors:
    rows = clip_tokenizer_folder(folder / "prompts"), gpt2_tokenizer_folder(folder / "sentences")
    return published.stage3(*rows)


def options(folder: Path, **more: Any) -> dict[str, Any]:
    return {"tokenizer": str(folder / "prompts"), "sentence_tokenizer": str(folder / "sentences")} | more


def imported(folder: Path, tensors: published.Tensors, out: Path, **more: Any) -> LoadedModel:
    path = published.save(tensors, out.with_suffix(".pth"), more.pop("config", None))
    import_checkpoint("chex", path, out, options(folder, **more))
    return load_model(out)


@pytest.fixture(scope="module")
def loaded(folder: Path, tensors: published.Tensors) -> LoadedModel:
    return imported(folder, tensors, folder / "model")


def films() -> np.ndarray:
    """Normalised films (N, 3, H, W)."""
    return generator("chex films").normal(0, 1, (2, 3, SIDE, SIDE)).astype(np.float32).astype(float)


@pytest.fixture(scope="module")
def features(loaded: LoadedModel) -> ImageFeatures:
    with torch.no_grad():
        return loaded.model.film_features(torch.from_numpy(films().astype(np.float32)))


def prompts(loaded: LoadedModel) -> tuple[torch.Tensor, torch.Tensor]:
    ids, mask = loaded.tokenizers["text"].encode(TEXTS)
    return torch.from_numpy(ids), torch.from_numpy(mask)


def published_prompts(loaded: LoadedModel, tensors: published.Tensors) -> np.ndarray:
    return published.text(tensors, prompts(loaded)[0].numpy())


def close(found: torch.Tensor, expected: np.ndarray, atol: float = 1e-5) -> None:
    assert float(np.std(expected)) > 100 * atol  # else anything would be close
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=atol, rtol=1e-5)


def test_prompts_have_the_published_vectors(loaded: LoadedModel, tensors: published.Tensors) -> None:
    close(loaded.model.prompt_vectors(*prompts(loaded)), published_prompts(loaded, tensors))


def test_patches_and_positions_are_the_published_ones(
    loaded: LoadedModel, features: ImageFeatures, tensors: published.Tensors
) -> None:
    patches, positions, whole = published.image(tensors, films())
    close(loaded.model.patches(features), patches)
    close(loaded.model.positioned(features), patches + positions)
    close(loaded.model.image_projection(features.pooled), whole)


def test_boxes_weights_and_features_of_prompts_are_the_published_ones(
    loaded: LoadedModel, features: ImageFeatures, tensors: published.Tensors
) -> None:
    vectors = published_prompts(loaded, tensors)
    asked = torch.from_numpy(vectors).float().expand(2, -1, -1)
    with torch.no_grad():
        found, regions, logits = loaded.model.detect(features, asked)
    sticks_out = False
    for place, prompt in enumerate(vectors):
        boxes, weights, expected = published.detected(tensors, films(), prompt)
        corners = np.concatenate(
            [boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1
        )
        sticks_out |= bool((corners < 0).any() or (corners > 1).any())
        close(found.boxes[:, place], corners.clip(0, 1))
        close(logits[:, place].sigmoid(), weights)
        close(regions[:, place], expected, 2e-5)
    assert sticks_out  # pooling reads boxes as they are predicted


def test_answers_to_prompts_and_boxes_are_the_published_ones(
    loaded: LoadedModel, features: ImageFeatures, tensors: published.Tensors
) -> None:
    vectors = published_prompts(loaded, tensors)
    with torch.no_grad():
        _, _, answers = loaded.model.prompt_answers(
            features, torch.from_numpy(vectors).float().expand(2, -1, -1)
        )
        corners = np.concatenate([BOX[:2] - BOX[2:] / 2, BOX[:2] + BOX[2:] / 2])
        boxed = loaded.model.box_answers(features, torch.from_numpy(corners).float().expand(2, 1, 4))
    for place, prompt in enumerate(vectors):
        close(answers[:, place], published.prompt_answer(tensors, films(), prompt), 2e-5)
    close(boxed[:, 0], published.box_answer(tensors, films(), BOX), 2e-5)


def test_sentences_are_written_from_the_published_logits(
    loaded: LoadedModel, features: ImageFeatures, tensors: published.Tensors
) -> None:
    ids, mask = loaded.tokenizers["sentence"].encode(["the heart is enlarged", "pulmonary edema"])
    told = published.box_answer(tensors, films(), BOX)
    asked = torch.from_numpy(told).float()[:, None]
    with torch.no_grad():
        given = torch.ones(2, 1, dtype=torch.bool), torch.from_numpy(ids), torch.from_numpy(mask)
        logits = loaded.model.sentence_logits(asked, *given)
        greedy = loaded.model.written(asked, 12)[:, 0]
    close(logits, published.words(tensors, told, ids)[mask], 5e-5)
    written = np.full((2, 1), ids[0, 0])
    for _ in range(greedy.shape[1]):
        chosen = published.words(tensors, told, written)[:, -1].argmax(-1)
        written = np.concatenate([written, chosen[:, None]], 1)
    end = loaded.tokenizers["sentence"].end_id
    for row, expected in zip(greedy.tolist(), written[:, 1:].tolist(), strict=True):
        length = expected.index(end) if end in expected else len(expected)
        assert row[:length] == expected[:length]


def test_a_film_is_answered(folder: Path, loaded: LoadedModel) -> None:
    model = load(folder / "model")
    film = generator("film").integers(0, 255, (90, 70), dtype=np.uint8)
    [found] = model.locate([film], ["pulmonary edema"])
    assert found


def test_the_folder_says_where_it_comes_from(loaded: LoadedModel) -> None:
    stated = loaded.config.recipe["imported"]
    assert (stated["family"], stated["licence"]) == ("chex", "MIT (code and weights)")
    architecture: Any = loaded.config.architecture
    assert (architecture.detector.pooling, architecture.detector.depth) == ("sum", 2)
    assert architecture.decoding.max_tokens == 15


def test_pixels_are_those_of_the_published_code() -> None:
    """A film of three times 256 pixels: means over areas, then between the nearest four."""
    film = generator("chex pixels").integers(0, 255, (768, 768), dtype=np.uint8)
    smaller = torch.from_numpy(film.reshape(256, 3, 256, 3).mean(axis=(1, 3)) / 255)[None, None]
    expected = torch.nn.functional.interpolate(smaller, size=(224, 224), mode="bilinear", align_corners=False)
    how = preprocessing(224)
    found = to_tensor(resize_to(film, how)[None], how)
    assert found.shape == (1, 3, 224, 224)
    np.testing.assert_allclose(found[:, :1], (expected - 0.505) / 0.248, atol=1e-4)


def without(tensors: published.Tensors, *prefixes: str) -> published.Tensors:
    return {name: value for name, value in tensors.items() if not name.startswith(prefixes)}


@pytest.mark.parametrize(
    "left", [("txt_decoder.",), ("txt_decoder.", "post_decoder.")], ids=["stage 2", "stage 1"]
)
def test_earlier_stages_are_read(
    folder: Path, tensors: published.Tensors, tmp_path: Path, left: tuple[str, ...]
) -> None:
    found = imported(folder, without(tensors, *left), tmp_path / "model")
    assert "sentence" not in found.model.parts()
    assert ("post_decoder" in found.model.parts()) == (len(left) == 1)


def test_masks_of_older_libraries_and_parts_of_training_are_left_out(
    folder: Path, tensors: published.Tensors, tmp_path: Path
) -> None:
    more = {"txt_decoder.language_model.transformer.h.0.attn.bias": np.zeros((1, 1, 4, 4))}
    more["supervisors.sent_tok.weight"] = np.zeros(3)
    path = published.save(tensors | more, tmp_path / "model.pth")
    assert set(import_checkpoint("chex", path, tmp_path / "model", options(folder)).dropped) == set(more)


def test_a_model_trained_without_dropout_has_other_names(
    folder: Path, tensors: published.Tensors, loaded: LoadedModel, tmp_path: Path
) -> None:
    renamed = {
        re.sub(r"\.layers\.3\.", ".layers.2.", name)
        if not name.startswith(("img", "txt_encoder"))
        else name: value
        for name, value in tensors.items()
    }
    found = imported(folder, renamed, tmp_path / "model", config=published.CONFIG | {"dropout": 0.0})
    ours, theirs = loaded.model.state_dict(), found.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("part", "key", "value", "words"),
    [
        (None, "act", "relu", "its act is relu; only gelu"),
        ("detector", "decoder_sa", True, "its detector.decoder_sa is True; only False"),
        ("txt_decoder", "position_offset", "prefix", "its txt_decoder.position_offset is prefix; only None"),
        (None, "n_head", 5, "5 attention heads do not divide 24"),
        (None, "dropout", "much", "dropout"),
    ],
)
def test_settings_of_another_model_are_refused(
    folder: Path,
    tensors: published.Tensors,
    tmp_path: Path,
    part: str | None,
    key: str,
    value: object,
    words: str,
) -> None:
    config = deepcopy(published.CONFIG)
    (config[part] if part else config)[key] = value
    with pytest.raises(ModelError, match=re.escape(words)) as refused:
        imported(folder, tensors, tmp_path / "model", config=config)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("detector.multiregion_tokens", None, "'detector.multiregion_tokens' is missing"),
        ("detector.decoder.decoder_layers.1.sa_block.sa.in_proj_bias", None, "is missing"),
        ("img_encoder.backbone.proj", None, "'img_encoder.backbone.proj' is missing"),
        ("img_encoder.backbone.positional_embedding", None, "positional_embedding' is missing"),
        ("txt_decoder.prefix_proj.layers.3.weight", (7, 96), "has 7 rows, which are not keys and values"),
        ("txt_decoder.language_model.lm_head.weight", (5, 128), "which is one table in GPT-2"),
        ("detector.bbox_predictor.1.layers.3.bias", (5,), "is (5,)"),
        ("detector.extra", (2,), "'detector.extra' is not part of such a model"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(
    folder: Path, tensors: published.Tensors, tmp_path: Path, name: str, shape: Any, words: str
) -> None:
    changed = without(tensors, name) if shape is None else tensors | {name: np.zeros(shape)}
    with pytest.raises(ModelError, match=re.escape(words)) as refused:
        imported(folder, changed, tmp_path / "model")
    assert "\n" not in str(refused.value)


def test_the_sentence_tokenizer_of_another_model_is_refused(
    folder: Path, tensors: published.Tensors, tmp_path: Path
) -> None:
    other = {"sentence_tokenizer": str(folder / "prompts")}
    with pytest.raises(ModelError, match="sentence_tokenizer=FOLDER"):
        imported(folder, tensors, tmp_path / "model", **other)

"""Checkpoints of CheXzero: the numbers of the transformers library's CLIP, every tensor used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from plainfilm.batches.resizing import resize_to
from plainfilm.batches.transforms import to_tensor
from plainfilm.checkpoints import import_checkpoint
from plainfilm.checkpoints.chexzero import preprocessing
from plainfilm.cli.main import run
from plainfilm.errors import ModelError
from plainfilm.model_folder import LoadedModel, load_model
from plainfilm.predictor import load
from plainfilm.seeding import generator
from plainfilm.training.recipe import Recipe
from plainfilm.training.stages import load_stages
from tests.checkpoints.clip_tokenizer import TEXTS, clip_tokenizer_folder

PATCH, GRID, WIDTH, DIMENSION, POSITIONS = 32, 2, 128, 24, 20
GREYS = 83.43944
"""Grey values in a unit of the normalised input."""

Tensors = dict[str, Tensor]


def reference(rows: int) -> Any:
    """A small CLIP of the transformers library with weights at random."""
    from transformers import CLIPConfig, CLIPModel

    common = {"num_hidden_layers": 2, "hidden_act": "quick_gelu", "projection_dim": DIMENSION}
    text = {"hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 1, "vocab_size": rows}
    text |= {"max_position_embeddings": POSITIONS, "eos_token_id": rows - 1, "bos_token_id": rows - 2}
    vision = {"hidden_size": WIDTH, "intermediate_size": 512, "num_attention_heads": 2}
    vision |= {"image_size": PATCH * GRID, "patch_size": PATCH}
    config = CLIPConfig(text_config=text | common, vision_config=vision | common, projection_dim=DIMENSION)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(config).eval()
        for name, tensor in model.named_parameters():
            if name != "logit_scale":
                tensor.data.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.15)
        model.logit_scale.data.fill_(3.0)
    return model


_TOWER = {
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm": "visual.ln_pre",
    "vision_model.post_layernorm": "visual.ln_post",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm": "ln_final",
}
_LAYER = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
_LAYER["self_attn.out_proj"] = "attn.out_proj"


def openai_names(model: Any) -> Tensors:
    """The weights of the library's CLIP as OpenAI's code stores them."""
    stored: Tensors = {}
    for name, tensor in model.state_dict().items():
        layer = re.fullmatch(r"(vision|text)_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
        stem, _, kind = name.rpartition(".")
        if name in ("visual_projection.weight", "text_projection.weight"):
            stored["visual.proj" if name.startswith("v") else "text_projection"] = tensor.T.clone()
        elif layer:
            block = f"{'visual.' if layer[1] == 'vision' else ''}transformer.resblocks.{layer[2]}"
            if layer[3].startswith("self_attn.q"):
                parts = [name.replace("q_proj", f"{which}_proj") for which in "qkv"]
                stored[f"{block}.attn.in_proj_{layer[4]}"] = torch.cat(
                    [model.state_dict()[one] for one in parts]
                )
            elif layer[3] in _LAYER:
                stored[f"{block}.{_LAYER[layer[3]]}.{layer[4]}"] = tensor.clone()
        elif name in _TOWER or stem in _TOWER:
            stored[_TOWER.get(name) or f"{_TOWER[stem]}.{kind}"] = tensor.clone()
        elif "position_ids" not in name:
            stored[name] = tensor.clone()
    return stored


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chexzero")


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return reference(clip_tokenizer_folder(folder / "words"))


@pytest.fixture(scope="module")
def tensors(model: Any) -> Tensors:
    return openai_names(model)


def imported(folder: Path, tensors: object, out: Path, **options: Any) -> LoadedModel:
    path = out.with_suffix(".pt")
    torch.save(tensors, path)
    import_checkpoint("chexzero", path, out, {"tokenizer": str(folder / "words")} | options)
    return load_model(out)


@pytest.fixture(scope="module")
def loaded(folder: Path, tensors: Tensors) -> LoadedModel:
    return imported(folder, tensors, folder / "model")


def test_the_stages_of_chex_start_from_it(loaded: LoadedModel, folder: Path) -> None:
    own = [f"stage.from={folder / 'model'}", "parts.image.freeze=1", "model.detector.heads=2"]
    recipe = load_stages("chex-1", own)
    assert isinstance(recipe, Recipe)
    parts = ("image", "text", "image_projection", "text_projection")
    assert recipe.sources() == dict.fromkeys(parts, str(folder / "model"))
    assert recipe.model["projection"]["bias"] is loaded.config.architecture.model_dump()["projection"]["bias"]


def cosines(one: Tensor, other: Tensor) -> Tensor:
    return torch.nn.functional.cosine_similarity(one, other)


def test_films_have_the_vectors_of_clip(loaded: LoadedModel, model: Any) -> None:
    films = torch.from_numpy(generator("films").normal(size=(3, 3, 64, 64)).astype(np.float32))
    with torch.no_grad():
        expected = model.visual_projection(model.vision_model(pixel_values=films).pooler_output)
        found = loaded.model.image_projection(loaded.model.film_features(films).pooled)
    assert torch.allclose(found, expected, atol=1e-5)
    assert float(cosines(found, expected).min()) > 1 - 1e-5
    assert float(expected.std()) > 0.1


def test_texts_have_the_vectors_of_clip_at_the_end_token(loaded: LoadedModel, model: Any) -> None:
    ids, mask = (torch.from_numpy(one) for one in loaded.tokenizers["text"].encode(TEXTS))
    with torch.no_grad():
        hidden = model.text_model(input_ids=ids).last_hidden_state
        expected = model.text_projection(hidden[torch.arange(len(ids)), ids.argmax(dim=1)])
        found = loaded.model.text_vectors(ids, mask)
    assert len(set(mask.sum(dim=1).tolist())) > 1
    assert torch.allclose(found, expected, atol=1e-5)


def test_similarity_is_scaled_as_published(loaded: LoadedModel) -> None:
    assert float(loaded.model.scale().detach()) == pytest.approx(np.exp(3.0), rel=1e-5)


def test_the_folder_says_where_it_comes_from(loaded: LoadedModel) -> None:
    stated = loaded.config.recipe["imported"]
    assert (stated["family"], stated["file"], stated["licence"]) == (
        "chexzero",
        "model.pt",
        "MIT (code and weights)",
    )
    assert loaded.config.training_facts.text_rule == "impression"


def test_half_precision_and_the_numbers_of_scripted_files(
    folder: Path, tensors: Tensors, tmp_path: Path
) -> None:
    halves = {name: tensor.half() for name, tensor in tensors.items()}
    more = {name: torch.tensor(1) for name in ("input_resolution", "context_length", "vocab_size")}
    found = imported(folder, halves | more, tmp_path / "model")
    assert found.model.image_projection.weight.dtype == torch.float32


def test_a_film_is_answered(folder: Path, loaded: LoadedModel) -> None:
    film = generator("film").integers(0, 255, (90, 70), dtype=np.uint8)
    vectors = load(folder / "model").encode_images([film])
    assert np.linalg.norm(vectors) == pytest.approx(1.0, abs=1e-5)


SHAPES = [
    (320, 320),
    (2544, 3056),
    (3056, 2544),
    (2022, 1800),
    (640, 480),
    (100, 1200),
    (1200, 100),
    (321, 320),
]
SHAPES += [(224, 300), (318, 317), (1024, 1024), (2048, 1536), (512, 700), (333, 777), (901, 450), (64, 64)]
SHAPES += [(3000, 2999), (257, 511), (1500, 60), (700, 701)]


def published_square(film: np.ndarray) -> Tensor:
    """The published preprocessing, written out: PIL for 320 pixels, torch for 224."""
    image = Image.fromarray(film)
    ratio = 320 / max(image.size)
    size = tuple(int(side * ratio) for side in image.size)
    square = Image.new("L", (320, 320))
    square.paste(image.resize(size, Image.Resampling.LANCZOS), ((320 - size[0]) // 2, (320 - size[1]) // 2))
    pixels = torch.from_numpy(np.array(square, dtype=np.float32)).expand(1, 3, 320, 320)
    pixels = (pixels - 101.48761) / 83.43944
    return torch.nn.functional.interpolate(pixels, size=(224, 224), mode="bicubic", align_corners=False)


@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_are_those_of_the_published_code(shape: tuple[int, int]) -> None:
    film = generator("pixels", *shape).integers(0, 255, shape[::-1], dtype=np.uint8)
    how = preprocessing(224)
    found = to_tensor(resize_to(film, how)[None], how)
    assert float((found - published_square(film)).abs().max()) * GREYS <= 1.0


def test_a_side_that_the_published_code_rounds_down_is_a_pixel_longer_here() -> None:
    film = np.full((581, 581), 255, np.uint8)
    how = preprocessing(224)
    assert int(581 * (320 / 581)) == 319
    assert resize_to(film, how).min() > 250
    assert float(published_square(film)[0, 0, -1].max()) < (250 - 101.48761) / 83.43944


def test_another_input_size_takes_the_padded_square() -> None:
    assert preprocessing(320).second is None
    assert preprocessing(320).size == 320


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("visual.proj", "tensor 'visual.proj' is missing"),
        ("logit_scale", "tensor 'logit_scale' is missing"),
        ("ln_final.weight", "tensor 'ln_final.weight' is missing"),
        ("visual.transformer.resblocks.1.attn.in_proj_weight", "in_proj_weight' is missing"),
        ("transformer.resblocks.1.attn.in_proj_bias", "is missing"),
    ],
)
def test_a_missing_tensor_is_named(
    folder: Path, tensors: Tensors, tmp_path: Path, name: str, words: str
) -> None:
    kept = {key: value for key, value in tensors.items() if key != name}
    with pytest.raises(ModelError, match=re.escape(words)):
        imported(folder, kept, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"visual.extra": torch.zeros(2)}, "tensor 'visual.extra' is not part of such a model"),
        ({"visual.positional_embedding": torch.zeros(7, WIDTH)}, "has 7 positions"),
        ({"visual.conv1.weight": torch.zeros(WIDTH, 1, PATCH, PATCH)}, "takes 1 channels"),
        ({"ln_final.bias": torch.zeros(3)}, "tensor 'ln_final.bias' is (3,)"),
        ({"transformer.resblocks.0.attn.in_proj_bias": torch.zeros(64)}, "not three of a kind"),
        ({"logit_scale": torch.tensor(float("nan"))}, "no finite number"),
        ({"visual.conv1.weight": torch.zeros(100, 3, PATCH, PATCH)}, "give image_heads=N"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(
    folder: Path, tensors: Tensors, tmp_path: Path, change: Tensors, words: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(words)):
        imported(folder, tensors | change, tmp_path / "model")


def test_the_tokenizer_of_another_model_is_refused(folder: Path, tensors: Tensors, tmp_path: Path) -> None:
    changed = tensors | {"token_embedding.weight": torch.zeros(9, 64)}
    with pytest.raises(ModelError, match="do not belong together"):
        imported(folder, changed, tmp_path / "model")


def test_the_command_imports_and_a_cut_file_ends_in_one_line(
    folder: Path, loaded: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--tokenizer", str(folder / "words")]
    assert (
        run(["import", "chexzero", str(folder / "model.pt"), "--out", str(tmp_path / "model"), *words]) == 0
    )
    assert "unused tensors left out: 0" in capsys.readouterr().out
    cut = tmp_path / "cut.pt"
    cut.write_bytes((folder / "model.pt").read_bytes()[:50_000])
    assert run(["import", "chexzero", str(cut), "--out", str(tmp_path / "other"), *words]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1

"""RAD-DINO: the numbers of the transformers library's DINOv2, from a folder as the hub has it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from plainfilm.checkpoints.rad_dino import _preprocessing
from plainfilm.checkpoints.reading.source import Source
from plainfilm.cli.main import run
from plainfilm.collection.leaks import keys_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import LoadedModel
from plainfilm.predictor import load
from tests.checkpoints.families import (
    SHAPES,
    differ,
    film,
    grey_levels,
    imported,
    least_cosine,
    noise,
    ours,
    randomised,
)

SIDE, PATCH = 56, 14


def dinov2(**changes: Any) -> Any:
    from transformers import Dinov2Config, Dinov2Model

    settings = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": SIDE}
    return randomised(Dinov2Model(Dinov2Config(**settings | {"patch_size": PATCH} | changes)))


@pytest.fixture(scope="module")
def model() -> Any:
    return dinov2()


@pytest.fixture(scope="module")
def folder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rad-dino")
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LoadedModel:
    return imported("rad-dino", folder, folder / "imported")


def test_films_have_the_class_token_and_patches_of_dinov2(loaded: LoadedModel, model: Any) -> None:
    films = noise(3, 3, SIDE, SIDE)
    with torch.no_grad():
        expected = model(films).last_hidden_state
        found = loaded.model.film_features(films)
    assert differ(expected[:, 0])
    assert least_cosine(found.pooled, expected[:, 0]) > 0.99999
    assert torch.allclose(found.patches, expected[:, 1:], atol=1e-4)


def test_it_encodes_films_and_reads_no_texts(folder: Path, loaded: LoadedModel) -> None:
    vectors = load(folder / "imported").encode_images([film((90, 70)), film((70, 90))])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert loaded.tokenizers == {}


def test_the_card_says_the_licence_and_where_the_weights_come_from(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", "rad-dino", str(folder), "--out", str(tmp_path / "model")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("licence of the weights of rad-dino: MIT on the model card of today")
    assert "embeddings.mask_token" in said[-1]
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| licence of the weights | MIT on the model card" in card
    assert "| imported from | rad-dino |" in card


def test_several_files_with_an_index_are_one_checkpoint(
    model: Any, loaded: LoadedModel, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path / "parts", max_shard_size="200KB")
    files = list((tmp_path / "parts").glob("*.safetensors"))
    found = imported("rad-dino", tmp_path / "parts", tmp_path / "model")
    assert len(files) > 1
    assert set(found.config.recipe["imported"]["files"]) == {file.name for file in files}
    assert found.config.fingerprint == loaded.config.fingerprint


def test_the_file_alone_is_enough(folder: Path, loaded: LoadedModel, tmp_path: Path) -> None:
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((folder / "model.safetensors").read_bytes())
    assert imported("rad-dino", alone, tmp_path / "model").config.fingerprint == loaded.config.fingerprint


def test_half_precision_and_a_wrapped_trainer_file(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    halves = {f"module._orig_mod.{name}": tensor.half() for name, tensor in tensors.items()}
    torch.save({"state_dict": halves, "epoch": 3}, tmp_path / "last.ckpt")
    found = imported("rad-dino", tmp_path / "last.ckpt", tmp_path / "model")
    assert found.model.image.backbone.cls_token.dtype == torch.float32


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_those_of_the_published_image_processor(shape: tuple[int, int]) -> None:
    """Pillow's shortest edge to 518, then the middle, the smaller margin first."""
    image = Image.fromarray(film(shape))
    short, long = sorted(image.size)
    other = int(518 * long / short)
    size = (518, other) if image.size[0] == short else (other, 518)
    pixels = np.array(image.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    top, left = (size[1] - 518) // 2, (size[0] - 518) // 2
    square = pixels[top : top + 518, left : left + 518] / 255
    expected = torch.from_numpy((square - 0.5307) / 0.2583).expand(3, -1, -1)
    how = published()
    assert grey_levels(ours(shape, how), expected, how) <= 1 / 255


def published() -> Preprocessing:
    from plainfilm.checkpoints.reading.opened import Opened

    return _preprocessing(Source(Opened(Path("nowhere") / "model.safetensors", {}), {}), 518)


def test_the_processor_beside_the_weights_is_followed(folder: Path, model: Any, tmp_path: Path) -> None:
    stated = {"size": {"shortest_edge": 64}, "crop_size": {"height": SIDE, "width": SIDE}, "resample": 2}
    stated |= {"do_center_crop": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    model.save_pretrained(tmp_path / "own")
    (tmp_path / "own" / "preprocessor_config.json").write_text(json.dumps(stated))
    how = imported("rad-dino", tmp_path / "own", tmp_path / "model").config.preprocessing
    assert (how.size, how.resize, how.filter, how.mean) == (SIDE, 64, "bilinear", (0.5, 0.5, 0.5))


def with_config(folder: Path, model: Any, **changes: Any) -> Path:
    model.save_pretrained(folder)
    stated = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(stated | changes))
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"auto_map": {"AutoModel": "code.Model"}}, "config.json: asks for code of its own ('auto_map')"),
        ({"trust_remote_code": True}, "asks for code of its own ('trust_remote_code')"),
        ({"model_type": "vit"}, "config.json: is of a 'vit', RAD-DINO is a dinov2"),
    ],
)
def test_settings_of_something_else_end_in_one_line(
    tmp_path: Path, model: Any, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(words)) as refused:
        imported("rad-dino", with_config(tmp_path / "own", model, **changes), tmp_path / "model")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "model").exists()


def test_another_size_ends_in_one_line(tmp_path: Path, folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["encoder.layer.1.mlp.fc1.weight"] = torch.zeros(100, 128)
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"'encoder.layer.1.mlp.fc1.weight' is \(100, 128\)"):
        imported("rad-dino", tmp_path / "other.safetensors", tmp_path / "model")


def test_a_cut_file_ends_in_one_line(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((folder / "model.safetensors").read_bytes()[:20_000])
    assert run(["import", "rad-dino", str(cut), "--out", str(tmp_path / "model")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "damaged, or not safetensors" in said[0]


@pytest.mark.parametrize(
    ("weight_map", "words"),
    [
        ({"a": "../elsewhere.safetensors"}, "names no files of its folder"),
        ({}, "names no files of its folder"),
        ({"a": "missing.safetensors"}, "missing.safetensors: is missing"),
    ],
)
def test_an_index_that_names_other_files_is_refused(
    tmp_path: Path, weight_map: dict[str, str], words: str
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(ModelError, match=re.escape(words)):
        imported("rad-dino", tmp_path / "parts", tmp_path / "model")


LIST = """dataset,path
a,files/p10/p10000032/s50414267/02aa804e.dcm
a,files/p10/p10000032/s53189527/2a2277a9.dcm
b,CheXpert-v1.0/train/patient00002/study1/view1_frontal.jpg
c,images_001/images/00000007_000.png
d,20536686640136348236148679891455886468_vma0fk.png
"""


def test_patients_of_the_list_of_training_films_are_refused_in_evaluation(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "training_images.csv").write_text(LIST)
    options = {"training_images": str(tmp_path / "training_images.csv")}
    found = imported("rad-dino", folder, tmp_path / "model", **options)
    stated = found.config.recipe["imported"]["training_images"]
    assert stated["patients"] == {"mimic-cxr": 1, "chexpert": 1, "nih14": 1}
    assert (stated["films"], stated["films of unknown patients"]) == (5, 1)
    assert found.patients is not None
    seen = set(found.patients.tolist())
    assert seen & keys_of("nih14", ["7"]).keys()
    assert seen & keys_of("mimic-cxr", ["p10000032"]).keys()
    assert not seen & keys_of("chexpert", ["p10000032", "patient00003"]).keys()


def test_a_list_of_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("name\nfilm.png\n")
    with pytest.raises(ModelError, match="none of its 1 lines names a film of mimic-cxr"):
        imported("rad-dino", folder, tmp_path / "model", training_images=str(tmp_path / "other.csv"))

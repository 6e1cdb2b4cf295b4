"""Model folders that are made to hurt: one line each, before anything of the size that they claim exists."""

from __future__ import annotations

import json
import resource
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, load_model, read_model_config, save_model
from plainfilm.model_folder.folder import load_tokenizer, tokenizer_facts
from plainfilm.models.base import Facts, build_model
from plainfilm.models.dual_encoder import Config
from plainfilm.text.tokenizers import Tokenizer

BERT = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
IMAGES = {
    "compact": {"use": "compact", "width": 4, "grid": 2},
    "timm": {"use": "timm", "name": "test_vit", "channels": 1, "image_size": 64},
}
TEXTS = {
    "compact": {"use": "compact", "width": 32, "depth": 1, "heads": 2},
    "timm": {"use": "transformers", "pretrained": False, "settings": BERT | {"intermediate_size": 64}},
}
SIZES = ("hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size", "max_position_embeddings")
MOST_BYTES = 300 << 20


@pytest.fixture(scope="module", params=["compact", "timm"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a tokenizer and patients, of our own encoders or of those of libraries."""
    tokenizer = Tokenizer.train(["no effusion here"] * 4, vocabulary_size=300)
    architecture = Config(
        image=IMAGES[request.param], text=TEXTS[request.param], projection={"dimension": 16}
    )
    model = build_model(architecture, Facts(tokenizers=tokenizer_facts({"text": tokenizer})))
    config = ModelConfig(architecture=architecture, preprocessing=Preprocessing(size=64, channels=1))
    folder = tmp_path_factory.mktemp("hostile") / request.param
    save_model(folder, model, {"text": tokenizer}, config, np.arange(5))
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(saved, tmp_path / saved.name))


def change(folder: Path, key: str, value: Any) -> None:
    file = folder / "config.json"
    values = json.loads(file.read_text())
    values.pop("sha256")
    *path, last = key.split(".")
    inner = values
    for part in path:
        inner = inner[part]
    inner[last] = value
    file.write_text(json.dumps(values))


def refused(folder: Path) -> str:
    """The one line that refuses a folder; nothing large was allocated for it."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 1500
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < MOST_BYTES
    return said


LARGE = (10**6, 2 * 10**9, 10**12, 10**30, -1, "text", [1], {"a": 1})


@pytest.mark.parametrize("value", [[], "text", 3, None, [{}]], ids=str)
@pytest.mark.parametrize("key", ["architecture", "architecture.image", "architecture.text", "facts"])
def test_another_kind_of_value_is_named(folder: Path, key: str, value: Any) -> None:
    change(folder, key, value)
    said = refused(folder)
    assert "config.json" in said
    assert key.rpartition(".")[2] in said


@pytest.mark.parametrize("value", LARGE, ids=str)
def test_sizes_are_compared_with_the_file(folder: Path, value: Any) -> None:
    keys = {
        "compact": ("text.width", "text.depth", "text.heads", "text.max_tokens", "image.width", "image.grid"),
        "timm": ("image.image_size", *(f"text.settings.{name}" for name in SIZES)),
    }
    before = (folder / "config.json").read_text()
    for key in (*keys[folder.name], "projection.dimension"):
        (folder / "config.json").write_text(before)
        change(folder, f"architecture.{key}", value)
        assert any(name in refused(folder) for name in ("config.json", "model.safetensors")), key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("text.settings.hidden_act", "os.system"), ("text.settings.model_type", "evil")),
        *(("text.settings.attn_implementation", "somebody/kernel"), ("text.settings.use_kernels", True)),
        *(("text.settings.experts_implementation", "a/b"), ("text.settings.num_labels", 10**9)),
        ("text.settings.quantization_config", {"quant_method": "gptq"}),
        *(("image.settings", {"act_layer": "os.system"}), ("image.settings", {"depth": 10**9})),
        *(("image.settings", {"depth": 500}), ("image.settings", {"embed_dim": 10**12})),
        *(("image.settings", {"checkpoint_path": "/etc/passwd"}), ("image.settings", {"mlp_layer": "eval"})),
        ("image.settings", {"pretrained_cfg": {"url": "http://localhost"}}),
        *(("image.name", "hf-hub:somebody/x"), ("image.name", "local-dir:/tmp"), ("image.weights", "/tmp")),
    ],
    ids=str,
)
def test_settings_of_libraries_only_describe(folder: Path, key: str, value: Any) -> None:
    if folder.name == "compact":
        pytest.skip("has no settings of libraries")
    change(folder, f"architecture.{key}", value)
    assert "config.json" in refused(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_named(folder: Path, value: float) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["image_projection.weight"][0, 0] = value
    save_file(tensors, folder / "model.safetensors")
    said = refused(folder)
    assert "model.safetensors: tensor 'image_projection.weight' holds NaN or infinity" in said


def test_another_weight_is_noticed(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["image_projection.weight"][0, 0] += 0.001
    save_file(tensors, folder / "model.safetensors")
    assert "model.safetensors: is not what was written" in refused(folder)


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(-1,)", "(3, 3)", "(99999999999999999999999,)"])
def test_an_array_header_is_not_believed(folder: Path, shape: str) -> None:
    head = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(72)
    (folder / "patients.npy").write_bytes(content)
    assert "patients.npy: damaged" in refused(folder)


def test_patients_that_are_gone_are_missed(folder: Path) -> None:
    (folder / "patients.npy").unlink()
    assert "patients.npy: no such file" in refused(folder)


@pytest.mark.parametrize("claimed", [10**12, 2 * 10**9])
def test_a_header_of_weights_is_not_believed(folder: Path, claimed: int) -> None:
    head = {"image_projection.weight": {"dtype": "F32", "shape": [claimed], "data_offsets": [0, 4 * claimed]}}
    text = json.dumps(head).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    assert "model.safetensors: damaged" in refused(folder)


def test_ids_beyond_the_vocabulary_allocate_nothing(folder: Path) -> None:
    file = folder / "tokenizers" / "text" / "tokenizer.json"
    values = json.loads(file.read_text())
    values["model"]["vocab"][next(iter(values["model"]["vocab"]))] = 2_000_000_000
    file.write_text(json.dumps(values))
    settings = file.with_name("tokenizer_config.json")
    settings.write_text(json.dumps({"max_tokens": 128, "pad_token": "[PAD]"}))
    refused(folder)


def test_a_catastrophic_pattern_is_not_loaded(folder: Path) -> None:
    file = folder / "tokenizers" / "text" / "tokenizer.json"
    values = json.loads(file.read_text())
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    values["pre_tokenizer"] = split
    file.write_text(json.dumps(values))
    assert "tokenizer.json: pattern '(a+)+$' can take endless time" in refused(folder)


def test_a_random_state_is_not_drawn_from(folder: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    load_model(folder)
    assert torch.equal(torch.rand(1), expected)


def test_an_input_that_takes_terabytes_is_refused(saved: Path, tmp_path: Path) -> None:
    """The weights fit the settings: nothing but the cost of a film tells."""
    settings = read_model_config(saved)
    image = {"timm": settings.architecture.image | {"image_size": 4096}, "compact": {"patch": 8}}[saved.name]
    architecture = settings.architecture.model_copy(update={"image": settings.architecture.image | image})
    tokenizer = load_tokenizer(saved, "text")
    model = build_model(architecture, settings.facts)
    wide = settings.model_copy(update={"preprocessing": Preprocessing(size=4096, channels=1)})
    save_model(tmp_path / "model", model, {"text": tokenizer}, wide)
    assert "config.json: a film of preprocessing.size 4096 px" in refused(tmp_path / "model")


def test_endless_texts_are_refused(folder: Path) -> None:
    file = folder / "tokenizers" / "text" / "tokenizer_config.json"
    values = json.loads(file.read_text()) | {"max_tokens": 10**6}
    file.write_text(json.dumps({key: value for key, value in values.items() if key != "sha256"}))
    assert "config.json: tokenizers.text.max_tokens is 1,000,000" in refused(folder)

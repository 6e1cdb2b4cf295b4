"""Fixtures shared by every test: real data where it is there, and a small world with a model in it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainfilm.seeding import generator

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

SENTENCES = (
    "Large left pleural effusion.",
    "The heart is enlarged.",
    "There is a right pneumothorax.",
    "No pleural effusion or pneumothorax. No acute cardiopulmonary process.",
)
"""What the studies of the small world say, in turn."""


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The pack of real films and reports beside the checkout."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real films are not here: {REAL_DATA} does not exist")
    return REAL_DATA


@pytest.fixture(scope="session")
def small_world(tmp_path_factory):
    """A labelled collection: 48 studies of 24 patients (8 of them for testing), two films each."""
    from plainfilm.collection import prepare
    from plainfilm.collection.label import label_collection

    root = tmp_path_factory.mktemp("small world")
    (root / "raw").mkdir()
    rows = [["path", "report", "study_id", "patient_id", "view", "split"]]
    for study in range(48):
        split = ("train", "train", "test")[study // 2 % 3]
        report = f"FINDINGS: {SENTENCES[study % 4]} Image {study % 5} of 5."
        for view in ("PA", "LATERAL"):
            pixels = generator("small world", study, view).integers(0, 255, (9, 8), dtype=np.uint8)
            Image.fromarray(pixels).resize((64, 72)).save(root / "raw" / f"{study}{view}.png")
            rows.append([f"{study}{view}.png", report, f"s{study}", f"p{study // 2}", view, split])
    with (root / "raw" / "films.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    collection = prepare("table", root / "raw" / "films.csv", root / "collection", size=64, workers=1)
    label_collection(collection, workers=1)
    return type(collection).open(root / "collection")


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory) -> Path:
    """The folder of an untrained classifier of what the small world's labels speak of, and of a hernia."""
    import torch

    from plainfilm.io.preprocessing import Preprocessing
    from plainfilm.model_folder import ModelConfig, save_model
    from plainfilm.models.base import Facts, build_model
    from plainfilm.models.classifier import Config

    architecture = Config(image={"use": "compact", "width": 4, "grid": 2})
    facts = Facts(observations=("Pneumothorax", "Hernia", "Cardiomegaly", "Pleural Effusion"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(architecture, facts)
    config = ModelConfig(architecture=architecture, preprocessing=Preprocessing(size=64, channels=1))
    folder = tmp_path_factory.mktemp("classifiers") / "tiny"
    save_model(folder, model, {}, config)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, small_world) -> Path:
    """The folder of an untrained model with a tokenizer of the small world's texts."""
    import torch

    from plainfilm.io.preprocessing import Preprocessing
    from plainfilm.model_folder import ModelConfig, TrainedOn, save_model
    from plainfilm.model_folder.folder import tokenizer_facts
    from plainfilm.models.base import Facts, build_model
    from plainfilm.models.dual_encoder import Config
    from plainfilm.text.tokenizers import Tokenizer

    tokenizer = Tokenizer.train(small_world.table("sentences")["text"].to_pylist(), vocabulary_size=300)
    architecture = Config(
        image={"use": "timm", "name": "test_resnet", "channels": 1},
        text={"use": "compact", "width": 32, "depth": 1, "heads": 2},
        projection={"kind": "linear", "dimension": 16},
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(architecture, Facts(tokenizers=tokenizer_facts({"text": tokenizer})))
    config = ModelConfig(
        architecture=architecture,
        preprocessing=Preprocessing(size=64, channels=1),
        trained_on=TrainedOn(text_rule="findings"),
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(folder, model, {"text": tokenizer}, config)
    return folder


@pytest.fixture(scope="session")
def tiny_study_model(tmp_path_factory, small_world) -> Path:
    """The folder of an untrained study encoder that reads and writes the small world's texts."""
    import torch

    from plainfilm.io.preprocessing import Preprocessing
    from plainfilm.model_folder import ModelConfig, save_model
    from plainfilm.model_folder.folder import tokenizer_facts
    from plainfilm.models.base import Facts, build_model
    from plainfilm.models.study_encoder import TINY
    from plainfilm.nn.decoding import Decoding
    from plainfilm.text.tokenizers import Tokenizer

    tokenizer = Tokenizer.train(small_world.table("sentences")["text"].to_pylist(), 320, 16)
    tokenizers = {"text": tokenizer, "report": tokenizer}
    architecture = TINY.model_copy(update={"decoding": Decoding(use="beam", beams=2, min_tokens=6)})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(architecture, Facts(tokenizers=tokenizer_facts(tokenizers)))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    config = ModelConfig(architecture=architecture, preprocessing=Preprocessing(size=64, channels=1))
    folder = tmp_path_factory.mktemp("study models") / "tiny"
    save_model(folder, model, tokenizers, config)
    return folder

"""Fixtures shared by every test: real data where it is there, and a small world with a model in it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from plainfilm.seeding import generator

# No test is about time: a machine that does something else at the moment fails none.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

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


FINDINGS = {"Pleural Effusion": SENTENCES[0], "Cardiomegaly": SENTENCES[1], "Pneumothorax": SENTENCES[2]}
"""The findings that have boxes in the boxed world, and the phrases of these boxes."""


@pytest.fixture(scope="session")
def boxed_world(small_world, tmp_path_factory):
    """The small world with boxes on its frontal films: of findings by their phrases, as MS-CXR has them, and
    of two regions with sentences and labels, as Chest ImaGenome has them."""
    import shutil

    import pyarrow as pa

    from plainfilm.collection import Collection
    from plainfilm.collection.rewriting import rewrite
    from plainfilm.collection.schema import BOXES, LABELS

    folder = tmp_path_factory.mktemp("boxed world") / "collection"
    shutil.copytree(small_world.path, folder)
    collection = Collection.open(folder)
    boxes, labels = [], collection.table("labels").to_pylist()
    for place, image in enumerate(collection.table("images").to_pylist()):
        if image["view"] != "PA":
            continue
        study = int(image["study_id"].removeprefix("s"))
        left, top = generator("boxed world", place).uniform(2, 20, 2).round(1)
        regions = {"left lung": (34, 8, 60, 60), "right lung": (4, 8, 30, 60)}
        stated = [
            ("phrase", name, phrase) for name, phrase in FINDINGS.items() if phrase == SENTENCES[study % 4]
        ]
        stated += [(kind, name, text) for name in regions for kind, text in _of_region(name, study)]
        for kind, name, phrase in stated:
            corners = regions.get(name, (left, top, left + 24, top + 30))
            box = dict(zip(("x0", "y0", "x1", "y1"), corners, strict=True))
            own = {"image_id": image["image_id"], "name": name, "kind": kind, "phrase": phrase}
            boxes.append({**own, **box, "annotator": None})
        for name in regions:
            state = int(study % 4 in (0, 2) and (name == "left lung") == (study % 4 == 0))
            own = {"target": "region", "target_id": f"{image['image_id']}:{name}", "state": state}
            labels.append({**own, "observation": "lung opacity", "origin": "imagenome/anatomicalfinding"})
            said = {**own, "observation": "abnormal" if state else "normal", "state": 1}
            labels.append({**said, "origin": "imagenome/nlp"})
    rewrite(collection, "boxes", [pa.Table.from_pylist(boxes, BOXES)])
    rewrite(collection, "labels", [pa.Table.from_pylist(labels, LABELS)])
    return Collection.open(folder)


def _of_region(name: str, study: int) -> list[tuple[str, str | None]]:
    """A region without and with a sentence about it."""
    text = f"The {name} is clear." if study % 3 else f"There is an opacity in the {name}."
    return [("region", None), ("phrase", text)]


@pytest.fixture(scope="session")
def tiny_region_model(tmp_path_factory, small_world) -> Path:
    """The folder of an untrained region model that reads and writes the small world's texts."""
    import torch

    from plainfilm.io.preprocessing import Preprocessing
    from plainfilm.model_folder import ModelConfig, save_model
    from plainfilm.model_folder.folder import tokenizer_facts
    from plainfilm.models.base import Facts, build_model
    from plainfilm.models.region import TINY
    from plainfilm.text.tokenizers import Tokenizer

    texts = small_world.table("sentences")["text"].to_pylist()
    texts += ["lung opacity", "No consolidation, atelectasis, edema or pneumonia"]
    tokenizers = {"text": Tokenizer.train(texts, 320, 32), "sentence": Tokenizer.train(texts, 320, 16)}
    architecture = TINY.model_copy(update={"text": {**TINY.text, "max_tokens": 32}})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(architecture, Facts(tokenizers=tokenizer_facts(tokenizers)))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    config = ModelConfig(architecture=architecture, preprocessing=Preprocessing(size=64, channels=1))
    folder = tmp_path_factory.mktemp("region models") / "tiny"
    save_model(folder, model, tokenizers, config)
    return folder


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
def tiny_writer(tmp_path_factory, small_world) -> Path:
    """The folder of a model that writes one text for dark and one for bright films (`tests/writer.py`)."""
    from plainfilm.models.base import kind

    module = kind(str(Path(__file__).with_name("writer.py")))
    folder = tmp_path_factory.mktemp("writers") / "tiny"
    texts = [SENTENCES[0], SENTENCES[3]]
    return module.save_writer(folder, texts, small_world.table("sentences")["text"].to_pylist())


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
        torch.manual_seed(3)  # with which it writes letters
        model = build_model(architecture, Facts(tokenizers=tokenizer_facts(tokenizers)))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    config = ModelConfig(architecture=architecture, preprocessing=Preprocessing(size=64, channels=1))
    folder = tmp_path_factory.mktemp("study models") / "tiny"
    save_model(folder, model, tokenizers, config)
    return folder


@pytest.fixture(scope="session")
def s3_process():
    """A server of S3, started once."""
    for package in ("s3fs", "moto", "flask_cors"):
        pytest.importorskip(package, reason=f"{package} is not installed (extras 'cluster' and 'dev')")
    from tests.s3_server import S3Server

    with S3Server() as server:
        yield server


@pytest.fixture
def s3(s3_process, monkeypatch, tmp_path):
    """An empty bucket of a server of S3, which this process has the credentials for; pauses are short."""
    from plainfilm.io import object_storage
    from tests.s3_server import SECRET

    settings = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_process.address,
        "PLAINFILM_STORAGE_CACHE": str(tmp_path / "storage-cache"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(object_storage, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(object_storage, "SECONDS_TO_ANSWER", 1)
    s3_process.reset()
    object_storage.forget()
    yield s3_process
    object_storage.forget()

"""Killed before every operation on files: the folder opens, and the repeated command gives the same bytes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.config import read_yaml
from plainfilm.training.recipe import find_recipe
from tests.labelled import labelled_collection
from tests.training.conftest import SMALL, write_table

pytestmark = pytest.mark.slow

COLLECTION = ("*", "images/*/*")
"""What is in a collection, hidden files too, but not what is locked, unfinished or cached."""
RUN = ("**/model.safetensors", "**/tokenizers/*/*", "**/patients.npy", "**/recipe.yaml", "collections.json")
"""What of a run repeats exactly: times are in its log."""
SHORT = [*SMALL, "training.epochs=2", "training.batch_size=24", "data.workers=0"]


@dataclass(frozen=True)
class Trial:
    """See `kills.py`. refused_when_done: whether the repeated command is refused where the killed one had
    finished all but taking its lock away."""

    out: Path
    command: list[str]
    again: list[str]
    compared: tuple[str, ...]
    start: Path | None = None
    is_collection: bool = False
    refused_when_done: bool = False
    every: int = 1


def killed_everywhere(trial: Trial, folder: Path) -> list[dict[str, Any]]:
    """What `kills.py` found, one entry per kill."""
    settings = folder / "settings.json"
    settings.write_text(json.dumps(asdict(trial), default=str))
    script = [sys.executable, str(Path(__file__).with_name("kills.py")), str(settings)]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    whole, *kills = map(json.loads, done.stdout.splitlines())
    assert whole["status"] == 0
    assert whole["files"] > 0
    assert len(kills) == -(-whole["operations"] // trial.every) > 5
    right = (0, 2) if trial.refused_when_done else (0,)
    assert [
        kill
        for kill in kills
        if not kill["killed"] or kill["status"] not in right or kill["differs"] or kill["left"]
    ] == []
    assert [kill for kill in kills[:-3] if kill["status"] != 0] == []
    return kills


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("raw") / "raw", patients=3)


def prepare_command(raw: Path, out: Path) -> list[str]:
    return ["prepare", "table", str(raw), "--out", str(out), "--size", "48", "--workers", "1"]


def test_label(raw: Path, tmp_path: Path) -> None:
    assert run(prepare_command(raw, tmp_path / "films")) == 0
    command = ["label", str(tmp_path / "out"), "--workers", "1"]
    before = Collection.open(tmp_path / "films").fingerprint
    trial = Trial(tmp_path / "out", command, command, COLLECTION, tmp_path / "films", True)
    kills = killed_everywhere(trial, tmp_path)
    after = Collection.open(tmp_path / "out").fingerprint
    assert [kill["between"] for kill in kills if kill["between"] not in (before, after)] == []


def test_label_with_another_vocabulary_on_top(raw: Path, tmp_path: Path) -> None:
    assert run(prepare_command(raw, tmp_path / "films")) == 0
    assert run(["label", str(tmp_path / "films"), "--workers", "1"]) == 0
    command = ["label", str(tmp_path / "out"), "--vocabulary", "nih14", "--workers", "1"]
    trial = Trial(tmp_path / "out", command, command, COLLECTION, tmp_path / "films", True)
    killed_everywhere(trial, tmp_path)


def test_prepare(raw: Path, tmp_path: Path) -> None:
    command = prepare_command(raw, tmp_path / "out")
    trial = Trial(tmp_path / "out", command, command, COLLECTION, is_collection=True)
    kills = killed_everywhere(trial, tmp_path)
    after = Collection.open(tmp_path / "out").fingerprint
    unfinished = ("not finished; repeat the prepare command", "no such collection", "is not a collection")
    others = [kill["between"] for kill in kills if kill["between"] != after]
    assert [other for other in others if not any(words in other for words in unfinished)] == []


def test_prepare_anew(raw: Path, tmp_path: Path) -> None:
    assert run(prepare_command(raw, tmp_path / "films")) == 0
    command = [*prepare_command(raw, tmp_path / "out"), "--size", "40", "--replace"]
    trial = Trial(tmp_path / "out", command, command, COLLECTION, tmp_path / "films", True)
    killed_everywhere(trial, tmp_path)


def test_train(tmp_path: Path) -> None:
    films = labelled_collection(tmp_path / "labelled").path
    command = ["train", "classifier-tiny", "--data", str(films), "--out", str(tmp_path / "out"), *SHORT]
    killed_everywhere(Trial(tmp_path / "out", command, [*command, "--resume"], RUN), tmp_path)


def test_finetune(tmp_path: Path) -> None:
    films = labelled_collection(tmp_path / "labelled").path
    train = ["train", "classifier-tiny", "--data", str(films), "--out", str(tmp_path / "first"), *SHORT]
    assert run(train) == 0
    command = ["finetune", "classifier-tiny", "--init", str(tmp_path / "first" / "model"), "--data"]
    command += [str(films), "--out", str(tmp_path / "out"), *SHORT, "training.epochs=1"]
    results = (*RUN, "results/*.parquet", "results/results.json", "summary.json")
    killed_everywhere(Trial(tmp_path / "out", command, [*command, "--resume"], results), tmp_path)


def test_embed(small_world: Collection, tiny_model: Path, tmp_path: Path) -> None:
    where = [str(tiny_model), str(small_world.path), "--out", str(tmp_path / "out")]
    assert run(["embed", *where, "--what", "sentences"]) == 0
    shutil.copytree(tmp_path / "out", tmp_path / "start")
    command = ["embed", *where, "--what", "reports"]
    killed_everywhere(Trial(tmp_path / "out", command, command, ("*",), tmp_path / "start"), tmp_path)


def test_phantom(tmp_path: Path) -> None:
    command = ["phantom", "imagenome", "--out", str(tmp_path / "out"), "--studies", "2", "--size", "40"]
    command += ["--workers", "1"]
    trial = Trial(tmp_path / "out", command, command, ("**/*",), refused_when_done=True)
    killed_everywhere(trial, tmp_path)


def test_export(tiny_classifier: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' writes the graphs")
    command = ["export", str(tiny_classifier), "--onnx", str(tmp_path / "out")]
    killed_everywhere(
        Trial(tmp_path / "out", command, command, ("*",), refused_when_done=True, every=2), tmp_path
    )


def test_train_in_stages_with_kept_features(tmp_path: Path) -> None:
    films = labelled_collection(tmp_path / "labelled").path
    second = {"parts": {"image": {"freeze": True}}, "data": {"augment": False}}
    recipe = read_yaml(find_recipe("classifier-tiny")) | {"stages": [{}, second]}
    (tmp_path / "staged.yaml").write_text(yaml.safe_dump(recipe))
    command = ["train", str(tmp_path / "staged.yaml"), "--data", str(films), "--out", str(tmp_path / "out")]
    command += [*SHORT, "training.epochs=1"]
    trial = Trial(tmp_path / "out", command, [*command, "--resume"], RUN, every=3)
    killed_everywhere(trial, tmp_path)


def test_tune(boxed_world: Collection, tiny_region_model: Path, tmp_path: Path) -> None:
    command = ["tune", str(tmp_path / "out"), str(boxed_world.path), "--split", "train"]
    killed_everywhere(Trial(tmp_path / "out", command, command, ("*",), tiny_region_model), tmp_path)


@pytest.mark.parametrize("verb", ["evaluate", "score", "predict", "convert"])
def test_other_commands(
    verb: str, small_world: Collection, boxed_world: Collection, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "reports.csv").write_text("id,report\n1,No effusion.\n2,Clear.\n")
    films = sorted((small_world.path / "images").rglob("*.jpg"))[:2]
    reports = str(tmp_path / "reports.csv")
    words = {
        "evaluate": ["retrieval", str(tiny_model), str(small_world.path), "resamples=100", "k=3"],
        "score": [reports, reports],
        "predict": [str(tiny_model), *map(str, films), "--map", "effusion"],
        "convert": [str(boxed_world.path), "coco"],
    }[verb]
    command = [verb, *words, "--out", str(tmp_path / "out")]
    trial = Trial(tmp_path / "out", command, command, ("**/*",), refused_when_done=verb == "convert")
    killed_everywhere(trial, tmp_path)

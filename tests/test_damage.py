"""Every file that Plainfilm writes, in every way that it can be damaged, under the verbs that read it.

A verb ends with its documented status and no traceback: 2 and one line that names the file (or, for an image,
1), or 0 with the very output of undamaged files.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from plainfilm.cli.main import run
from plainfilm.model_folder import read_model_config
from plainfilm.predictor.box_tuning import BOX_TUNING_FILE, BoxTuning, write_box_tuning
from plainfilm.predictor.operating_points import OperatingPoint, OperatingPoints, write_operating_points
from tests.cli.test_train import RECIPE

Damage = Callable[[Path], None]


def truncated(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def gone(file: Path) -> None:
    file.unlink()


def a_pointer(file: Path) -> None:
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")


def wrong_byte(share: float) -> Damage:
    def damage(file: Path) -> None:
        content = bytearray(file.read_bytes())
        place = min(int(share * len(content)), len(content) - 1)
        content[place] ^= 0x04
        file.write_bytes(bytes(content))

    damage.__name__ = f"byte {share:.2f}"
    return damage


ANY: list[Damage] = [truncated, emptied, a_folder, gone, a_pointer]
ANY += [wrong_byte(share) for share in np.linspace(0, 1, 8)]


def places(values: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all keys in nested JSON, of a list only those of its first entry."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield (*at, key)
            yield from places(value, (*at, key))
    elif isinstance(values, list) and values:
        yield from places(values[0], (*at, 0))


def at(values: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        values = values[key]
    return values


OTHERS: tuple[Any, ...] = ([], {}, "text", None, -1, [[1]])


def keys_damaged(file: Path) -> Iterator[tuple[str, str]]:
    """The texts of a JSON file with each key missing, and with another kind of value at each."""
    content = file.read_text()
    yield "a list", "[]"
    for number, path in enumerate(places(json.loads(content))):
        values = json.loads(content)
        del at(values, path[:-1])[path[-1]]
        yield f"{path} missing", json.dumps(values)
        values = json.loads(content)
        other = OTHERS[number % len(OTHERS)]
        at(values, path[:-1])[path[-1]] = other
        yield f"{path} {other}", json.dumps(values)


@pytest.fixture(scope="module")
def world(tiny_model, small_world, tmp_path_factory) -> Path:
    """A model with patients and operating points, a bank, results and an unfinished run."""
    root = tmp_path_factory.mktemp("damage")
    (root / "recipe.yaml").write_text(yaml.safe_dump(RECIPE | {"data": {"text": "findings", "cache": None}}))
    words = ["train", root / "recipe.yaml", "--data", small_world.path, "--out", root / "run", *TRAINING]
    assert run([str(word) for word in words]) == 0
    log = (root / "run" / "log.jsonl").read_text().splitlines(keepends=True)
    (root / "run" / "log.jsonl").write_text("".join(line for line in log if '"event": "end"' not in line))
    shutil.copytree(root / "run" / "model", root / "model")
    shutil.copytree(small_world.path, root / "collection")
    film = next((root / "collection" / "images").rglob("*.jpg"), None) or next(
        (root / "collection" / "images").rglob("*.png")
    )
    shutil.copy(film, root / "film.png")
    of_both = [str(root / "model"), str(root / "collection"), "--out"]
    assert run(["embed", *of_both, str(root / "bank"), "--what", "sentences"]) == 0
    assert run(["evaluate", "retrieval", *of_both, str(root / "results"), "resamples=100", "k=3"]) == 0
    point = OperatingPoint(
        positive=("effusion",), negative=("clear",), threshold=0.1, positives=1, negatives=1
    )
    fingerprint = read_model_config(root / "model").fingerprint
    known = {"Pleural Effusion": point}
    write_operating_points(
        root / "model", OperatingPoints(model_fingerprint=fingerprint, miss=0.1, observations=known)
    )
    write_box_tuning(root / "model", BoxTuning(model_fingerprint=fingerprint, threshold=0.5))
    return root


TRAINING = ("training.max_steps=2", "data.workers=0", "validation.items=8", "training.checkpoint_steps=1")
TOKENIZER = ("tokenizers/text/tokenizer.json", "tokenizers/text/tokenizer_config.json")
READERS = {
    "model": ["predict", "model", "film.png", "--json"],
    "bank": ["retrieve", "model", "bank", "--text", "effusion", "--json"],
    "results": ["compare", "results", "results", "--json"],
    "collection": ["info", "collection", "--json"],
    "run": ["train", "recipe.yaml", "--data", "collection", "--out", "run", "--resume", *TRAINING],
}
FITTED = ("operating_points.json", BOX_TUNING_FILE)
FILES = {
    "model": ("config.json", "model.safetensors", "patients.npy", *FITTED, *TOKENIZER),
    "bank": ("bank.json", "vectors.npy", "items.parquet"),
    "results": ("results.json", "items.parquet"),
    "collection": ("collection.json",),
    "run": ("recipe.yaml", "collections.json", "log.jsonl", "training_state.pt", *TOKENIZER),
}
NOT_NEEDED = {*(("model", name) for name in FITTED), ("run", "log.jsonl"), ("run", "training_state.pt")}
"""Files whose absence is no damage: without them there are no operating points and no tuning, or a run starts
again."""


def outcome(
    root: Path, verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    monkeypatch.chdir(root)
    status = run(verb)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def check(folder: str, name: str, what: str, found: tuple[int, str, str], whole: str) -> None:
    status, out, err = found
    lines = [line for line in err.splitlines() if line.startswith("plainfilm: ")]
    if status == 0:
        assert out == whole or (folder, name) in NOT_NEEDED, f"{what}: accepted, with another answer"
        return
    assert (status, len(lines)) == (2, 1), f"{what}: {status} {err}"
    named = (Path(name).name, str(Path(folder) / Path(name).parent), f"{folder}:")
    assert any(word in lines[0] for word in named), f"{what}: {lines[0]}"


@pytest.mark.parametrize(("folder", "name"), [(folder, name) for folder in FILES for name in FILES[folder]])
def test_a_damaged_file_is_named_or_does_no_harm(
    world: Path,
    folder: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(world, tmp_path / "world")
    root = tmp_path / "world"
    file, verb = root / folder / name, READERS[folder]
    status, whole, err = outcome(root, verb, monkeypatch, capsys)
    assert status == 0, err
    for damage in ANY:
        restore(world, root, folder)
        damage(file)
        check(folder, name, damage.__name__, outcome(root, verb, monkeypatch, capsys), whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (folder, name)
        for folder in FILES
        for name in FILES[folder]
        if name.endswith(".json") and folder != "run"
    ],
)
def test_a_key_that_is_missing_or_another_kind_of_value_is_named(
    world: Path,
    folder: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if name.endswith("tokenizer.json"):
        pytest.skip("the tokenizers library reads it; every change of it is damage, which is tried above")
    shutil.copytree(world, tmp_path / "world")
    root = tmp_path / "world"
    file, verb = root / folder / name, READERS[folder]
    _, whole, _ = outcome(root, verb, monkeypatch, capsys)
    for what, text in keys_damaged(world / folder / name):
        file.write_text(text)
        check(folder, name, what, outcome(root, verb, monkeypatch, capsys), whole)


def restore(world: Path, root: Path, folder: str) -> None:
    shutil.rmtree(root / folder)
    shutil.copytree(world / folder, root / folder)

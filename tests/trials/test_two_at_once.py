"""Two of a command started together: one works, the other is refused or finds it done; never a mixture."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.doctor import verify
from tests.labelled import labelled_collection
from tests.training.conftest import SMALL, write_table

pytestmark = pytest.mark.slow

SHORT = [*SMALL, "training.epochs=2", "training.batch_size=24"]


def together(*commands: list[str]) -> list[tuple[int, str]]:
    """The exit status and standard error of each command."""
    program = [sys.executable, "-m", "plainfilm"]
    started = [
        subprocess.Popen([*program, *command], stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        for command in commands
    ]
    return [(process.communicate()[1], process.returncode)[::-1] for process in started]


def check(ended: list[tuple[int, str]]) -> None:
    """At least one has done the work; who has not says why."""
    assert 0 in [status for status, _ in ended], ended
    for status, said in ended:
        assert status == 0 or (status == 2 and ("is being written by" in said or "exists" in said)), said


def content(folder: Path, *patterns: str) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns or ("**/*",)
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("raw") / "raw", patients=20)


def test_prepare_of_two_sizes(raw: Path, tmp_path: Path) -> None:
    command = ["prepare", "table", str(raw), "--size"]
    ended = together(*([*command, size, "--out", str(tmp_path / "out")] for size in ("48", "40")))
    assert sorted(status for status, _ in ended) == [0, 2], ended
    size = ("48", "40")[[status for status, _ in ended].index(0)]
    assert run([*command, size, "--out", str(tmp_path / "alone")]) == 0
    assert content(tmp_path / "out") == content(tmp_path / "alone")
    assert all(finding.works for finding in verify(tmp_path / "out"))


def test_label_with_two_vocabularies(small_world: Collection, tmp_path: Path) -> None:
    shutil.copytree(small_world.path, tmp_path / "out")
    check(
        together(["label", str(tmp_path / "out")], ["label", str(tmp_path / "out"), "--vocabulary", "nih14"])
    )
    assert all(finding.works for finding in verify(tmp_path / "out"))
    for vocabulary in ("chexpert", "nih14"):
        assert run(["label", str(tmp_path / "out"), "--vocabulary", vocabulary]) == 0
    origins = set(Collection.open(tmp_path / "out").table("labels")["origin"].to_pylist())
    assert len(origins) == 2


def test_train_and_two_that_resume(tmp_path: Path) -> None:
    films = labelled_collection(tmp_path / "labelled").path
    command = ["train", "classifier-tiny", "--data", str(films), *SHORT, "--out"]
    assert run([*command, str(tmp_path / "alone")]) == 0
    check(together([*command, str(tmp_path / "out")], [*command, str(tmp_path / "out"), "seed=1"]))
    other = [*command, str(tmp_path / "resumed")]
    check(together([*other, "--resume"], [*other, "--resume"]))
    log = (tmp_path / "resumed" / "log.jsonl").read_text()
    assert log.count('"event": "end"') == 1
    weights = "*/model.safetensors"
    assert content(tmp_path / "resumed", weights) == content(tmp_path / "alone", weights)


def test_phantom_and_convert(raw: Path, tmp_path: Path) -> None:
    assert run(["prepare", "table", str(raw), "--size", "32", "--out", str(tmp_path / "films")]) == 0
    for command in (
        ["phantom", "chexpert", "--studies", "4", "--size", "64", "--out"],
        ["convert", str(tmp_path / "films"), "cxr_clip", "images=copy", "--out"],
    ):
        out, alone = tmp_path / f"{command[0]}-out", tmp_path / f"{command[0]}-alone"
        check(together([*command, str(out)], [*command, str(out)]))
        assert run([*command, str(alone)]) == 0
        assert content(out).keys() == content(alone).keys()
        assert content(out, "**/*.jpg") == content(alone, "**/*.jpg")


def test_embed_and_evaluate(small_world: Collection, tiny_model: Path, tmp_path: Path) -> None:
    for command in (
        ["embed", str(tiny_model), str(small_world.path), "--what", "sentences", "--out"],
        ["evaluate", "retrieval", str(tiny_model), str(small_world.path), "--out"],
    ):
        out, alone = tmp_path / f"{command[0]}-out", tmp_path / f"{command[0]}-alone"
        check(together([*command, str(out)], [*command, str(out)]))
        assert together([*command, str(alone)])[0][0] == 0
        assert content(out) == content(alone)

"""Every command that writes is refused, before any work, while another process writes to the same place."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.cli.main import run, verbs
from tests.io.test_locks import held_by_another

COMMANDS = {
    "phantom": ["phantom", "table", "--out", "OUT", "--studies", "2"],
    "prepare": ["prepare", "table", "FILMS", "--out", "OUT"],
    "label": ["label", "OUT"],
    "augment": ["augment", "OUT", "--there", "a", "--back", "b"],
    "convert": ["convert", "FILMS", "coco", "--out", "OUT"],
    "train": ["train", "classifier-tiny", "--data", "FILMS", "--out", "OUT"],
    "train --resume": ["train", "classifier-tiny", "--data", "FILMS", "--out", "OUT", "--resume"],
    "finetune": ["finetune", "classifier-tiny", "--init", "MODEL", "--data", "FILMS", "--out", "OUT"],
    "embed": ["embed", "MODEL", "FILMS", "--what", "images", "--out", "OUT"],
    "evaluate": ["evaluate", "retrieval", "MODEL", "FILMS", "--out", "OUT"],
    "benchmark": ["benchmark", "MODEL", "--data", "FILMS", "--out", "OUT"],
    "reproduce": ["reproduce", "cgmh", "--phantom", "--out", "OUT"],
    "tune": ["tune", "OUT", "FILMS"],
    "score": ["score", "FILMS", "FILMS", "--out", "OUT"],
    "export": ["export", "MODEL", "--onnx", "OUT"],
    "import": ["import", "cxr-clip", "MODEL", "--out", "OUT"],
    "predict --map": ["predict", "MODEL", "FILMS", "--map", "effusion", "--out", "OUT"],
    "download": ["download", "mimic_cxr", "--out", "OUT"],
    "demo": ["demo", "--out", "OUT"],
    "watch": ["watch", "--dicomweb", "http://127.0.0.1:9/x", "--model", "MODEL", "--state", "OUT"],
}
READERS = {"info", "doctor", "compare", "push", "retrieve", "serve", "estimate"}
FILES = {"audit", "predict", "prompts"}
"""These write one file, in one rename; `predict --sr` locks its folder (tests/dicom_output)."""


def test_every_command_is_here() -> None:
    assert {name.split()[0] for name in COMMANDS} | READERS | FILES == set(verbs())


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_second_writer_is_refused(
    name: str, small_world, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = small_world.path if name in ("label", "augment") else tmp_path / "out"
    places = {"OUT": str(out), "FILMS": str(small_world.path), "MODEL": str(tiny_model)}
    with held_by_another(out) as first:
        before = content(out)
        assert run([places.get(word, word) for word in COMMANDS[name]]) == 2
        assert content(out) == before
        said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith(f"plainfilm: {out}: is being written by process {first.pid} on ")


def test_a_second_comparison_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "reports.csv").write_text("id,report\n1,No effusion.\n2,Clear.\n")
    reports, results, out = (str(tmp_path / name) for name in ("reports.csv", "results", "out"))
    assert run(["score", reports, reports, "--out", results]) == 0
    with held_by_another(tmp_path / "out") as first:
        assert run(["compare", results, results, "--out", out]) == 2
    assert f"{out}: is being written by process {first.pid} on " in capsys.readouterr().err


def test_a_file_that_another_writes_is_refused(
    small_world, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reports.csv").write_text("report\nNo effusion.\n")
    command = ["label", str(tmp_path / "reports.csv"), "--text-column", "report", "--out"]
    with held_by_another(tmp_path / "labels.csv", "writing_file"):
        assert run([*command, str(tmp_path / "labels.csv")]) == 2
    assert "labels.csv: is being written by process" in capsys.readouterr().err


def test_readers_are_not_refused(small_world, capsys: pytest.CaptureFixture[str]) -> None:
    with held_by_another(small_world.path):
        assert run(["info", str(small_world.path)]) == 0
        assert run(["doctor", str(small_world.path)]) == 0

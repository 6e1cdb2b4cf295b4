from __future__ import annotations

import json
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import prepare
from plainfilm.collection.label import label_collection
from plainfilm.prompts import load_pack


def test_a_clean_pack_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "lint", "siim"]) == 0
    assert capsys.readouterr().out == "siim: no problems\n"


def test_problems_are_printed_and_told_by_the_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("name: a\nversion: 1\nobservations: {A: {positive: [a]}}\n")
    assert run(["prompts", "lint", str(path)]) == 1
    assert "A, negative: no sentence: it cannot be denied\n" in capsys.readouterr().out
    assert run(["prompts", "lint", str(path), "--json"]) == 1
    assert [problem["kind"] for problem in json.loads(capsys.readouterr().out)] == ["missing"]


def test_a_pack_is_compared_with_a_collection(small_world, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "lint", "siim", "--collection", str(small_world.path)]) == 1
    assert "has no observation 'Pleural Effusion'" in capsys.readouterr().out


def test_a_pack_need_not_have_what_the_labeller_found_beside_published_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "films.csv").write_text("report,Pneumothorax\nLarge effusion.,1\n")
    columns = {"text": "report", "labels": "Pneumothorax"}
    collection = prepare(
        "table", tmp_path / "films.csv", tmp_path / "c", options={"columns": columns}, workers=1
    )
    label_collection(collection, workers=1)
    assert run(["prompts", "lint", "siim", "--collection", str(collection.path)]) == 0
    assert "no problems" in capsys.readouterr().out


def test_a_pack_is_compared_with_a_vocabulary(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "lint", "cxr", "--vocabulary", "nih14"]) == 0
    assert "note: Fracture" in capsys.readouterr().out


def test_sentences_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "show", "cxr", "--observation", "Effusion"]) == 0
    assert "  No pleural effusion.\n" in capsys.readouterr().out
    assert run(["prompts", "show", "cxr"]) == 0
    assert "Cardiomegaly" in capsys.readouterr().out


def test_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prompts", "show", "cgmh-zh-TW", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["fingerprint"] == load_pack("cgmh-zh-TW").fingerprint
    assert shown["observations"]["Pneumothorax"]["negative"][0] == "無氣胸。"


def test_a_copy_is_a_pack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ours.yaml"
    assert run(["prompts", "copy", "cgmh", "--out", str(path)]) == 0
    assert load_pack(path).fingerprint == load_pack("cgmh").fingerprint
    assert run(["prompts", "copy", "cgmh", "--out", str(path)]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show"], "name a prompt pack: cgmh"),
        (["show", "cgmhh"], "did you mean 'cgmh'"),
        (["show", "cxr", "--observation", "Edma"], "did you mean 'Edema'"),
        (["show", "cxr", "--collection", "films"], "--collection goes with 'prompts lint'"),
        (["copy", "cxr"], "name a file"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prompts", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1

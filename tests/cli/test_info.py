from __future__ import annotations

import json
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import prepare
from tests.source_examples import source_example


@pytest.fixture
def collection(tmp_path: Path) -> str:
    raw = source_example("table", tmp_path / "raw")
    return str(prepare("table", raw, tmp_path / "films", size=32, workers=1).path)


def test_json_is_one_document(collection: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", collection, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    promised = {"images", "studies", "patients", "rejected", "splits", "views", "labels", "boxes", "licences"}
    assert promised | {"fingerprint"} <= set(found)
    assert found["labels"]["Atelectasis"] == {"positive": 1, "negative": 0, "uncertain": 0}


def test_table_for_a_person(collection: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", collection]) == 0
    shown = capsys.readouterr().out
    assert "Pleural Effusion" in shown
    assert "CC0-1.0 3" in shown


def test_no_collection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(tmp_path / "none")]) == 2
    assert "no such collection" in capsys.readouterr().err

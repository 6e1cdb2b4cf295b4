from __future__ import annotations

import json
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import prepare

CLEAN = "report,patient_id,split\nOne.,ann,train\nTwo.,bob,test\n"


def collection(folder: Path, text: str) -> str:
    (folder / "reports.csv").write_text(text)
    return str(prepare("table", folder / "reports.csv", folder / "c", workers=1).path)


def test_a_leak_is_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leaky = collection(tmp_path, CLEAN.replace("bob", "ann"))
    assert run(["audit", leaky, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["leaks", "duplicates", "conflicts", "agreement", "warnings", "damage"]
    assert found["leaks"][0]["patient_id"] == "ann"


def test_no_leak_is_exit_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", collection(tmp_path, CLEAN)]) == 0
    assert "leaks: none" in capsys.readouterr().out


def test_a_person_sees_the_patient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", collection(tmp_path, CLEAN.replace("bob", "ann"))]) == 1
    assert "patient_id: ann" in capsys.readouterr().out

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection, prepare
from plainfilm.collection.leaks import keys_of
from plainfilm.model_folder import load_model, save_model

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


def test_patients_that_a_model_was_trained_on_are_a_leak(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = collection(tmp_path, CLEAN)
    loaded = load_model(tiny_model)
    for name, patients in {"seen": ["bob", "ann"], "unseen": ["eve"], "unknown": None}.items():
        keys = None
        if patients is not None:
            keys = np.unique(np.array([*keys_of(Collection.open(films).corpus, patients)]))
        save_model(tmp_path / name, loaded.model, loaded.tokenizers, loaded.config, keys)
    assert run(["audit", films, "--json", "--model", str(tmp_path / "seen")]) == 1
    (leak,) = json.loads(capsys.readouterr().out)["leaks"]
    assert (leak["kind"], leak["splits"], leak["patients"]) == ("patients of a model", ["test"], ["bob"])
    assert run(["audit", films, "--model", str(tmp_path / "unseen")]) == 0
    assert "leaks: none" in capsys.readouterr().out
    unknown = str(tmp_path / "unknown")
    assert run(["audit", films, "--json", "--model", unknown]) == 0
    messages = [one.get("message", "") for one in json.loads(capsys.readouterr().out)["warnings"]]
    assert any(one.startswith(f"{unknown}: does not list the patients") for one in messages)

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from plainfilm import doctor
from plainfilm.bank import Bank
from plainfilm.cli.main import run
from plainfilm.errors import UsageError
from plainfilm.io.manifest import Change
from plainfilm.model_folder import read_model_config
from plainfilm.predictor.box_tuning import BoxTuning, write_box_tuning


def test_what_is_installed_is_found_with_its_version() -> None:
    findings = {finding.what: finding for finding in doctor.examine()}
    assert findings["torch"].works
    assert findings["torch"].detail[0].isdigit()


def test_what_is_missing_says_how_to_get_it(monkeypatch: object) -> None:
    doctor.OPTIONAL["no-such-package"] = ("dicom", "does nothing")
    try:
        missing = next(finding for finding in doctor.examine() if finding.what == "no-such-package")
    finally:
        del doctor.OPTIONAL["no-such-package"]
    assert not missing.works
    assert "pip install 'pydicom>=3.0'" in missing.detail


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


def test_a_whole_collection_model_and_bank(small_world, tiny_model: Path, tmp_path: Path) -> None:
    bank = Bank.write(tmp_path, np.eye(2, dtype=np.float32), pd.DataFrame({"kind": ["image"] * 2}), {})
    for folder in (small_world.path, tiny_model, bank.path):
        assert [finding.works for finding in doctor.verify(folder)] == [True]


def test_every_damaged_or_missing_file_is_named(small_world, tmp_path: Path) -> None:
    shutil.copytree(small_world.path, tmp_path / "films")
    first, second = sorted((tmp_path / "films" / "images").rglob("*.jpg"))[:2]
    flip(first, 700)
    second.unlink()
    flip(tmp_path / "films" / "boxes.parquet", 20)
    found = {Path(one.detail.partition(":")[0]) for one in doctor.verify(tmp_path / "films")}
    assert found == {first, second, tmp_path / "films" / "boxes.parquet"}


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no collection, bank, results, model, run, comparison"):
        doctor.verify(tmp_path)


def test_the_exit_status_tells(small_world, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(small_world.path, tmp_path / "films")
    assert run(["doctor", str(tmp_path / "films")]) == 0
    next((tmp_path / "films" / "images").rglob("*.jpg")).unlink()
    assert run(["doctor", str(tmp_path / "films")]) == 1
    assert run(["audit", str(tmp_path / "films")]) == 1
    assert "is missing" in capsys.readouterr().out


def test_what_was_fitted_to_a_model_is_verified_with_it(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    write_box_tuning(
        folder, BoxTuning(model_fingerprint=read_model_config(folder).fingerprint, threshold=0.5)
    )
    assert doctor.verify(folder)[0].works
    flip(folder / "box_tuning.json", 300)
    assert "box_tuning.json" in doctor.verify(folder)[0].detail


def test_everything_of_a_run_with_stages_is_verified(tiny_model: Path, tmp_path: Path) -> None:
    for place in ("model", "last", "stage-1/model", "stage-2/model"):
        shutil.copytree(tiny_model, tmp_path / "run" / place)
    (tmp_path / "run" / "recipe.yaml").write_text("{}")
    state = tmp_path / "run" / "stage-2" / "training_state.pt"
    torch.save({"position": torch.arange(99)}, state)
    assert [one.works for one in doctor.verify(tmp_path / "run")] == [True]
    flip(tmp_path / "run" / "stage-1" / "model" / "model.safetensors", 4000)
    flip(state, state.stat().st_size // 2)
    found = [
        one.detail.partition(":")[0].removeprefix(f"{tmp_path}/run/")
        for one in doctor.verify(tmp_path / "run")
    ]
    assert found == ["stage-1/model/model.safetensors", "stage-2/training_state.pt"]


def test_maps_and_comparisons_are_verified(tmp_path: Path) -> None:
    for name in ("maps.json", "comparison.json"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        change = Change(folder, name)
        with change.writing("a.png") as temporary:
            temporary.write_bytes(bytes(100))
        change.commit({"films": []})
        assert [one.works for one in doctor.verify(folder)] == [True]
        flip(folder / "a.png", 50)
        assert "a.png" in doctor.verify(folder)[0].detail

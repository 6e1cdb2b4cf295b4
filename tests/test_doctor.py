from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plainfilm import doctor
from plainfilm.bank import Bank
from plainfilm.cli.main import run
from plainfilm.errors import UsageError


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
    with pytest.raises(UsageError, match="is no collection, bank, results, model or run"):
        doctor.verify(tmp_path)


def test_the_exit_status_tells(small_world, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(small_world.path, tmp_path / "films")
    assert run(["doctor", str(tmp_path / "films")]) == 0
    next((tmp_path / "films" / "images").rglob("*.jpg")).unlink()
    assert run(["doctor", str(tmp_path / "films")]) == 1
    assert run(["audit", str(tmp_path / "films")]) == 1
    assert "is missing" in capsys.readouterr().out

"""The Python of docs/dicom-output.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plainfilm.dicom_output.write import write_objects
from tests.dicom_output.films import ALGORITHM, RESULTS, source_film

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dicom-output.md"


def test_reports_are_read_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_objects(source_film(tmp_path), RESULTS, ALGORITHM, tmp_path / "results")
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        exec(block, names)
    assert "left pleural effusion A small effusion on the left. 0.75" in capsys.readouterr().out

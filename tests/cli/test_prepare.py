from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.sources import table


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return table.make_example(tmp_path / "raw")


def test_prepare_says_what_it_made(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prepare", "table", str(raw), "--out", str(tmp_path / "c"), "--size", "32"]) == 0
    assert "3 studies, 3 images, 3 sentences; 1 rejected" in capsys.readouterr().out


def test_columns(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = ["--column", "image=path", "--column", "text=report,labels"]
    assert run(["prepare", "table", str(raw), "--out", str(tmp_path / "c"), *columns]) == 0
    assert "3 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--column", "image"], "write it ROLE=HEADER"),
        (["--column", "image=path", "--column", "image=report"], "role 'image' is given twice"),
        (["--column", "image=paht"], "did you mean 'path'"),
        (["--column", "imge=path"], "did you mean 'image'"),
        (["--option", "header_rule=plain"], "did you mean 'header_rules'"),
        (["--size", "2"], "at least 16 pixels"),
    ],
)
def test_a_mistake_is_one_line(
    raw: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prepare", "table", str(raw), "--out", str(tmp_path / "c"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_unknown_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prepare", "mimic", str(tmp_path), "--out", str(tmp_path / "c")]) == 2
    assert "unknown source 'mimic': did you mean 'mimic_cxr'" in capsys.readouterr().err

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection


def test_it_says_what_it_wrote_and_what_the_format_cannot_hold(
    small_world: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["convert", str(small_world.path), "coco", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{tmp_path / 'out'}: 96 rows in train.json, test.json"
    assert said[1] == "not in it: 48 reports, which the format cannot hold"


def test_options_of_the_format(small_world: Collection, tmp_path: Path) -> None:
    arguments = ["convert", str(small_world.path), "txtrayalign", "text=all", "images=copy"]
    assert run([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out" / "images").iterdir())) == 96


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["coc"], "did you mean 'coco'?"),
        (["coco", "imags=copy"], "did you mean 'images'?"),
        (["txtrayalign", "text=impresion"], "did you mean 'impression'?"),
    ],
)
def test_a_slip_is_answered_in_one_line(
    small_world: Collection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert run(["convert", str(small_world.path), *arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1

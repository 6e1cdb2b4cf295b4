from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.text import translation
from tests.marian import make_marian

MODELS = ["--there", "A", "--back", "B"]


def test_translations_are_counted_with_reasons_and_no_text(
    small_world: Collection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(translation, "LONGEST", 24)
    shutil.copytree(small_world.path, tmp_path / "films")
    folder = make_marian(
        tmp_path / "en-xx", ["No pleural effusion or pneumothorax.", "The heart is enlarged."]
    )
    models = ["--there", str(folder), "--back", str(folder)]
    assert run(["augment", str(tmp_path / "films"), *models, "--temperature", "0.7", "--workers", "1"]) == 0
    told = capsys.readouterr()
    first, *reasons = told.out.splitlines()
    assert "0 of 10 distinct sentences paraphrased" in first
    assert sum(int(line.split()[0]) for line in reasons) == 10
    assert "heart" not in told.out + told.err
    assert Collection.open(tmp_path / "films").has_table("text_variants")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--pivot"),
        (["--there", "A"], "--there and --back"),
        ([*MODELS, "--pivot", "it"], "--there and --back"),
        ([*MODELS, "--temperature", "1,1,1"], "--temperature 1,1,1: give one number above 0, or two"),
        ([*MODELS, "--temperature", "0"], "--temperature 0"),
        ([*MODELS, "--temperature", "warm"], "--temperature warm"),
        ([*MODELS, "--beams", "0"], "--beams"),
        (["--there", "./nowhere", "--back", "B"], "./nowhere: no such file or folder"),
        (["--pivot", "xx"], "'Helsinki-NLP/opus-mt-en-xx' is not on this machine"),
        ([*MODELS, "--split", "trian"], "trian"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    small_world: Collection,
    arguments: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.upper(), raising=False)
    assert run(["augment", str(small_world.path), *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1

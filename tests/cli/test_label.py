from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection, prepare


@pytest.fixture
def collection(tmp_path: Path) -> str:
    (tmp_path / "reports.csv").write_text("report\nLarge pleural effusion.\n")
    return str(prepare("table", tmp_path / "reports.csv", tmp_path / "c", workers=1).path)


def test_labels_are_written(collection: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["label", collection, "--workers", "1"]) == 0
    assert "labels written" in capsys.readouterr().out
    assert "Pleural Effusion" in Collection.open(collection).table("labels")["observation"].to_pylist()


def test_unknown_vocabulary(collection: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["label", collection, "--vocabulary", "chexprt"]) == 2
    assert "chexpert" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "toy"], "belong together"),
        (["--model", "toy", "--model-address", "http://8.8.8.8/v1"], "outside this network"),
        (["--model", "toy", "--model-address", "http://127.0.0.1:9/v1"], "is the model running"),
    ],
)
def test_a_model_that_cannot_be_asked(
    collection: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Collection.open(collection).meta["fingerprint"]
    assert run(["label", collection, "--workers", "1", *options]) == 2
    assert said in capsys.readouterr().err
    assert Collection.open(collection).meta["fingerprint"] == before

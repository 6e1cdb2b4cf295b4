"""`plainfilm import` as a person types it, and what the model is good for afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from tests.checkpoints.published import published, save, vocabulary_folder


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vocabulary_folder(tmp_path_factory.mktemp("tokenizer") / "words")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(published(encoder="swin"), tmp_path_factory.mktemp("published") / "swint_m.tar")


def arguments(checkpoint: Path, vocabulary: Path, out: Path, *more: str) -> list[str]:
    return ["import", "cxr-clip", str(checkpoint), "--tokenizer", str(vocabulary), "--out", str(out), *more]


def test_it_says_what_it_wrote_and_what_it_left_out(
    checkpoint: Path, vocabulary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(checkpoint, vocabulary, tmp_path / "model", "pooling=first_patch")) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("licence of the weights of cxr-clip: ")
    assert said[1].startswith(f"{tmp_path / 'model'}: ")
    assert said[1].endswith("unused tensors left out: 7")
    assert "  text_encoder.text_encoder.pooler.dense.bias" in said


def test_the_model_is_evaluated_and_asked_as_any_other(
    checkpoint: Path,
    vocabulary: Path,
    small_world: Collection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, results = str(tmp_path / "model"), tmp_path / "results"
    assert run(arguments(checkpoint, vocabulary, tmp_path / "model", "pooling=first_patch")) == 0
    assert (
        run(["evaluate", "zero_shot", model, str(small_world.path), "--out", str(results), "views=[PA]"]) == 0
    )
    assert json.loads((results / "results.json").read_text())["n"] == 16
    film = small_world.image_path(small_world.table("images")["path"].to_pylist()[0])
    capsys.readouterr()
    assert run(["predict", model, str(film), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["findings"][0]["probability"] > 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "set pooling=first_patch for"),
        (["poling=average"], "did you mean 'pooling'?"),
        (["pooling=max"], "'pooling' is 'max'"),
    ],
)
def test_a_question_or_slip_is_one_line(
    checkpoint: Path,
    vocabulary: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    assert run(arguments(checkpoint, vocabulary, tmp_path / "model", *more)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_that_holds_something_is_left_alone(
    checkpoint: Path, vocabulary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run(arguments(checkpoint, vocabulary, tmp_path, "pooling=average")) == 2
    assert "exists and is not an empty folder" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_an_unknown_family_gets_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "cxr-clp", str(tmp_path / "a.tar"), "--out", str(tmp_path / "model")]) == 2
    assert "did you mean 'cxr_clip'?" in capsys.readouterr().err

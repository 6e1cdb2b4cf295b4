"""A reproduction from weights and a corpus to its page; all nine papers on phantoms (slow)."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from plainfilm.cli.main import run
from plainfilm.reproduce import manifest
from plainfilm.reproduce.report import PHANTOM_NOTICE
from plainfilm.results.reading import read_document
from tests.checkpoints import published as cxr_clip
from tests.checkpoints import published_chex, published_refers, test_biovil, test_chexzero, test_gloria
from tests.checkpoints import test_medclip as medclip
from tests.checkpoints.clip_tokenizer import clip_tokenizer_folder, gpt2_tokenizer_folder
from tests.checkpoints.families import randomised
from tests.reproduce.papers import values


def table(out: Path) -> list[dict[str, str]]:
    with (out / "reproduction.csv").open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a manifest, and one of its two weights."""
    folder = tmp_path_factory.mktemp("reproduce")
    (folder / "papers").mkdir()
    (folder / "papers" / "a_paper.yaml").write_text(yaml.safe_dump(values()))
    cxr_clip.vocabulary_folder(folder / "words")
    cxr_clip.save(cxr_clip.published(), folder / "first.tar")
    return folder


@pytest.fixture
def a_paper(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "FOLDER", folder / "papers")


@pytest.fixture(scope="module")
def command(folder: Path, small_world) -> list[str]:
    given = ["--weights", str(folder / "first.tar"), "--data", str(small_world.path)]
    return ["reproduce", "a-paper", f"tokenizer={folder / 'words'}", *given, "--out", str(folder / "out")]


@pytest.mark.usefixtures("a_paper")
def test_values_are_those_of_the_results_and_what_is_missing_is_said(
    folder: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder / "out"
    assert run(command) == 1
    said = capsys.readouterr()
    assert "weights second (second.tar): https://example.org/second.tar" in said.out
    first, second = table(out)
    document = read_document(out / "results" / "texts" / "first")
    metric = next(one for one in document["metrics"] if one["name"] == first["metric"])
    for key, name in (("ours", "value"), ("low", "low"), ("high", "high")):
        assert float(first[key]) == pytest.approx(100 * metric[name])
    assert int(first["n"]) == metric["n"]
    inside = metric["low"] <= 0.5 <= metric["high"]
    assert first["verdict"] == ("reproduced" if inside else "differs")
    assert (second["verdict"], second["ours"]) == ("not run", "")
    page = (out / "index.html").read_text("utf-8")
    assert "results/texts/first/index.html" in page
    assert "https://example.org/table" in page
    assert "Table 1" in page
    assert PHANTOM_NOTICE not in page

    from plainfilm.benchmark import cells
    from plainfilm.reproduce import steps

    def never(*_: object, **__: object) -> None:
        raise AssertionError("done already")

    monkeypatch.setattr(cells, "evaluate", never)
    monkeypatch.setattr(steps, "import_checkpoint", never)
    before = (out / "reproduction.csv").read_bytes()
    assert run(command) == 1
    assert run([word for word in command if word not in ("--weights", str(folder / "first.tar"))]) == 1
    assert (out / "reproduction.csv").read_bytes() == before


@pytest.mark.usefixtures("a_paper")
def test_a_dry_run_writes_nothing(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["reproduce", "a-paper", "--dry-run", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "import    first: cxr-clip first.tar  (missing: weights first (first.tar))" in said
    assert "evaluate  texts, second: retrieval on world" in said
    assert not out.exists()


def test_without_a_name_all_papers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reproduce"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in manifest.papers())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chexzer", "--dry-run"], "did you mean 'chexzero'"),
        (["chexzero"], "name a folder with --out, or use --dry-run"),
        (["chexzero", "--phantom", "--data", "x", "--out", "y"], "leave out --data"),
        (["cgmh", "--weights", "x", "--dry-run"], "no such file"),
    ],
)
def test_what_cannot_be_asked_ends_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["reproduce", *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1


def _chexzero(folder: Path) -> tuple[str, list[str]]:
    rows = clip_tokenizer_folder(folder / "words")
    torch.save(test_chexzero.openai_names(test_chexzero.reference(rows)), folder / "own.pt")
    return f"best={folder / 'own.pt'}", [f"tokenizer={folder / 'words'}"]


def _biovil(folder: Path) -> tuple[str, list[str]]:
    torch.save(randomised(test_biovil.Images(False), 0.03).state_dict(), folder / "own.pt")
    words = test_biovil.text_folder(folder / "cxr-bert")[2]
    return f"biovil={folder / 'own.pt'}", [f"text={words}"]


def _gloria(folder: Path) -> tuple[str, list[str]]:
    cxr_clip.vocabulary_folder(folder / "words", 40)
    torch.save(
        test_gloria.checkpoint(randomised(test_gloria.Published(), 0.05)), folder / "chexpert_resnet50.ckpt"
    )
    return str(folder), [f"tokenizer={folder / 'words'}"]


def _medclip(folder: Path) -> tuple[str, list[str]]:
    cxr_clip.vocabulary_folder(folder / "words", 40)
    torch.save(medclip.stored(randomised(medclip.Published(True), 0.05)), folder / "pytorch_model.bin")
    return str(folder / "pytorch_model.bin"), [f"tokenizer={folder / 'words'}"]


def _cxr_clip(folder: Path) -> tuple[str, list[str]]:
    cxr_clip.vocabulary_folder(folder / "words")
    cxr_clip.save(cxr_clip.published(encoder="swin"), folder / "swint_mcc.tar")
    return str(folder), [f"tokenizer={folder / 'words'}"]


def _refers(folder: Path) -> tuple[str, list[str]]:
    tensors = published_refers.drawn(published_refers.image_shapes("transformer."))
    torch.save(published_refers.as_torch(tensors), folder / "refers_checkpoint.pth")
    return str(folder / "refers_checkpoint.pth"), []


def _chex(folder: Path) -> tuple[str, list[str]]:
    rows = clip_tokenizer_folder(folder / "prompts"), gpt2_tokenizer_folder(folder / "sentences")
    published_chex.save(published_chex.stage3(*rows), folder / "checkpoint_000000001.pth")
    return str(folder), [f"tokenizer={folder / 'prompts'}", f"sentence_tokenizer={folder / 'sentences'}"]


MAKERS: dict[str, Callable[[Path], tuple[str, list[str]]] | None] = {
    "biovil": _biovil,
    "cgmh": None,
    "chex": _chex,
    "chexzero": _chexzero,
    "cxr-clip": _cxr_clip,
    "gloria": _gloria,
    "medclip": _medclip,
    "refers": _refers,
    "txtrayalign": None,
}
"""What writes small weights at random under the published key names; `None` where none are published."""


def test_every_paper_has_a_way_to_be_run() -> None:
    assert set(MAKERS) == set(manifest.papers())


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_a_manifest_runs_on_phantoms_from_raw_layout_to_page(name: str, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    maker = MAKERS[name]
    weights, options = maker(tmp_path / "weights") if maker else ("", [])
    out = tmp_path / "out"
    given = ["--weights", weights] if weights else []
    assert run(["reproduce", name, *options, *given, "--phantom", "--out", str(out)]) in (0, 1)
    rows = [row for row in table(out) if row["model"] in ("stand-in", *_imported(out))]
    entry = manifest.paper(name)
    evaluations = set(entry.evaluations) - set(entry.phantom.lacks)
    assert {row["evaluation"] for row in rows} == set(entry.evaluations)
    rows = [row for row in rows if row["evaluation"] in evaluations]
    scored = {row["evaluation"] for row in rows if row["ours"]}
    assert scored == evaluations
    for row in rows:
        # One in a hundred of so few patients is one, from whom nothing can be learned.
        is_too_few = "1 %" in row["what"] and "not computable" in row["why"]
        assert row["verdict"] == ("not run" if is_too_few else "not comparable"), row
        assert is_too_few or row["ours"] or not row["metric"]
    assert all((row["table"] and row["address"]) or row["not_read"] for row in rows)
    page = (out / "index.html").read_text("utf-8")
    assert page.index(PHANTOM_NOTICE) < page.index("<h1>")
    assert json.loads((out / "reproduction.json").read_text("utf-8"))["phantom"] is True


def _imported(out: Path) -> set[str]:
    return {path.stem.removeprefix("import-") for path in (out / "done").glob("import-*.json")}

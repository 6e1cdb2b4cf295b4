"""Label tables and prompt packs as they arrive: what cannot be used is said in a line; nothing is lost."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import plainfilm
from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.errors import UsageError
from plainfilm.seeding import generator
from plainfilm.sources.cgmh import LABELS

RECIPE: dict[str, Any] = {
    "model": {
        "use": "dual_encoder",
        "image": {"use": "timm", "name": "test_resnet", "channels": 1},
        "text": {"use": "compact", "width": 32, "depth": 1, "heads": 2, "max_tokens": 64},
        "projection": {"dimension": 16},
    },
    "tokenizers": {"text": {"vocabulary": 300}},
    "preprocessing": {"size": 32, "channels": 1},
    "objective": {"use": "infonce"},
    "data": {"text": "all", "sentences": None, "cache": None, "prompts": "cgmh", "workers": 0},
    "training": {"epochs": 1, "batch_size": 4},
}
TRAIN = (
    ["image", "text_label"],
    ["['0.png']", "['Pneumothorax']"],
    ["['1.png']", "['Pneumothorax', 'Foreign body']"],
    ["['2.png']", "[]"],
    ["[]", "['Pneumothorax']"],
    ["['3.png']", "['Pneumothorax"],
    ["['4.png'", "['Foreign body']"],
    ["['0.png']", "['Foreign body']"],
    ["['5.png']", "['NG tube in place', 'Pneumothroax']"],
)
SHORT_PACK = """
name: short
version: 1
observations:
  Pneumothorax: {positive: [pneumothorax], negative: [no pneumothorax]}
  Hernia: {positive: [hernia], negative: [no hernia]}
"""


def write(path: Path, *rows: list[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)


def states(*positive: str) -> list[str]:
    return [str(int(name in positive)) for name in LABELS]


def films(folder: Path, count: int) -> None:
    for number in range(count):
        pixels = generator("bad input", number).integers(0, 255, (40, 36), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CGMH's tables with rows as they should not be; of the test films two have nothing."""
    root = tmp_path_factory.mktemp("tables")
    films(root, 10)
    write(root / "train.csv", *TRAIN)
    tested = [("6.png", ()), ("7.png", ("Pneumothorax",)), ("8.png", ("Pneumothorax",)), ("9.png", ())]
    rows = [[f"['{film}']", *states(*positive)] for film, positive in tested]
    write(root / "test.csv", ["image", *LABELS], *rows, ["[]", *states("Foreign body")])
    return root


@pytest.fixture(scope="module")
def collection(tables: Path) -> Collection:
    out = tables / "films"
    assert run(["prepare", "cgmh", str(tables), "--out", str(out), "--size", "40", "--workers", "1"]) == 0
    return Collection.open(out)


@pytest.fixture(scope="module")
def recipe(tables: Path) -> Path:
    (tables / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (tables / "short.yaml").write_text(SHORT_PACK)
    return tables / "recipe.yaml"


@pytest.fixture(scope="module")
def model(recipe: Path, collection: Collection, tables: Path) -> Path:
    """Trained with more negatives than there are labels left."""
    settings = ["data.not_mentioned=absent", "data.negatives=50"]
    assert train(recipe, collection, tables / "run", *settings) == 0
    return tables / "run" / "model"


def train(recipe: Path, collection: Collection, out: Path, *settings: str) -> int:
    return run(["train", str(recipe), "--data", str(collection.path), "--out", str(out), *settings])


def evaluate(model: Path, collection: Collection, out: Path, *settings: str) -> dict[str, Any]:
    arguments = ["evaluate", "zero_shot", str(model), str(collection.path), "--out", str(out), *settings]
    assert run([*arguments, "resamples=100"]) == 0
    return json.loads((out / "results.json").read_text())


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err
    last = error.splitlines()[-1]
    assert last.startswith("plainfilm: ")
    assert "Traceback" not in error
    return last


def test_every_row_becomes_a_study_or_a_reason(collection: Collection) -> None:
    reasons = collection.frame("rejected").set_index("path")["reason"].to_dict()
    assert set(collection.frame("images")["image_id"]) == {"0", "1", "2", "5", "6", "7", "8", "9"}
    assert reasons["train.csv row 4"] == reasons["test.csv row 5"] == "the row names no image"
    assert "is no Python list" in reasons["train.csv row 5"]
    assert "is no Python list" in reasons["train.csv row 6"]
    assert reasons["0"] == "duplicate study id '0'"
    assert "did you mean 'Pneumothorax'" in reasons["train.csv row 8"]


def test_rows_of_cxr_clip_without_films_or_lists_are_rejected(tmp_path: Path) -> None:
    films(tmp_path, 3)
    rows = (
        ["['0.png']", "['Clear.']", ""],
        ["[]", "['Clear.']", ""],
        ["['1.png'", "['Clear.']", ""],
        ["['2.png']", "", "[['Edema'], [], []"],
    )
    write(tmp_path / "train.csv", ["image", "text", "text_label"], *rows)
    out = tmp_path / "films"
    assert (
        run(["prepare", "cxr_clip", str(tmp_path), "--out", str(out), "--size", "40", "--workers", "1"]) == 0
    )
    rejected = Collection.open(out).frame("rejected").set_index("path")["reason"].to_dict()
    assert rejected["train.csv row 2"] == "the row names no image"
    assert "is no Python list" in rejected["train.csv row 3"]
    assert "is no list of observations" in rejected["train.csv row 4"]


def test_a_label_that_the_pack_lacks_is_named(
    recipe: Path, collection: Collection, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = f"data.prompts={tables}/short.yaml"
    assert train(recipe, collection, tmp_path / "run", pack) == 2
    assert "'short' has no observation 'NG tube in place'" in one_line(capsys)
    assert train(recipe, collection, tmp_path / "run", pack, "data.observations=[Pneumothorax]") == 0


def test_a_label_that_the_data_lack_is_named(
    recipe: Path, collection: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(recipe, collection, tmp_path / "run", "data.observations=[Pneumothorx]") == 2
    assert "no label of 'Pneumothorx': did you mean 'Pneumothorax'" in one_line(capsys)


@pytest.mark.parametrize("sentences", ['["  "]', '[""]'])
def test_blank_sentences_of_a_pack_are_refused(
    recipe: Path, collection: Collection, tmp_path: Path, sentences: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "blank.yaml"
    pack.write_text(SHORT_PACK.replace("[hernia]", sentences))
    assert train(recipe, collection, tmp_path / "run", f"data.prompts={pack}") == 2
    assert "Hernia, positive: a sentence is blank; leave it out" in one_line(capsys)
    assert run(["prompts", "lint", str(pack)]) == 1


def test_a_pack_of_blanks_alone_has_nothing_to_ask(
    model: Path, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "blank.json"
    pack.write_text(json.dumps({"Pneumothorax": {"pos": [" "], "neg": [""], "unc": []}}))
    assert run(["predict", str(model), str(tables / "0.png"), "--prompts", str(pack)]) == 2
    assert "no prompts" in one_line(capsys)


def test_what_only_labels_or_only_prompts_have_is_left_out_and_told(
    model: Path, collection: Collection, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = evaluate(model, collection, tmp_path / "results", f"prompts={tables}/short.yaml")
    assert results["protocol"]["observations"] == ["Pneumothorax"]
    left_out = results["protocol"]["left_out"]
    assert left_out["observations without labels"] == ["Hernia"]
    assert len(left_out["observations without prompts"]) == len(LABELS) - 1
    assert "left out, as there are no labels: Hernia" in capsys.readouterr().err


def test_films_without_anything_count_and_one_class_has_no_score(
    model: Path, collection: Collection, tmp_path: Path
) -> None:
    results = evaluate(model, collection, tmp_path / "results", "prompts=cgmh")
    assert results["n"] == 4
    found = {metric["name"]: metric for metric in results["metrics"]}
    single = [name for name in LABELS if name != "Pneumothorax"]
    for kind in ("auroc", "average_precision"):
        for name in single:
            assert found[f"combined/{kind}/{name}"]["value"] is None
            assert "all films are negative" in found[f"combined/{kind}/{name}"]["note"]
        own = found[f"combined/{kind}/Pneumothorax"]["value"]
        assert found[f"combined/{kind}_macro"]["value"] == pytest.approx(own)
    assert "all films are negative" in (tmp_path / "results" / "index.html").read_text()


def test_nothing_positive_anywhere_has_no_macro_either(model: Path, tables: Path, tmp_path: Path) -> None:
    rows = [[f"['{number}.png']", *states()] for number in (6, 7)]
    write(tmp_path / "test.csv", ["image", *LABELS], *rows)
    arguments = ["--out", str(tmp_path / "films"), "--size", "40", "--workers", "1"]
    assert run(["prepare", "cgmh", str(tmp_path), *arguments, "--option", f"images={tables}"]) == 0
    normal = Collection.open(tmp_path / "films")
    results = evaluate(model, normal, tmp_path / "results", "prompts=cgmh")
    macro = [metric for metric in results["metrics"] if metric["name"].endswith("auroc_macro")]
    assert macro
    assert all(metric["value"] is None and metric["note"] for metric in macro)


def test_no_film_gives_no_rows(model: Path) -> None:
    loaded = plainfilm.load(model)
    prompts = {"A": ("a", "no a"), "B": ("b", [])}
    assert loaded.encode_images([]).shape == (0, 16)
    assert loaded.encode_texts([]).shape == (0, 16)
    scores = loaded.zero_shot([], prompts)
    assert scores.positive.shape == scores.negative.shape == scores.probability.shape == (0, 2)
    assert list(loaded.findings([], prompts)) == []


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        ({}, "no prompts"),
        ({"A": ([], "x")}, "no positive prompt for 'A'"),
        ({"A": ("a", " ")}, "of 'A' is blank"),
    ],
)
def test_prompts_that_say_nothing_are_refused(model: Path, prompts: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plainfilm.load(model).zero_shot([], prompts)

"""`embed`, `retrieve`, `evaluate` and `compare` as a person types them."""

from __future__ import annotations

import json

import pytest

from plainfilm.cli.main import run
from plainfilm.model_folder import load_model, save_model


@pytest.fixture(scope="module")
def bank(tiny_model, small_world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("banks") / "sentences"
    words = [
        "embed",
        tiny_model,
        small_world.path,
        "--what",
        "sentences",
        "--split",
        "train",
        "--out",
        folder,
    ]
    assert run([str(word) for word in words]) == 0
    return folder


@pytest.fixture(scope="module")
def evaluated(tiny_model, small_world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "tiny"
    words = ["evaluate", "retrieval", tiny_model, small_world.path, "--out", folder, "resamples=100", "k=3"]
    assert run([str(word) for word in words]) == 0
    return folder


def test_embed_says_how_many(tiny_model, small_world, tmp_path, capsys):
    words = ["embed", tiny_model, small_world.path, "--what", "images", "--out", tmp_path / "bank"]
    assert run([str(word) for word in words]) == 0
    assert "96 images of collection, embedded with tiny" in capsys.readouterr().out


@pytest.fixture(scope="module")
def dead_model(tiny_model, tmp_path_factory):
    """A model that gives every film and every text the same vector."""
    loaded = load_model(tiny_model, trust_code=False)
    for name, parameter in loaded.model.named_parameters():
        if "projection" in name:
            parameter.data.fill_(float(parameter.ndim == 1))
    folder = tmp_path_factory.mktemp("models") / "dead"
    save_model(folder, loaded.model, loaded.tokenizers, loaded.config)
    return folder


@pytest.mark.parametrize("what", ["images", "sentences"])
def test_embed_warns_of_vectors_that_are_all_the_same(dead_model, small_world, tmp_path, capsys, what):
    words = ["embed", dead_model, small_world.path, "--what", what, "--out", tmp_path / "bank"]
    assert run([str(word) for word in words]) == 0
    (warning,) = json.loads((tmp_path / "bank" / "bank.json").read_text())["warnings"]
    assert "get nearly the same vector (mean cosine 1.0000)" in warning
    assert f"warning: {warning}" in capsys.readouterr().err


def test_evaluate_warns_of_vectors_that_are_all_the_same(dead_model, small_world, tmp_path, capsys):
    words = ["evaluate", "retrieval", dead_model, small_world.path, "--out", tmp_path / "r", "resamples=100"]
    assert run([str(word) for word in words]) == 0
    warnings = json.loads((tmp_path / "r" / "results.json").read_text())["warnings"]
    assert len(warnings) == 2
    said, page = capsys.readouterr().err, (tmp_path / "r" / "index.html").read_text()
    assert all(f"warning: {warning}" in said and warning in page for warning in warnings)


def test_retrieve_prints_one_json_document_and_nothing_else(tiny_model, bank, capsys):
    assert run(["retrieve", str(tiny_model), str(bank), "--text", "effusion", "-k", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["query"] == {"text": "effusion"}
    assert [result["rank"] for result in document["results"]] == [1, 2, 3]
    assert {"rank", "score", "kind", "text", "study_id", "labels"} <= document["results"][0].keys()


def test_retrieve_for_a_film_prints_lines(tiny_model, bank, small_world, capsys):
    film = small_world.image_path(small_world.table("images")["path"][0].as_py())
    assert run(["retrieve", str(tiny_model), str(bank), "--image", str(film), "-k", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_retrieve_can_answer_with_nothing(tiny_model, bank, capsys):
    words = ["retrieve", str(tiny_model), str(bank), "--text", "x", "--threshold", "0.9999", "--json"]
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["results"] == []


def test_evaluate_writes_results_and_ends_with_the_page(evaluated):
    document = json.loads((evaluated / "results.json").read_text())
    assert document["protocol"]["k"] == 3
    assert document["warnings"] == []
    assert (evaluated / "index.html").exists()


def test_evaluate_prints_the_headline(tiny_model, small_world, tmp_path, capsys):
    words = ["evaluate", "retrieval", tiny_model, small_world.path, "directions=[image->report]"]
    assert run([str(word) for word in [*words, "--out", tmp_path / "r", "resamples=100"]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("image->report") and "finding F1 (positive, micro)" in line for line in lines)
    assert all("random" in line for line in lines[:-2])
    assert lines[-2:] == ["↑ higher is better, ↓ lower is better", str(tmp_path / "r" / "index.html")]


def test_evaluating_again_gives_the_same_bytes(evaluated, tiny_model, small_world, tmp_path):
    words = ["evaluate", "retrieval", tiny_model, small_world.path, "--out", tmp_path, "resamples=100", "k=3"]
    assert run([str(word) for word in words]) == 0
    for name in ("results.json", "predictions.parquet", "items.parquet", "index.html"):
        assert (tmp_path / name).read_bytes() == (evaluated / name).read_bytes(), name


def test_compare_prints_a_table_or_json(evaluated, capsys):
    assert run(["compare", str(evaluated), str(evaluated)]) == 0
    assert "image->sentence  recall @ 1 ↑" in capsys.readouterr().out
    assert run(["compare", str(evaluated), str(evaluated), "--json"]) == 0
    [document] = json.loads(capsys.readouterr().out)
    assert document["differences"][0]["name"] == "image->sentence/recall@1"
    assert document["differences"][0]["difference"] == 0.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["retrieve", "MODEL", "BANK"], "either --image FILE or --text TEXT"),
        (["retrieve", "MODEL", "BANK", "--text", "a", "--diversity", "2"], "diversity"),
        (["retrieve", "MODEL", "WORLD", "--text", "a"], "not a bank"),
        (["retrieve", "MODEL", "BANK", "--image", "absent.png"], "absent.png"),
        (
            ["embed", "MODEL", "WORLD", "--what", "images", "--out", "b", "--split", "tests"],
            "did you mean 'test'",
        ),
        (["evaluate", "retreival", "MODEL", "WORLD", "--out", "r"], "did you mean 'retrieval'"),
        (["evaluate", "retrieval", "MODEL", "WORLD", "--out", "r", "kk=2"], "unknown key 'kk'"),
        (["evaluate", "retrieval", "MODEL", "--out", "r", "k=2"], "at least one collection"),
        (["evaluate", "retrieval", "MODEL", "WORLD", "--out", "r", "--split", "train"], "its own report"),
        (["compare", "BANK"], "at least two"),
        (["compare", "BANK", "BANK"], "not results"),
    ],
)
def test_mistakes_end_in_one_line_and_status_2(words, message, tiny_model, small_world, bank, capsys):
    places = {"MODEL": str(tiny_model), "WORLD": str(small_world.path), "BANK": str(bank)}
    assert run([places.get(word, word) for word in words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1

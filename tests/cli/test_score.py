"""`plainfilm score`: the scores of the task for the same texts, and what is missing is said."""

from __future__ import annotations

import json

import pytest

from plainfilm.cli.main import run
from plainfilm.config import build
from plainfilm.predictor import load
from plainfilm.results import write
from plainfilm.tasks import report_generation

REFERENCES = (
    'study_id,report,patient_id\n1,"Left effusion.",a\n2,"No acute process.",b\n3,"Edema.",b\n4,"",c\n'
)
CANDIDATES = 'study_id,prediction\n1,"Right effusion."\n2,"No acute process."\n3,"Mild edema."\n'


@pytest.fixture
def score(tmp_path):
    def command(references, candidates, *more):
        (tmp_path / "references.csv").write_text(references)
        (tmp_path / "candidates.csv").write_text(candidates)
        places = [tmp_path / "references.csv", tmp_path / "candidates.csv", "--out", tmp_path / "out"]
        return run(["score", *map(str, [*places, *more, "resamples=100"])])

    return command


def test_the_headline_is_printed_and_results_are_written(score, tmp_path, capsys):
    assert score(REFERENCES, CANDIDATES) == 0
    out = capsys.readouterr().out
    assert "BLEU-4 ↑" in out
    assert out.splitlines()[-1] == str(tmp_path / "out" / "index.html")
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    values = {one["name"]: one["value"] for one in document["metrics"]}
    assert document["n"] == 3
    assert (values["findings/f1_micro-14"], values["sides/side_agreement"]) == (1.0, 0.0)
    assert document["protocol"]["left_out"]["references without text"] == 1
    assert (tmp_path / "out" / "rexrank.json").is_file()


def test_texts_of_the_task_have_the_scores_of_the_task(tiny_writer, small_world, tmp_path, capsys):
    config = build(report_generation.Config, {"resamples": 100}, "task")
    results = report_generation.run(load(tiny_writer, trust_code=True), [small_world], config)
    write(results, tmp_path / "task")
    table = results.predictions.rename(columns={"query_id": "study_id"})
    table[["study_id", "candidate"]].to_csv(tmp_path / "c.csv", index=False)
    words = ["score", tmp_path / "task", tmp_path / "c.csv", "--out", tmp_path / "score", "resamples=100"]
    assert run(list(map(str, words))) == 0
    documents = [json.loads((tmp_path / name / "results.json").read_text()) for name in ("task", "score")]
    first, second = ({m["name"]: m for m in one["metrics"] if "subgroup" not in m} for one in documents)
    assert first.keys() == second.keys()
    for name, metric in first.items():
        for key in ("value", "low", "high", "n", "identity"):
            assert metric[key] == second[name][key], (name, key)
        assert metric["baselines"].get("nearest") == second[name]["baselines"].get("nearest")
    capsys.readouterr()
    assert run(["compare", str(tmp_path / "task"), str(tmp_path / "score")]) == 0
    assert " * " not in capsys.readouterr().out.replace("; * the", "")


def test_training_reports_give_baselines(score, tmp_path):
    (tmp_path / "training.csv").write_text("study_id,report\n8,Edema.\n9,Edema.\n")
    assert score(REFERENCES, CANDIDATES, "--training", tmp_path / "training.csv") == 0
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    rouge = next(one for one in document["metrics"] if one["name"] == "text/rouge_l")
    assert rouge["baselines"] == pytest.approx({"most_frequent": 1 / 3, "random": 1 / 3})


def test_a_missing_candidate_is_an_error_unless_it_counts_as_empty(score, tmp_path, capsys):
    candidates = CANDIDATES.replace('3,"Mild edema."\n', '5,"Edema."\n')
    assert score(REFERENCES, candidates) == 2
    assert "candidates.csv: 1 candidate (3) of 3 missing" in capsys.readouterr().err
    assert score(REFERENCES, candidates, "missing=empty") == 0
    left_out = json.loads((tmp_path / "out" / "results.json").read_text())["protocol"]["left_out"]
    assert left_out["candidates that are missing, scored as empty"] == 1
    assert left_out["candidates without a reference"] == 1


@pytest.mark.parametrize(
    ("candidates", "more", "message"),
    [
        ("study_id,report\nx1,Edema.\n", [], "no id in common (such as '1' and 'x1')"),
        (CANDIDATES, ["tokenisation=13b"], "tokenisation"),
        (CANDIDATES, ["placeholder=remove"], "placeholders"),
    ],
)
def test_mistakes_end_in_one_line_and_status_2(candidates, more, message, score, capsys):
    assert score(REFERENCES, candidates, *more) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1

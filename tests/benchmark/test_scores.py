"""The table of a benchmark: means of repeated runs, their intervals, ranks and differences."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from plainfilm.benchmark import report, scores
from plainfilm.benchmark.cells import Cell, Entry
from plainfilm.benchmark.cost import Cost
from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.scores import ranking_statistics
from plainfilm.results.compare import compare
from plainfilm.results.stored import Compared, Stored

NAME, TASK = "classifier/auroc_macro", "finetune-benchx, 10 % of the patients"
CLASSES = ("A", "B")
PATIENTS = np.repeat(np.arange(20), 2).astype(str)
TRUTH = np.random.default_rng(5).random((len(PATIENTS), len(CLASSES))) < 0.5
RESAMPLES = 40


def answers(seed: int, skill: float) -> np.ndarray:
    """Scores (N, C) of a run."""
    return skill * TRUTH + np.random.default_rng(seed).normal(size=TRUTH.shape)


def area(answered: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The macro AUROC, as scikit-learn computes it."""
    return float(
        np.mean(
            [roc_auc_score(TRUTH[:, c], answered[:, c], sample_weight=weights) for c in range(len(CLASSES))]
        )
    )


def run(folder: Path, answered: np.ndarray, **changes: Any) -> Stored:
    metric = {
        "name": NAME, "title": "AUROC, macro", "group": "classifier", "better": "higher", "headline": True,
        "value": area(answered), "low": 0.1, "high": 0.9, "n": len(PATIENTS), "reducer": "auroc",
        "parts": [f"score/{name}" for name in CLASSES], "baselines": {"random": 0.5},
    }  # fmt: skip
    protocol = {"split": "test", "labels": "x", "seed": 0, "resamples": RESAMPLES}
    items: dict[str, Any] = {"group": "classifier", "item_id": np.arange(len(PATIENTS)).astype(str)}
    items["patient_id"] = PATIENTS
    for place, name in enumerate(CLASSES):
        pairs = ranking_statistics(answered[:, place], truth_codes(TRUTH[:, place]))
        items[f"score/{name}|numerator"], items[f"score/{name}|denominator"] = pairs.T
    document = {"task": "classification", "protocol": protocol, "metrics": [{**metric, **changes}]}
    return Stored(folder, document, pd.DataFrame(items))


ANSWERED = {
    "first": [answers(seed, 1.0) for seed in (1, 2, 3)],
    "second": [answers(seed, 0.6) for seed in (4, 5, 6)],
    "third": [answers(seed, 0.2) for seed in (7, 8, 9)],
}


@pytest.fixture
def cells(tmp_path: Path) -> dict[str, Cell]:
    return {
        model: Cell(
            model, "films", TASK, tmp_path,
            tuple(run(tmp_path / model / f"repeat-{place}", one) for place, one in enumerate(runs)),
        )
        for model, runs in ANSWERED.items()
    }  # fmt: skip


def row_of(cells: dict[str, Cell]) -> scores.Row:
    (row,) = scores.rows(list(cells), list(cells.values()))
    return row


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """(R, 3) the means of the models over the resamples, by scikit-learn."""
    bootstrap = PatientBootstrap(PATIENTS, RESAMPLES, 0)
    weights = np.concatenate(list(bootstrap._weights()))[:, bootstrap.codes]
    return np.array(
        [[np.mean([area(one, row) for one in runs]) for runs in ANSWERED.values()] for row in weights]
    )


def test_a_model_has_the_mean_of_its_runs_with_its_interval_and_their_spread(cells, drawn) -> None:
    for place, value in enumerate(row_of(cells).values):
        areas = [area(one) for one in ANSWERED[value.model]]
        assert value.value == pytest.approx(np.mean(areas))
        assert value.spread == pytest.approx(np.std(areas, ddof=1))
        assert (value.low, value.high) == pytest.approx(np.percentile(drawn[:, place], [2.5, 97.5]), abs=1e-9)
        assert value.n == len(PATIENTS)
        assert value.baselines == {"random": 0.5}


def test_ranks_are_those_of_the_means(cells, drawn) -> None:
    ranks = np.apply_along_axis(lambda row: rankdata(-row), 1, drawn.round(9))
    for place, value in enumerate(row_of(cells).values):
        assert value.rank.value == place + 1
        assert (value.rank.low, value.rank.high) == tuple(np.percentile(ranks[:, place], [2.5, 97.5]))


def test_differences_are_those_of_compare(cells) -> None:
    best, *others = row_of(cells).values
    assert best.is_best
    sides = {name: Compared(name, cell.results) for name, cell in cells.items()}
    for value in others:
        (known,) = compare(sides["first"], sides[value.model])
        assert (value.difference.value, value.difference.low, value.difference.high) == pytest.approx(
            (known.difference, known.low, known.high)
        )
        assert value.p >= known.p


def test_one_run_keeps_its_own_interval_and_is_ranked_with_the_means(cells) -> None:
    cells["second"] = replace(cells["second"], results=cells["second"].results[:1])
    row = row_of(cells)
    value = row.values[1]
    assert (value.value, value.spread) == (area(ANSWERED["second"][0]), None)
    assert (value.low, value.high) == (0.1, 0.9)
    assert len(row.ranked) == 3


def test_a_run_without_a_score_leaves_no_mean(cells, tmp_path: Path) -> None:
    empty = run(tmp_path, ANSWERED["third"][0], value=None, low=None, high=None, note="one class only")
    cells["third"] = replace(cells["third"], results=(*cells["third"].results[:2], empty))
    value = row_of(cells).values[2]
    assert (value.value, value.rank) == (None, None)
    assert value.reason == "repeat 3: one class only"


def test_a_model_under_another_protocol_is_not_ranked_and_says_why(cells, tmp_path: Path) -> None:
    other = run(tmp_path, ANSWERED["third"][0])
    other.document["protocol"]["labels"] = "y"
    cells["third"] = replace(cells["third"], results=(other,))
    row = row_of(cells)
    assert (row.values[2].rank, len(row.ranked)) == (None, 2)
    entries = [Entry(name, tmp_path, "x", True, Cost(1, 0.1, 8)) for name in cells]
    *lines, summary = report.as_lines(entries, list(cells.values()), [row])
    (line,) = [line for line in lines if "third" in line]
    assert "not ranked" in line
    assert "has labels x" in line
    assert "first by 1 of 1" in summary
    assert "third" not in summary


def test_table_and_document_state_the_spread_and_every_run(cells, tmp_path: Path) -> None:
    entries = [Entry(name, tmp_path, "x", True, Cost(1, 0.1, 8)) for name in cells]
    rows = [row_of(cells)]
    report.write(entries, list(cells.values()), rows, tmp_path)
    table = pd.read_csv(tmp_path / "benchmark.csv").set_index("model")
    areas = [area(one) for one in ANSWERED["first"]]
    assert table.loc["first", "spread"] == pytest.approx(np.std(areas, ddof=1))
    assert (table["repeats"] == 3).all()
    repeats = json.loads((tmp_path / "benchmark.json").read_text())["repeats"]
    assert "not of other draws" in repeats["interval"]
    first = repeats["scores"][0]
    assert [one["value"] for one in first["runs"]] == areas
    assert first["mean"] == table.loc["first", "value"]
    page = (tmp_path / "index.html").read_text()
    assert f"{np.mean(areas):.3f} ± {np.std(areas, ddof=1):.3f}" in page
    assert "they do not cover other draws" in page

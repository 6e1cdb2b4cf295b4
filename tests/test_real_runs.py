"""`make real`: its tables are those of the results, and stand where the page has their places."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def real_runs():
    spec = importlib.util.spec_from_file_location("real_runs", ROOT / "benchmarks" / "real_runs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_a_place_for_every_table(real_runs):
    page = real_runs.PAGE.read_text("utf-8")
    new = real_runs.renewed(page, {name: f"| {name} |\n" for name in real_runs.RUNS})
    assert all(f"\n| {name} |\n" in new for name in real_runs.RUNS)
    assert "0.405 [0.265, 0.545]" not in new
    with pytest.raises(KeyError, match="no place"):
        real_runs.renewed(page, {"another": ""})


def test_the_commands_are_those_of_the_page(real_runs):
    page = real_runs.PAGE.read_text("utf-8")
    for recipe in ("real-films.yaml", "real-labels.yaml", "real-classifier.yaml"):
        assert f"plainfilm train examples/{recipe}" in page
        assert (ROOT / "examples" / recipe).is_file()


def test_a_row_has_the_value_and_its_interval(real_runs):
    metric = {
        "value": 0.12345,
        "low": 0.1,
        "high": 0.2,
        "baselines": {"random": 0.5, "most_frequent": 0.25},
        "baseline_intervals": {"random": [0.5, 0.5], "most_frequent": [0.2, 0.3]},
    }
    assert real_runs.scored(metric) == "0.123 [0.100, 0.200]"
    assert real_runs.baseline(metric, "random") == "0.500"
    assert real_runs.baseline(metric, "most_frequent") == "0.250 [0.200, 0.300]"
    assert real_runs.baseline(metric, "other") == ""


def test_the_films_with_labels_are_split_as_the_page_says(real_runs, real_data, tmp_path):
    import pandas as pd

    films = pd.read_csv(real_runs.label_table(real_data, tmp_path / "nih.csv"))
    assert films["split"].value_counts().to_dict() == {"train": 245, "test": 128, "validation": 46}

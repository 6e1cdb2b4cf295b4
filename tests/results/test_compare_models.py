"""Comparing several models: repeated runs, tests with corrections, curves, and the page."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from plainfilm.errors import DataError, UsageError
from plainfilm.metrics.delong import delong
from plainfilm.metrics.multiple_tests import holm
from plainfilm.results import compare_page, write
from plainfilm.results.compare import Compared, as_lines, compare, not_compared, read, read_models
from plainfilm.results.compare_curves import class_curves, curve_figures
from plainfilm.seeding import generator


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
    monkeypatch.setattr("plainfilm.results.folder.write_figures", lambda *_: {})


@pytest.fixture(scope="module")
def group(classified):
    return next(m.group for m in classified.metrics if m.name.endswith("auroc_macro") and m.headline)


def noisy(results, seed, noise):
    """The same items with scores of another quality: the truth and normal noise."""
    items, random = results.items.frame(), generator("noisy", seed)
    for column in [name for name in items if name.startswith("score/") and name.endswith("numerator")]:
        truth = items[column.replace("numerator", "denominator")] == 2
        items[column] = truth * 1.0 + noise * random.normal(size=len(items))
    return items


@pytest.fixture
def stored(classified, tmp_path):
    def make(name, seed, noise, **changes):
        items = noisy(classified, seed, noise)
        write(dataclasses.replace(classified, examples=(), items=items, **changes), tmp_path / name)
        return read(tmp_path / name)

    return make


@pytest.fixture
def models(stored):
    good = Compared("good", (stored("good", 0, 0.3),))
    poor = Compared("poor", (stored("poor 1", 1, 1.5), stored("poor 2", 2, 1.5)))
    return poor, good


def columns(run, group, name):
    rows = run.items[run.items["group"] == group]
    codes = rows[f"score/{name}|denominator"]
    kept = rows[codes > 0]
    return kept[f"score/{name}|numerator"], kept[f"score/{name}|denominator"] == 2, kept["patient_id"]


def test_repeated_runs_are_their_mean_and_spread(models, group):
    poor, good = models
    name = f"{group}/auroc/Pleural Effusion"
    one = {found.name: found for found in compare(poor, good)}[name]
    values = [
        roc_auc_score(truth, score)
        for score, truth, _ in (columns(run, group, "Pleural Effusion") for run in poor.repeats)
    ]
    assert one.first == pytest.approx(np.mean(values))
    assert one.first_spread == pytest.approx(np.std(values, ddof=1))
    assert one.second_spread is None
    assert one.difference == pytest.approx(one.second - one.first)
    assert " ± " in next(line for line in as_lines("poor", "good", [one]) if "Effusion" in line)


def test_p_values_are_by_delong_and_patient_and_corrected_over_the_classes(models, group):
    first, second = models[0].repeats[0], models[1].first
    found = [one for one in compare(first, second) if one.name.startswith(f"{group}/auroc/")]
    known = [one for one in found if one.delong_p is not None]
    assert known
    for one in known:
        name = one.name.removeprefix(f"{group}/auroc/")
        (mine, truth, patients), (theirs, _, _) = (columns(run, group, name) for run in (first, second))
        wanted = delong([mine, theirs], truth, patients.to_numpy()).difference()
        assert one.delong_p == pytest.approx(wanted[2])
    assert [one.delong_p_holm for one in found] == pytest.approx(holm([one.delong_p for one in found]))
    assert [one.p_holm for one in found] == pytest.approx(holm([one.p for one in found]))


def test_a_macro_score_is_one_test_and_not_corrected(models, group):
    macro = {one.name: one for one in compare(*models)}[f"{group}/auroc_macro"]
    assert macro.p is not None
    assert macro.p_holm is None


def test_equal_repeats_do_not_differ_by_rounding(stored):
    run = stored("run", 0, 1.0)
    found = compare(Compared("three", (run,) * 3), Compared("two", (run,) * 2))
    assert {one.difference for one in found if one.difference is not None} == {0.0}
    assert not any(one.is_clear for one in found)
    assert {one.p for one in found if one.difference is not None} == {1.0}


def test_curves_have_the_area_of_the_scores(models, group):
    one = next(c for c in class_curves(models) if c.group == group and c.name == "Pleural Effusion")
    score, truth, _ = columns(models[1].first, group, "Pleural Effusion")
    x, y = one.roc["good"]
    assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(truth, score)) == pytest.approx(one.area["good"])
    assert one.average_precision["good"] == pytest.approx(average_precision_score(truth, score))
    values = [
        roc_auc_score(t, s)
        for s, t, _ in (columns(run, group, "Pleural Effusion") for run in models[0].repeats)
    ]
    assert one.area["poor"] == pytest.approx(np.mean(values))
    x, y = one.roc["poor"]
    assert np.trapezoid(y, x) == pytest.approx(np.mean(values), abs=0.01)


def test_every_class_has_a_pair_of_figures_and_the_average_comes_first(models, group):
    figures = curve_figures([one for one in class_curves(models) if one.group == group])
    first = figures[0]
    assert [figure.title.partition(",")[0] for figure in first] == ["ROC", "Precision and recall"]
    assert "on average over" in first[0].title
    assert [curve.name.partition(" (")[0] for curve in first[0].curves] == ["poor", "good"]


def test_the_page_is_whole_and_names_every_model(models, tmp_path, taken_apart):
    compared = [compare(*models)]
    compare_page.write(models, compared, tmp_path / "out")
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    page = taken_apart(text)
    assert "poor, good" in text
    assert all(image["src"].startswith("data:image/png") for image in page.all("img"))
    document = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))["comparisons"]
    assert document[0]["second"].endswith("good")
    assert len(document[0]["first_results"]) == 2
    assert len(list((tmp_path / "out" / "figures").glob("roc*.png"))) >= 2


def test_a_score_with_another_identity_is_named_and_left_out(stored, classified):
    metrics = tuple(
        dataclasses.replace(one, identity="another") if one.headline else one for one in classified.metrics
    )
    first, second = stored("first", 0, 1.0), stored("second", 0, 1.0, metrics=metrics)
    left = not_compared(first, second)
    assert set(left) == {one.name for one in classified.headline if one.aggregation}
    assert not {one.name for one in compare(first, second)} & set(left)


def test_folders_of_one_name_are_models_unless_they_are_called_alike(stored, tmp_path):
    stored("a/results", 0, 1.0)
    stored("b/results", 1, 1.0)
    folders = [str(tmp_path / name / "results") for name in ("a", "b")]
    assert [model.name for model in read_models(folders)] == folders
    named = read_models([f"ours={folders[0]}", f"ours={folders[1]}", folders[0]])
    assert [(model.name, len(model.repeats)) for model in named] == [("ours", 2), ("results", 1)]
    assert [model.name for model in read_models([folders[0]] * 2)] == [folders[0], f"{folders[0]} (2)"]
    with pytest.raises(UsageError, match="at least two models"):
        read_models([f"ours={folder}" for folder in folders])


def test_the_folders_below_one_are_repeated_runs(stored, tmp_path):
    stored("fraction/repeat-0", 0, 1.0)
    stored("fraction/repeat-1", 1, 1.0)
    stored("other", 2, 1.0)
    ours, other = read_models([f"ours={tmp_path / 'fraction'}", str(tmp_path / "other")])
    assert [run.path.name for run in ours.repeats] == ["repeat-0", "repeat-1"]
    assert [run.path.name for run in other.repeats] == ["other"]


def test_repeated_runs_must_be_evaluated_alike(stored, classified, tmp_path):
    stored("first", 0, 1.0)
    stored("second", 0, 1.0, protocol={**classified.protocol, "uncertain": "positive"})
    with pytest.raises(DataError, match="uncertain ignore, .* has positive"):
        read_models([f"ours={tmp_path / 'first'}", f"ours={tmp_path / 'second'}", str(tmp_path / "first")])

"""What a person sees of a classification: a row per observation, two figures, plain titles."""

from __future__ import annotations

import pytest

from plainfilm.config import build
from plainfilm.predictor import load
from plainfilm.results.classification_figures import classification_figures
from plainfilm.results.compare import as_rows, compare, read
from plainfilm.results.folder import write
from plainfilm.results.observations import observations_table
from plainfilm.results.share_figures import share_figures
from plainfilm.results.text import is_headline, title
from plainfilm.tasks import zero_shot
from plainfilm.tasks.base import Metric


@pytest.fixture(scope="module")
def classified(tiny_model, small_world):
    config = build(zero_shot.Config, {"resamples": 100}, "task")
    return zero_shot.run(load(tiny_model), [small_world], config)


def test_figures_are_drawn_the_same_twice(classified):
    drawn = classification_figures(classified)
    assert set(drawn) == {"AUROC per observation", "Reliability"}
    assert drawn == classification_figures(classified)


def test_results_of_retrieval_have_none_of_it(results):
    assert classification_figures(results) == {}
    assert observations_table(results.metrics) == ""


def test_every_observation_is_a_row(classified):
    table = observations_table(classified.metrics)
    for name in classified.protocol["observations"]:
        assert f'<th scope="row">{name}</th>' in table


def test_a_score_that_cannot_be_computed_is_a_dash_with_its_reason():
    names = [f"{group}/auroc/Edema" for group in ("positive prompt", "negative prompt", "combined")]
    metrics = [
        Metric(name, None, None, None, 9, note="not computable: why", support=0, group=name.split("/")[0])
        for name in names
    ]
    assert '<td title="not computable: why">–</td>' in observations_table(metrics)


def of_shares(*shares):
    return [
        Metric(f"{group}/auroc/Edema", 0.7, 0.6, 0.8, 9, baselines={"random": 0.5}, support=4, group=group)
        for group in shares
    ] + [
        Metric(f"{group}/auroc_macro", 0.7, 0.6, 0.8, 9, baselines={"random": 0.5}, group=group)
        for group in shares
    ]


def test_shares_of_the_labels_are_columns_side_by_side():
    table = observations_table(of_shares("share_0.01", "share_1"))
    assert "AUROC, 1 % of the patients" in table
    assert "AUROC, 100 % of the patients" in table


def test_a_curve_is_drawn_of_several_shares():
    assert set(share_figures(of_shares("share_0.1", "share_1"))) == {"AUROC by share of the labels"}
    assert share_figures(of_shares("share_1")) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("combined/auroc_macro", "AUROC, macro"),
        ("combined/auroc/Nodule/Mass", "AUROC, Nodule/Mass"),
        ("combined/f1_macro [sex F]", "F1, macro [sex F]"),
        ("combined/brier_calibrated_macro", "Brier score, calibrated, macro"),
        ("combined/ece_mass_model/Edema", "calibration error, equal mass, as is, Edema"),
        ("combined/accuracy", "accuracy"),
    ],
)
def test_titles_are_plain(name, expected):
    assert title(Metric(name, 0.5, 0.4, 0.6, 9, group="combined")) == expected


def test_a_summary_leads_with_macro_scores(classified):
    headline = [metric.name for metric in classified.metrics if is_headline(metric)]
    assert "combined/auroc_macro" in headline
    assert not any("/auroc/" in name for name in headline)


def test_auroc_of_two_results_is_compared_film_by_film(classified, tmp_path, monkeypatch):
    monkeypatch.setattr("plainfilm.results.folder.write_figures", lambda *_: {})
    write(classified, tmp_path)
    found = {row["name"]: row for row in as_rows(compare(read(tmp_path), read(tmp_path)))}
    assert found["combined/auroc_macro"]["difference"] == 0.0

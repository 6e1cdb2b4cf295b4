"""What every task promises: it runs, repeats itself exactly, and its numbers carry what a reader needs."""

from __future__ import annotations

import inspect

import pytest

from plainfilm import plugins
from plainfilm.config import Settings, build
from plainfilm.models.base import ABILITIES
from plainfilm.predictor import load
from plainfilm.results import as_document
from plainfilm.tasks.base import Results, task


@pytest.fixture(scope="module", params=plugins.names("task"))
def name(request) -> str:
    return request.param


OF_BOXES = ("chex", "detection", "grounding", "region_classification", "region_explanation")
"""Tasks that need boxes and a model that finds them."""


@pytest.fixture(scope="module")
def world(name, request):
    """A collection that has what the task needs."""
    return request.getfixturevalue("boxed_world" if name in OF_BOXES else "small_world")


@pytest.fixture(scope="module")
def config(name):
    module = task(name)
    fewer = {"resamples": 100} if "resamples" in module.Config.model_fields else {}
    return build(module.Config, {"split": "test", **fewer}, name)


@pytest.fixture(scope="module")
def model(name, request):
    """The folder of a tiny model that is able to do what the task needs."""
    if name in OF_BOXES:
        return request.getfixturevalue("tiny_region_model")
    needs = set(task(name).NEEDS)
    able = {"classifies": "tiny_classifier", "writes_reports": "tiny_writer"}
    return request.getfixturevalue(next((able[one] for one in needs & set(able)), "tiny_model"))


@pytest.fixture(scope="module")
def results(name, model, world, config) -> Results:
    return task(name).run(load(model, trust_code=True), [world], config)


def test_has_settings_with_a_default_for_every_key(name):
    module = task(name)
    assert issubclass(module.Config, Settings)
    module.Config()


def test_says_what_the_model_must_be_able_to_do(name):
    assert set(task(name).NEEDS) <= set(ABILITIES)
    assert task(name).NEEDS


def test_run_takes_predictor_collections_config_and_progress(name):
    parameters = list(inspect.signature(task(name).run).parameters)
    assert parameters == ["predictor", "collections", "config", "progress"]


def test_says_what_it_is_of(name, results, world):
    assert (results.task, results.model) == (name, "tiny")
    assert (results.collection, results.split) == (world.name, "test")


def test_runs_again_to_the_same_results(name, results, model, world, config):
    again = task(name).run(load(model, trust_code=True), [world], config)
    assert as_document(again) == as_document(results)
    assert again.predictions.equals(results.predictions)


def test_every_score_has_an_interval_n_and_a_baseline_or_a_reason(results):
    assert results.metrics
    for metric in results.metrics:
        assert metric.n >= 0
        if metric.value is None:
            assert metric.note
        else:
            assert metric.low <= metric.value <= metric.high
            assert metric.baselines


def test_metric_names_are_unique(results):
    names = [metric.name for metric in results.metrics]
    assert len(set(names)) == len(names)


def test_the_protocol_names_what_decides_the_numbers(results):
    assert {"seed", "preprocessing", "split", *results.must_match} <= results.protocol.keys()


def test_every_metric_describes_itself(results):
    titles = [(metric.group, metric.title) for metric in results.metrics]
    assert len(set(titles)) == len(titles)
    assert any(metric.headline for metric in results.metrics)
    assert not any(metric.headline for metric in results.metrics if metric.subgroup)


def test_tables_name_metrics_that_are_there(results):
    names = {metric.name for metric in results.metrics}
    for table in results.tables:
        assert all(len(row) == len(table.columns) for row in table.rows.values())
        assert {name for row in table.rows.values() for name in row} <= names


def test_predictions_have_ids_of_query_and_patient(results):
    assert {"query_id", "patient_id"} <= set(results.predictions.columns)

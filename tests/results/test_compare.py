"""Comparing results: paired, over the same items, and only where they mean the same."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from plainfilm.errors import DataError
from plainfilm.results import write
from plainfilm.results.compare import as_lines, compare, read


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
    """Figures take longer than all the rest and are not what is compared."""
    monkeypatch.setattr("plainfilm.results.folder.write_figures", lambda *_: {})


def stored(results, folder, **changes):
    write(dataclasses.replace(results, examples=(), **changes), folder)
    return read(folder)


@pytest.fixture
def same(results, tmp_path):
    return stored(results, tmp_path / "first")


def better(results):
    """The same results with every recall term right."""
    items = results.items.copy()
    items["recall@1|numerator"] = 1.0
    return items


def test_results_do_not_differ_from_themselves(same):
    found = compare(same, same)
    paired = [m["name"] for m in same.document["metrics"] if "subgroup" not in m]
    assert [one.name for one in found] == paired
    known = [one for one in found if one.difference is not None]
    assert all((one.difference, one.low, one.high) == (0, 0, 0) for one in known)
    assert not any(one.is_clear for one in known)


def test_a_better_model_is_clearly_better(same, results, tmp_path):
    other = stored(results, tmp_path / "second", items=better(results))
    found = {one.name: one for one in compare(same, other)}["image->sentence/recall@1"]
    value = next(m.value for m in results.metrics if m.name == "image->sentence/recall@1")
    assert found.difference == pytest.approx(1 - value)
    assert found.is_clear


def test_values_are_those_of_the_results(same, results):
    values = {metric.name: metric.value for metric in results.metrics}
    for one in compare(same, same):
        assert one.first == (None if values[one.name] is None else pytest.approx(values[one.name]))


def test_only_the_items_of_both_are_compared_whatever_their_order(same, results, tmp_path):
    part = results.items[results.items["patient_id"] != "p5"].iloc[::-1].reset_index(drop=True)
    other = stored(results, tmp_path / "second", items=part)
    found = [one for one in compare(same, other) if one.name.startswith("image->sentence")]
    assert {one.n for one in found} == {28}
    assert all(one.difference in (0, None) for one in found)


def test_the_lines_hold_both_values_a_star_and_the_headlines_first(same, results, tmp_path):
    other = stored(results, tmp_path / "second", items=better(results))
    lines = as_lines("first", "second", compare(same, other))
    first = next(line for line in lines if line.startswith("image->sentence  recall @ 1 ↑"))
    assert first.endswith("* better")
    overall = [m for m in results.metrics if m.subgroup is None]
    assert len(lines) == len(overall) + 2
    titles = [line.partition("  ")[2] for line in lines[1:-1]]
    headlines = sum(metric.headline for metric in overall)
    assert not any(
        title.startswith("published") or "(positive, Edema)" in title for title in titles[:headlines]
    )


def test_results_from_before_metrics_had_titles_are_called_by_their_names(same):
    old = {"title", "better", "headline", "heading"}
    metrics = [{k: v for k, v in m.items() if k not in old} for m in same.document["metrics"]]
    before = dataclasses.replace(same, document={**same.document, "metrics": metrics})
    found = {one.name: one for one in compare(before, before)}["image->sentence/recall@1"]
    assert (found.title, found.better, found.verdict) == ("recall@1", None, None)


def test_another_protocol_is_refused_and_named(same, results, tmp_path):
    other = stored(results, tmp_path / "second", protocol={**results.protocol, "text_rule": "impression"})
    with pytest.raises(DataError, match="text_rule findings, .* has impression"):
        compare(same, other)


def test_another_task_is_refused(same, results, tmp_path):
    other = stored(results, tmp_path / "second", task="zero_shot")
    with pytest.raises(DataError, match="task retrieval"):
        compare(same, other)


def test_results_without_an_item_in_common_are_refused(same, results, tmp_path):
    strangers = results.items.assign(item_id=np.arange(len(results.items)).astype(str))
    with pytest.raises(DataError, match="no items in common"):
        compare(same, stored(results, tmp_path / "second", items=strangers))


def test_results_without_a_score_in_common_are_refused(same, results, tmp_path):
    other = stored(results, tmp_path / "second", metrics=())
    with pytest.raises(DataError, match="no score in common"):
        compare(same, other)


@pytest.mark.parametrize(
    ("missing", "message"),
    [("results.json", "not results"), ("items.parquet", "items.parquet: no such file")],
)
def test_a_folder_that_is_not_results_is_named(same, missing, message):
    (same.path / missing).unlink()
    with pytest.raises(DataError, match=message):
        read(same.path)


def test_the_document_round_trips(same):
    assert json.loads(json.dumps(same.document)) == same.document

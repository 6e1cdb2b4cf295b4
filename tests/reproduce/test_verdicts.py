"""When a published value counts as reproduced, and when nothing can be said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plainfilm.reproduce.plan import Plan
from plainfilm.reproduce.steps import Outcome
from plainfilm.reproduce.verdicts import Row, rows
from tests.reproduce.papers import made, values

METRIC = {"name": "image->report/recall@10", "value": 0.5, "low": 0.4, "high": 0.6, "n": 16}


def row(*repeats: dict[str, Any], failed: str | None = None, phantom: bool = False, **changes: Any) -> Row:
    paper = made(models=["first"], **changes)
    fraction = changes.get("fraction")
    documents = {} if failed else {fraction: tuple({"metrics": [one]} for one in repeats or (METRIC,))}
    outcomes = [Outcome("texts", name, Path("x"), documents, failed) for name in ("first", "second")]
    (found,) = rows(Plan(paper, Path("out")), outcomes)
    if phantom:
        stand_in = [Outcome("texts", "stand-in", Path("x"), documents, failed)]
        (found,) = rows(Plan(paper, Path("out"), phantom=True), stand_in)
    return found


@pytest.mark.parametrize("published", [40.0, 50.0, 60.0])
def test_a_value_within_our_interval_is_reproduced(published: float) -> None:
    assert row(value=published).kind == "reproduced"


@pytest.mark.parametrize(("published", "said"), [(39.9, "10.1"), (60.1, "-10.1")])
def test_a_value_outside_it_differs_by_so_much(published: float, said: str) -> None:
    found = row(value=published)
    assert found.kind == "differs"
    assert f"ours - published = {said}" in found.why


def test_units_of_the_paper_are_kept() -> None:
    assert row(value=0.55, scale=1).kind == "reproduced"
    assert row(value=0.55).kind == "differs"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"not_comparable": "other films"}, "other films"),
        ({"value": None, "source": None, "table": None, "reason": "x"}, "not read from a source"),
        ({"phantom": True}, "phantoms"),
        ({"metric": None, "not_comparable": "no such task"}, "no such task"),
    ],
)
def test_nothing_is_said_where_nothing_can_be(given: dict[str, Any], why: str) -> None:
    found = row(**given)
    assert found.kind == "not comparable"
    assert why in found.why


def test_what_was_not_run_has_the_reason() -> None:
    assert row(failed="missing: corpus world").verdict == "not run: missing: corpus world"
    without = {**METRIC, "value": None, "low": None, "high": None, "note": "one class alone"}
    assert row(without).verdict == "not run: one class alone"
    assert (
        row({**METRIC, "name": "another"}).verdict == "not run: the results have no image->report/recall@10"
    )


def test_repeats_count_by_their_mean_and_widest_interval() -> None:
    second = {**METRIC, "value": 0.7, "low": 0.65, "high": 0.8}
    found = row(METRIC, second)
    assert found.ours is not None
    assert (found.ours.value, found.ours.low, found.ours.high) == pytest.approx((60, 40, 80))
    assert found.ours.repeats == 2


def test_subgroups_are_not_taken_for_the_whole() -> None:
    part = {**METRIC, "value": 0.9, "low": 0.8, "high": 1.0, "subgroup": "age 0-18"}
    documents = {None: ({"metrics": [part, METRIC]},)}
    outcomes = [Outcome("texts", name, Path("x"), documents) for name in ("first", "second")]
    found = rows(Plan(made(), Path("out")), outcomes)
    assert [one.ours.value for one in found if one.ours] == [50.0, 50.0]


def test_a_manifest_has_a_row_for_each_value_and_model() -> None:
    assert len(values()["models"]) == 2
    outcomes = [Outcome("texts", name, Path("x"), reason="x") for name in ("first", "second")]
    assert [one.model for one in rows(Plan(made(), Path("out")), outcomes)] == ["first", "second"]

"""The first screen: its words follow from the scores, their intervals and the trivial answers."""

from __future__ import annotations

import dataclasses

import pytest

from plainfilm.results.baselines import baseline
from plainfilm.results.figures import _colours
from plainfilm.results.summary import MOST_NUMBERS, against, summary
from plainfilm.tasks.base import Metric, ScoreTable, Series


def metric(name="m", value=0.5, low=0.4, high=0.6, n=400, **changes) -> Metric:
    facts = {"title": name, "better": "higher", "headline": True, "group": "a"} | changes
    return Metric(name, value, low, high, n, **facts)


@pytest.fixture
def of(results):
    """The summary of results with these metrics and nothing else."""

    def made(*metrics, **changes):
        bare = dataclasses.replace(results, metrics=metrics, examples=(), tables=(), warnings=())
        return summary(dataclasses.replace(bare, **changes))

    return made


@pytest.mark.parametrize(
    ("difference", "better", "expected"),
    [
        ((0.1, 0.02, 0.2), "higher", "better"),
        ((-0.1, -0.2, -0.02), "higher", "worse"),
        ((0.1, -0.02, 0.2), "higher", "open"),
        ((0.1, 0.02, 0.2), "lower", "worse"),
        ((-0.1, -0.2, -0.02), "lower", "better"),
    ],
)
def test_a_paired_difference_decides_by_its_interval(difference, better, expected):
    one = metric(baselines={"random": 0.5}, over_baselines={"random": difference}, better=better)
    assert against(one, "random") == expected


@pytest.mark.parametrize(
    ("value", "better", "expected"),
    [
        (0.39, "higher", "better"),
        (0.41, "higher", "open"),
        (0.61, "higher", "worse"),
        (0.61, "lower", "better"),
    ],
)
def test_without_a_difference_the_interval_of_the_score_decides(value, better, expected):
    assert against(metric(baselines={"random": value}, better=better), "random") == expected


def test_it_says_which_trivial_answer_wins(of):
    one = metric("recall @ 10", 0.174, 0.15, 0.2, baselines={"random": 0.05, "most_frequent": 0.454})
    assert of(one).conclusion == (
        "a: recall@10 0.174 [0.150, 0.200] loses to always giving the most frequent answers, 0.454."
    )


def test_the_best_trivial_answer_is_named_where_all_are_beaten(of):
    one = metric("AUROC", 0.9, 0.85, 0.95, baselines={"random": 0.5, "view_only": 0.7})
    assert "beats what the view of the film alone tells, 0.700" in of(one).conclusion


def test_all_headlines_are_counted(of):
    scores = [metric(f"m{n}", baselines={"random": value}) for n, value in enumerate((0.1, 0.5, 0.9))]
    assert of(*scores).conclusion.endswith(
        "1 beats every trivial answer, 1 loses to a trivial answer, 1 is not shown to beat one."
    )


def test_numbers_are_few_and_of_every_heading(of):
    scores = [metric(f"{group}{n}", group=group) for group in "abc" for n in range(4)]
    found = [one.metric.name for one in of(*scores).verdicts]
    assert len(found) == MOST_NUMBERS
    assert {name[0] for name in found} == set("abc")


def test_hints_name_the_worst_row_the_gap_and_little_data(of):
    rows = {name: (name,) for name in ("Edema", "Mass", "Nodule")}
    table = ScoreTable("t", "", "observation", ("AUROC",), rows)
    singles = [
        metric(name, value, headline=False, support=7)
        for name, value in {"Edema": 0.8, "Mass": 0.3, "Nodule": 0.9}.items()
    ]
    young = metric("m [young]", 0.9, 0.85, 0.95, subgroup="young", headline=False)
    old = metric("m [old]", 0.5, 0.4, 0.6, subgroup="old", headline=False)
    hints = of(metric(n=79), *singles, young, old, tables=(table,)).hints
    assert [hint.anchor for hint in hints] == ["table-1", "subgroups", "all-scores"]
    assert hints[0].text.startswith("Worst of 3 by AUROC: Mass, 0.300 [0.400, 0.600], of 7 positive")
    assert "0.500 [0.400, 0.600] for old, 0.900 [0.850, 0.950] for young" in hints[1].text
    assert "n = 79" in hints[2].text


def test_nothing_computable_is_said(of):
    assert "No score could be computed" in of(metric(value=None, low=None, high=None, note="none")).conclusion


def test_a_baseline_has_one_colour_in_every_figure():
    def series(*names):
        return [Series(name, (), is_baseline=name != "model") for name in names]

    first = dict(zip("rm", _colours(series("random", "model")), strict=True))
    second = dict(zip("frm", _colours(series("most_frequent", "random", "model")), strict=True))
    assert first["r"] == second["r"] == baseline("random").colour
    assert first["m"] == second["m"]
    assert second["f"] not in (first["r"], first["m"])

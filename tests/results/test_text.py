"""Scores in a terminal."""

from __future__ import annotations

from plainfilm.results.text import lines
from plainfilm.tasks.base import Metric


def metric(title, better="higher", **changes):
    settings = {"group": "image->sentence"} | changes
    return Metric("a/b", 0.412, 0.38, 0.443, 312, title=title, better=better, **settings)


def test_a_line_says_everything():
    found = metric(
        "finding F1 @ 2",
        baselines={"random": 0.1, "most_frequent": 0.21},
        baseline_intervals={"random": (0.08, 0.12)},
    )
    assert lines([found]) == [
        "image->sentence  finding F1 @ 2 ↑  0.412 [0.380, 0.443]  n=312  "
        "random 0.100 [0.080, 0.120]  most frequent 0.210 [–]"
    ]


def test_the_direction_is_that_of_the_metric_whatever_its_name():
    assert "accuracy ↓" in lines([metric("accuracy", "lower")])[0]
    assert "error ↑" in lines([metric("error")])[0]


def test_a_heading_stands_for_the_group():
    assert lines([metric("AUROC", heading="1 % of the patients")])[0].startswith("1 % of the patients  AUROC")


def test_lines_are_aligned_by_the_longest_name():
    first, second = lines([metric("AUROC, macro", group="fraction_1"), metric("recall @ 5")])
    assert first.index("0.412") == second.index("0.412")
    assert first.index("AUROC") == second.index("recall")

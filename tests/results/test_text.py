"""Scores in words."""

from __future__ import annotations

import pytest

from plainfilm.results.text import is_headline, lines, title
from plainfilm.tasks.base import Metric


def metric(name, **changes):
    return Metric(f"image->sentence/{name}", 0.412, 0.38, 0.443, 312, group="image->sentence", **changes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("recall@5", "recall @ 5"),
        ("median_rank", "median rank"),
        ("mean_rank", "mean rank"),
        ("published_f1@2", "F1 (published rule) @ 2"),
        ("finding_f1_micro_positive@2", "finding F1 (positive, micro) @ 2"),
        ("finding_recall_positive/Lung Opacity@3", "finding recall (positive, Lung Opacity) @ 3"),
        ("something_new", "something new"),
    ],
)
def test_titles(name, expected):
    assert title(metric(name)) == expected


def test_a_line_says_everything():
    found = metric(
        "finding_f1_micro_positive@2",
        baselines={"random": 0.1, "most_frequent": 0.21},
        baseline_intervals={"random": (0.08, 0.12)},
    )
    assert lines([found]) == [
        "image->sentence  finding F1 (positive, micro) @ 2  0.412 [0.380, 0.443]  n=312  "
        "random 0.100 [0.080, 0.120]  most frequent 0.210 [–]"
    ]


def test_lines_are_aligned_by_the_longest_name():
    probe = Metric("share_1/auroc_macro", 0.6, 0.5, 0.7, 9, group="share_1")
    first, second = lines([probe, metric("recall@5")])
    assert first.index("0.600") == second.index("0.412")
    assert first.index("AUROC") == second.index("recall")


def test_headlines_are_the_overall_scores():
    assert is_headline(metric("finding_f1_macro_positive@2"))
    assert is_headline(metric("map"))
    assert not is_headline(metric("finding_f1_positive/Edema@2"))
    assert not is_headline(metric("published_recall@2"))

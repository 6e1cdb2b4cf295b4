"""Scores of real reports: another patient's report against the same normal report for everyone."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.seeding import generator
from plainfilm.tasks.reporting.score_files import Config, score_reports
from plainfilm.tasks.reporting.text_files import Reports, read_reports


@pytest.fixture(scope="module")
def shuffled(real_data):
    known = read_reports(real_data / "reports" / "openi_reports.csv", "reference")
    texts = dict(sorted((key, text) for key, text in known.texts.items() if text)[:400])
    order = generator("real reports").permutation(list(texts))
    others = dict(zip(texts, [texts[key] for key in order], strict=True))
    references = Reports(texts, {})
    config = Config(resamples=100)
    return score_reports(references, Reports(others, {}), config, ("open-i", "another's"), references)


def of(results, name):
    return next(metric for metric in results.metrics if metric.name == name)


def test_sections_are_joined_as_rexrank_scores_them(shuffled):
    assert shuffled.predictions["reference"].str.startswith(("Findings: ", "Impression: ")).all()


def test_rouge_l_of_real_reports_is_that_of_rouge_score(shuffled):
    from rouge_score.rouge_scorer import RougeScorer

    scorer, table = RougeScorer(["rougeL"]), shuffled.predictions
    pairs = zip(table["reference"], table["candidate"], strict=True)
    wanted = np.mean([scorer.score(*pair)["rougeL"].fmeasure for pair in pairs])
    assert of(shuffled, "text/rouge_l").value == pytest.approx(wanted, abs=1e-4)


def test_reports_of_others_do_not_beat_the_most_frequent_one(shuffled):
    whole = of(shuffled, "findings/f1_micro-14")
    assert whole.over_baselines["most_frequent"][2] < 0
    # The commonest report is normal: what it gains, it gains by "No Finding" alone.
    assert of(shuffled, "findings/f1_micro-13").baselines["most_frequent"] == 0

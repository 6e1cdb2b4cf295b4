"""RadEval's metrics beside ours, where it is installed; otherwise one line that says how to get it."""

from __future__ import annotations

import importlib.util

import pytest

from plainfilm.errors import MissingDependency, UsageError
from plainfilm.tasks.reporting.pairs import ReportPairs, score_pairs
from plainfilm.tasks.reporting.scores import TextSettings

IS_INSTALLED = importlib.util.find_spec("radeval") is not None
needs_radeval = pytest.mark.skipif(not IS_INSTALLED, reason="RadEval is not installed: pip install radeval")


def scored(*names):
    ids = ["1", "2"]
    pairs = ReportPairs(ids, ids, ["Small effusions.", "Edema."], ["Small effusion.", ""], "as given")
    return score_pairs(pairs, TextSettings(resamples=100, radeval=names))


@pytest.mark.skipif(IS_INSTALLED, reason="RadEval is installed")
def test_without_radeval_the_error_says_how_to_get_it():
    with pytest.raises(MissingDependency, match="pip install radeval"):
        scored("rouge")


@needs_radeval
def test_values_per_report_become_scores_with_intervals_and_identity():
    found = {one.name: one for one in scored("rouge").metrics}
    # RadEval stems words, so that "effusion" is "effusions".
    assert found["radeval/rougeL"].value == pytest.approx(0.5)
    assert found["radeval/rougeL"].low <= 0.5 <= found["radeval/rougeL"].high
    assert "library:radeval-" in found["radeval/rougeL"].identity
    assert found["text/rouge_l"].value == pytest.approx(0.25)


@needs_radeval
@pytest.mark.parametrize(
    ("name", "message"), [("rogue", "did you mean 'rouge'"), ("crimson", "to a service")]
)
def test_unknown_metrics_and_services_are_refused(name, message):
    with pytest.raises(UsageError, match=message):
        scored(name)

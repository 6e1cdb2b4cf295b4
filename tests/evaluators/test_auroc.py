"""The mean AUROC of a split, against scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from plainfilm.batches.labels import NOT_LABELLED, NOT_MENTIONED
from plainfilm.batches.targets.labels import Labels
from plainfilm.config import build
from plainfilm.errors import UsageError
from plainfilm.evaluators import auroc
from plainfilm.evaluators.base import EvaluatorContext
from plainfilm.objectives.base import Encoded
from tests.toys import toy_batch, toy_classifier, toy_model

STATES = [[1, 0, -1], [0, 0, NOT_MENTIONED], [1, NOT_LABELLED, 0], [0, 1, 1]]
LOGITS = [[0.3, -1.2, 2.0], [-0.5, 0.1, 0.7], [1.5, 3.0, -0.2], [-2.0, 0.4, 0.9]]


def _evaluator(**options: Any) -> auroc.Auroc:
    return auroc.build(build(auroc.Config, options, "here"), EvaluatorContext())


def _score(states: list[list[int]], **options: Any) -> dict[str, float]:
    rows = zip(LOGITS, states, strict=True)
    records = [(np.array(logits, np.float32), np.array(one, np.int8)) for logits, one in rows]
    return _evaluator(**options).scores(records)


def test_it_is_the_mean_over_what_can_be_computed() -> None:
    logits = np.array(LOGITS)
    each = [
        roc_auc_score([1, 0, 1, 0], logits[:, 0]),
        roc_auc_score([0, 0, 1], logits[[0, 1, 3], 1]),
        roc_auc_score([0, 1], logits[[2, 3], 2]),
    ]
    assert _score(STATES, absent="ignore")["auroc_macro"] == pytest.approx(np.mean(each))


def test_what_is_not_spoken_of_counts_as_the_policy_says() -> None:
    logits = np.array(LOGITS)
    each = [
        roc_auc_score([1, 0, 1, 0], logits[:, 0]),
        roc_auc_score([0, 0, 1], logits[[0, 1, 3], 1]),
        roc_auc_score([1, 0, 0, 1], logits[:, 2]),
    ]
    found = _score(STATES, absent="negative", uncertain="positive")
    assert found["auroc_macro"] == pytest.approx(np.mean(each))


def test_of_one_class_there_is_none() -> None:
    assert _score([[0, 0, 0]] * 4) == {}
    assert _evaluator().scores([]) == {}


@torch.no_grad()
def test_records_are_logits_and_states_of_the_items_that_have_labels() -> None:
    model, batch = toy_classifier().eval(), toy_batch(5, targets=("labels",))
    present = torch.tensor([True, True, False, True, True])
    batch = replace(batch, targets={"labels": Labels(present, batch.targets["labels"].states)})
    records = _evaluator().records(Encoded(model, batch))
    assert [one is None for one in records] == [False, False, True, False, False]
    logits, states = records[3]
    expected = model.logits(model.film_features(batch.films.pixels[3:4]))[0]
    torch.testing.assert_close(torch.from_numpy(logits), expected, atol=1e-5, rtol=1e-4)
    assert states.tolist() == batch.targets["labels"].states[3].tolist()


def test_a_model_that_does_not_classify_is_refused() -> None:
    encoded = Encoded(toy_model(), toy_batch(2, targets=("labels",)))
    with pytest.raises(UsageError, match="'auroc': model of kind 'dual_encoder' does not predict"):
        _evaluator().records(encoded)


def test_it_takes_the_policies_of_the_objective_that_reads_labels() -> None:
    objectives = [{"use": "infonce"}, {"use": "classification", "uncertain": "positive", "absent": "ignore"}]
    assert auroc.provides("auroc_macro", objectives) == {"uncertain": "positive", "absent": "ignore"}
    assert auroc.provides("auroc_macro", []) == {}
    assert auroc.provides("auroc", objectives) is None

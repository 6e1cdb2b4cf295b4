"""The loss of classification against scikit-learn and by hand, the policies, the weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from plainfilm.batches.labels import NOT_LABELLED, NOT_MENTIONED
from plainfilm.batches.targets.labels import Labels
from plainfilm.errors import UsageError
from plainfilm.objectives import classification
from plainfilm.objectives.base import Encoded
from plainfilm.training.step import train_step
from tests.toys import gradients, toy_batch, toy_classifier, toy_model, toy_objective

STATES = [[1, 0, -1], [0, 0, NOT_MENTIONED], [1, NOT_LABELLED, 0], [0, 1, 1]]
LOGITS = [[0.3, -1.2, 2.0], [-0.5, 0.1, 0.7], [1.5, 3.0, -0.2], [-2.0, 0.4, 0.9]]


def _built(training: bool = False, **options: Any) -> classification.Classification:
    config = classification.Config(**options)
    return classification.build(config, toy_classifier()).train(training).double()


def _loss(built: classification.Classification) -> float:
    encoded = _encoded(LOGITS, STATES)
    counts = built.counts(encoded.batch)
    assert counts.keys() == built.sums(encoded).keys() == {"cross_entropy"}
    return float(built.loss(built.sums(encoded), counts).total)


def _encoded(logits: list[list[float]], states: list[list[int]]) -> Encoded:
    """A batch that is encoded already: a model whose logits are as stated."""
    batch = toy_batch(len(states), targets=())
    labels = Labels(torch.ones(len(states), dtype=torch.bool), torch.tensor(states, dtype=torch.int8))
    stated = torch.tensor(logits, dtype=torch.float64)
    return Encoded(lambda method, *inputs: stated, replace(batch, targets={"labels": labels}))


def _expected(truths: dict[tuple[int, int], int]) -> float:
    places = list(truths)
    chances = [1 / (1 + np.exp(-LOGITS[row][column])) for row, column in places]
    return float(log_loss([truths[place] for place in places], chances, labels=[0, 1]))


CERTAIN = {(r, c): s for r, row in enumerate(STATES) for c, s in enumerate(row) if s in (0, 1)}
ABSENT, UNSURE = (1, 2), (0, 2)


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({"absent": "ignore"}, {}),
        ({"absent": "negative"}, {ABSENT: 0}),
        ({"absent": "ignore", "uncertain": "positive"}, {UNSURE: 1}),
        ({"absent": "negative", "uncertain": "negative"}, {ABSENT: 0, UNSURE: 0}),
    ],
)
def test_the_loss_is_the_mean_log_loss_of_what_is_known(options: dict, more: dict) -> None:
    assert _loss(_built(**options)) == pytest.approx(_expected(CERTAIN | more), abs=1e-12)


def test_what_labels_never_speak_of_is_never_known() -> None:
    built = _built(absent="negative")
    encoded = _encoded([[1.0] * 3] * 2, [[NOT_LABELLED] * 3] * 2)
    assert float(built.counts(encoded.batch)["cross_entropy"]) == 0.0
    assert float(built.sums(encoded)["cross_entropy"]) == 0.0


def test_a_batch_of_which_nothing_is_known_has_no_loss_and_no_gradient() -> None:
    model, batch = toy_classifier(), toy_batch(2, targets=())
    unknown = Labels(torch.zeros(2, dtype=torch.bool), torch.full((2, 3), NOT_LABELLED, dtype=torch.int8))
    objective = toy_objective("classification", model)
    [report] = train_step(model, objective, [replace(batch, targets={"labels": unknown})], seed=0, step=0)
    assert float(report.total) == 0.0
    assert all(not bool(value.any()) for value in gradients(model).values())


def test_smoothing_draws_targets_to_one_half_in_training_alone() -> None:
    plain = _loss(_built(absent="ignore"))
    assert _loss(_built(absent="ignore", label_smoothing=0.2)) == plain
    costs = []
    for (row, column), truth in CERTAIN.items():
        target, chance = truth * 0.8 + 0.1, 1 / (1 + np.exp(-LOGITS[row][column]))
        costs.append(-target * np.log(chance) - (1 - target) * np.log(1 - chance))
    smoothed = _loss(_built(training=True, absent="ignore", label_smoothing=0.2))
    assert smoothed == pytest.approx(np.mean(costs), abs=1e-12)


def test_balanced_positives_weigh_as_much_as_the_negatives() -> None:
    built = _built(balance="positives", absent="ignore")
    states = torch.tensor([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, -1, NOT_MENTIONED]], dtype=torch.int8)
    built.before_training({"labels": states})
    assert built.positive_weights.tolist() == [3.0, 1.0, 1.0]  # one class only has nothing to weigh
    assert "positive_weights" in built.state_dict()


def test_without_balance_all_weigh_the_same() -> None:
    built = _built()
    built.before_training({"labels": torch.tensor([[1, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=torch.int8)})
    assert built.positive_weights.tolist() == [1.0, 1.0, 1.0]


def test_a_dual_encoder_is_refused() -> None:
    with pytest.raises(UsageError, match="model of kind 'dual_encoder' does not predict observations"):
        classification.build(classification.Config(), toy_model())

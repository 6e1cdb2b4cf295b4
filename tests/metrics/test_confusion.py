"""Matthews correlation of several classes, and AUROC weighted by support, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.confusion import confusion_statistics
from plainfilm.metrics.scores import BY_SUPPORT, Score, ranking_statistics, score_values

CLASSES = ("a", "b", "c")
MATTHEWS = Score("matthews", "matthews", ("right", "class/a", "class/b", "class/c"))


@pytest.mark.parametrize("seed", range(5))
def test_matthews_is_that_of_scikit_learn(seed):
    truth, said = np.random.default_rng(seed).integers(0, 3, (2, 40))
    [ours] = score_values([MATTHEWS], confusion_statistics(truth, said, CLASSES))
    assert ours == pytest.approx(matthews_corrcoef(truth, said))


def test_one_class_said_is_0_and_one_true_class_no_number():
    truth = np.array([0, 1, 2])
    assert score_values([MATTHEWS], confusion_statistics(truth, np.zeros(3), CLASSES)) == [0.0]
    assert score_values([MATTHEWS], confusion_statistics(np.zeros(3), truth, CLASSES)) == [None]


def test_auroc_by_support_weighs_parts_by_their_positives():
    rng = np.random.default_rng(0)
    truth, scores = rng.random((60, 3)) < (0.1, 0.4, 0.7), rng.normal(size=(60, 3))
    values = {
        name: ranking_statistics(scores[:, place], truth_codes(truth[:, place]))
        for place, name in enumerate(CLASSES)
    }
    each = [roc_auc_score(truth[:, place], scores[:, place]) for place in range(3)]
    [ours] = score_values([Score("weighted", BY_SUPPORT, CLASSES)], values)
    assert ours == pytest.approx(np.average(each, weights=truth.sum(axis=0)))

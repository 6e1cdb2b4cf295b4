"""Agreement of two sources of labels, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from plainfilm.metrics.agreement import CATEGORIES, agreement, kappa
from plainfilm.seeding import generator

RNG = generator("agreement")
FIRST = RNG.choice(np.array(CATEGORIES, dtype=np.int8), (200, 3))
SECOND = np.where(
    RNG.random((200, 3)) < 0.6, FIRST, RNG.choice(np.array(CATEGORIES, dtype=np.int8), (200, 3))
)
PATIENTS = np.arange(200) // 2


def test_kappa_is_that_of_scikit_learn() -> None:
    for place, found in enumerate(agreement(FIRST, SECOND, PATIENTS)):
        assert found.kappa.value == pytest.approx(cohen_kappa_score(FIRST[:, place], SECOND[:, place]))
        positive = cohen_kappa_score(FIRST[:, place] == 1, SECOND[:, place] == 1)
        assert found.positive_kappa.value == pytest.approx(positive)
        assert found.kappa.low < found.kappa.value < found.kappa.high


def test_the_table_counts_every_study_once() -> None:
    (found, *_) = agreement(FIRST, SECOND, PATIENTS)
    assert (found.table.sum(), found.n) == (200, 200)
    assert found.table[0, 1] == np.sum((FIRST[:, 0] == 1) & (SECOND[:, 0] == 0))
    assert found.same.value == pytest.approx(np.mean(FIRST[:, 0] == SECOND[:, 0]))


def test_one_category_alone_has_no_kappa() -> None:
    (found,) = agreement(np.ones((5, 1), np.int8), np.ones((5, 1), np.int8), range(5))
    assert (found.same.value, found.kappa.value) == (1.0, None)
    assert np.isnan(kappa(np.zeros((2, 2))))

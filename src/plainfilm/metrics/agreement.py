"""Agreement of two sources of labels on the same studies, by observation.

Cohen's kappa (Cohen 1960, Educational and Psychological Measurement 20:37) is the agreement beyond that
expected by chance from the frequencies of the two sources: (observed - expected) / (1 - expected).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.bootstrap import Groups, Interval, PatientBootstrap
from plainfilm.metrics.findings import NOT_MENTIONED, States

CATEGORIES = (1, 0, -1, NOT_MENTIONED)
"""Positive, negative, uncertain, not mentioned: the order of a table's axes."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """The agreement of two sources on one observation.

    table: (4, 4) studies by the first source's category and the second's, as in `CATEGORIES`. same: the
    share of studies with the same category. kappa: over the four categories. positive_kappa: positive or
    not. n: studies.
    """

    table: NDArray[np.int64]
    same: Interval
    kappa: Interval
    positive_kappa: Interval
    n: int


def agreement(first: States, second: States, patients: Groups) -> list[Agreement]:
    """The agreement of two sources: `first` and `second` are states (N, C), of `patients` (N,)."""
    bootstrap = PatientBootstrap(patients)
    return [_of_one(first[:, place], second[:, place], bootstrap) for place in range(first.shape[1])]


def kappa(table: Floats) -> Floats:
    """Cohen's kappa of tables (..., K, K); NaN if the agreement expected by chance is 1.

    >>> round(float(kappa(np.array([[20.0, 5.0], [10.0, 15.0]]))), 6)
    0.4
    """
    total = table.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.trace(table, axis1=-2, axis2=-1) / total
        expected = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
        values = (observed - expected) / (1.0 - expected)
    return np.where(np.isclose(expected, 1.0) | (total == 0), np.nan, values)


def _one_hot(first: States, second: States) -> Floats:
    """(N, 4, 4): one in the cell of each study."""
    sides = [side[:, None] == np.array(CATEGORIES, dtype=np.int8) for side in (first, second)]
    return (sides[0][:, :, None] & sides[1][:, None, :]).astype(np.float64)


def _of_one(first: States, second: States, bootstrap: PatientBootstrap) -> Agreement:
    def cells(items: NDArray[np.int64]) -> Floats:
        return _one_hot(first[items], second[items])

    def scores(sums: Floats) -> Floats:
        positive = np.stack(
            [
                np.stack([sums[:, 0, 0], sums[:, 0, 1:].sum(-1)], axis=-1),
                np.stack([sums[:, 1:, 0].sum(-1), sums[:, 1:, 1:].sum((-2, -1))], axis=-1),
            ],
            axis=-2,
        )
        with np.errstate(invalid="ignore"):
            same = np.trace(sums, axis1=-2, axis2=-1) / sums.sum(axis=(-2, -1))
        return np.stack([same, kappa(sums), kappa(positive)], axis=-1)

    same, over_all, positive = bootstrap.of_sums(cells, scores)
    table = [[np.sum((first == one) & (second == other)) for other in CATEGORIES] for one in CATEGORIES]
    return Agreement(np.array(table, dtype=np.int64), same, over_all, positive, len(first))

"""The DeLong test: whether two AUROCs over the same items differ (DeLong, DeLong and Clarke-Pearson 1988).

The variance comes from the placements of every item among those of the other class, found by mid-ranks in
O(n log n) (Sun and Xu 2014). Items of one patient are no independent evidence: with `groups` the placements
are added up by patient first (Obuchowski 1997), which is the same test if every item is a patient of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DeLong:
    """AUROC (K,) of K models over the same items, and their covariance (K, K)."""

    auroc: Floats
    covariance: Floats

    def difference(self, first: int = 0, second: int = 1) -> tuple[float, float, float]:
        """AUROC of `second` minus that of `first`, its standard error, and the two-sided p-value.

        If the standard error is 0, as for equal rankings, p is 1 for equal AUROCs and 0 for others.
        """
        apart = float(self.auroc[second] - self.auroc[first])
        covariance = self.covariance
        variance = covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]
        error = math.sqrt(max(float(variance), 0.0))
        if error < 1e-12:
            return apart, 0.0, 1.0 if abs(apart) < 1e-12 else 0.0
        return apart, error, math.erfc(abs(apart) / error / math.sqrt(2))


def delong(
    scores: ArrayLike, truth: ArrayLike, groups: Sequence[object] | NDArray | None = None
) -> DeLong | None:
    """The AUROCs of scores (K, N) of K models for N items with `truth` (N,) bool; `groups` (N,) are patients.

    `None` if there are fewer than two groups with a positive or with a negative item.
    """
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    own = np.arange(len(positive)) if groups is None else np.asarray(groups).astype(str)
    _, patient = np.unique(own, return_inverse=True)
    count = int(patient.max(initial=-1)) + 1
    with_positive, with_negative = (len(np.unique(patient[side])) for side in (positive, ~positive))
    if min(with_positive, with_negative) < 2:
        return None
    placements = np.stack([_placements(row, positive) for row in values])
    auroc = placements[:, positive].mean(axis=1)
    # Sums of each patient's deviations, (K, patients), of positives and of negatives.
    apart = placements - auroc[:, None]
    of_positive, of_negative = (_by_patient(apart * side, patient, count) for side in (positive, ~positive))
    many, few = int(positive.sum()), int((~positive).sum())
    s10 = with_positive / (with_positive - 1) / many * (of_positive @ of_positive.T)
    s01 = with_negative / (with_negative - 1) / few * (of_negative @ of_negative.T)
    s11 = count / (count - 1) * (of_positive @ of_negative.T)
    return DeLong(auroc, s10 / many + s01 / few + (s11 + s11.T) / (many * few))


def _placements(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """For each item the share of the other class that it is on the right side of, ties counting half."""
    ranks = rankdata(scores)
    within = np.empty(len(scores))
    within[positive], within[~positive] = rankdata(scores[positive]), rankdata(scores[~positive])
    below = ranks - within
    count = int(positive.sum())
    return np.where(positive, below / (len(scores) - count), 1.0 - below / count)


def _by_patient(values: Floats, patient: NDArray[np.int64], count: int) -> Floats:
    return np.stack([np.bincount(patient, row, minlength=count) for row in values])

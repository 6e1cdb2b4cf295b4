"""Where the right items stand in a ranking: rank of the first, recall at k, average precision.

Ties are counted fairly, never by the accident of storage order: rank, recall at k and average precision are
their means over all orders of the tied items, in closed form (McSherry and Najork 2008, "Computing
information retrieval performance measures efficiently in the presence of tied scores"). A model that scores
everything alike therefore gets exactly what a random order gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
Indices = NDArray[np.integer]


@dataclass(frozen=True)
class TieAwareRanks:
    """Where the relevant items of Q queries rank, ties counted as their mean; all (Q,).

    above: items scored higher than the best relevant one. tied: items scored like it, itself included.
    tied_relevant: how many of those are relevant; 0 says that the query has no relevant item at all.
    average_precision: NaN where there is no relevant item.
    """

    above: NDArray[np.int64]
    tied: NDArray[np.int64]
    tied_relevant: NDArray[np.int64]
    average_precision: NDArray[np.float64]

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """Queries that have a relevant item."""
        return self.tied_relevant > 0

    def first_rank(self) -> NDArray[np.float64]:
        """Rank of the first relevant item, from 1, in the mean over the orders of tied items; or NaN.

        Of t tied items in random order with r relevant, the first relevant stands at (t + 1) / (r + 1).
        """
        rank = self.above + (self.tied + 1) / (self.tied_relevant + 1)
        return np.where(self.answerable, rank, np.nan)

    def recall_at(self, k: int) -> NDArray[np.float64]:
        """Chance that a relevant item is among the first `k`: 0 or 1 without ties; 0 if unanswerable."""
        return hit_chance(np.clip(k - self.above, 0, None), self.tied, self.tied_relevant)


def hit_chance(draws: Indices, items: Indices, relevant: Indices) -> NDArray[np.float64]:
    """Chance that `draws` of `items` without replacement hold one of the `relevant`; elementwise, (Q,).

    1 minus the product over the draws of the share of irrelevant items among those left.
    """
    draws, items, relevant = np.broadcast_arrays(draws, items, relevant)
    miss = np.ones(draws.shape)
    for drawn in range(int(min(draws.max(initial=0), items.max(initial=0)))):
        left = np.maximum(items - drawn, 1)
        factor = np.clip((items - relevant - drawn) / left, 0.0, 1.0)
        miss = np.where(drawn < np.minimum(draws, items), miss * factor, miss)
    return np.where(relevant > 0, 1.0 - miss, 0.0)


def harmonic_numbers(count: int) -> NDArray[np.float64]:
    """H(0) … H(count), the partial sums of 1/n."""
    return np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, count + 1))])


def tie_aware_ranks(scores: Scores, relevant: Sequence[Indices]) -> TieAwareRanks:
    """Where the relevant items stand: scores (Q, N), higher is better; -inf leaves an item out.

    relevant: per query the distinct indices of its relevant items, possibly none.
    """
    harmonic = harmonic_numbers(scores.shape[1])
    rows = [_ranks_of_query(row, wanted, harmonic) for row, wanted in zip(scores, relevant, strict=True)]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 4)
    above, tied, tied_relevant = table[:, :3].astype(np.int64).T
    return TieAwareRanks(above, tied, tied_relevant, table[:, 3])


def join(parts: Sequence[TieAwareRanks]) -> TieAwareRanks:
    """The ranks of blocks of queries as one."""
    names = ("above", "tied", "tied_relevant", "average_precision")
    return TieAwareRanks(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def random_ranks(items: Indices, relevant: Indices) -> TieAwareRanks:
    """What a random order of `items` gives when `relevant` of them are right; both (Q,)."""
    number: NDArray[np.int64] = np.asarray(items).astype(np.int64)
    right: NDArray[np.int64] = np.asarray(relevant).astype(np.int64)
    harmonic = harmonic_numbers(int(number.max(initial=0)))
    none = np.array([0])
    precision = [
        _expected_precision(none, n[None], none, r[None], harmonic) if r else np.nan
        for n, r in zip(number, right, strict=True)
    ]
    return TieAwareRanks(np.zeros_like(number), number, right, np.array(precision, dtype=np.float64))


def _ranks_of_query(scores: Scores, wanted: Indices, harmonic: Scores) -> tuple[int, int, int, float]:
    targets = scores[wanted]
    targets = targets[targets > -np.inf]
    if not len(targets):
        return 0, 0, 0, np.nan
    levels, relevant = np.unique(targets, return_counts=True)
    # One pass over the N scores against the few distinct relevant ones, instead of sorting all N.
    low, high = np.searchsorted(levels, scores, side="left"), np.searchsorted(levels, scores, side="right")
    above = np.cumsum(np.bincount(low, minlength=len(levels) + 1)[::-1])[::-1][1:]
    tied = np.bincount(low[high > low], minlength=len(levels))
    relevant_above = np.cumsum(relevant[::-1])[::-1] - relevant
    precision = _expected_precision(above, tied, relevant_above, relevant, harmonic)
    return int(above[-1]), int(tied[-1]), int(relevant[-1]), precision


def _expected_precision(
    above: Indices, tied: Indices, relevant_above: Indices, relevant: Indices, harmonic: Scores
) -> float:
    """Average precision in the mean over the orders of tied items; one entry per level with a relevant item.

    Place i of a level of t items, r of them relevant, below a items, q of them relevant, holds a relevant
    item with chance r / t, and then (i - 1)(r - 1) / (t - 1) relevant ones are expected before it in the
    level: sum over i of r / t * (1 + q + (i - 1)(r - 1) / (t - 1)) / (a + i).
    """
    inverse = harmonic[above + tied] - harmonic[above]
    growth = (relevant - 1) / np.maximum(tied - 1, 1)
    each = (1 + relevant_above) * inverse + growth * (tied - (above + 1) * inverse)
    return float((relevant / tied * each).sum() / relevant.sum())

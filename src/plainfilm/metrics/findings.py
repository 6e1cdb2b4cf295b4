"""Does what was retrieved say the same findings as the query? Two rules, side by side.

States are int8 codes: 1 positive, 0 negative, -1 uncertain and `NOT_MENTIONED` (-2) not mentioned.
Axes: Q queries, K retrieved items per query (fewer where `kept` is False), C observations.

*Published* is TxtRayAlign's rule, kept so that its numbers can be reproduced: an observation is a hit when
the query's state equals that of any retrieved item, matching negatives and uncertain states included; a
label said by two retrieved texts counts twice in the precision's denominator and once above it; queries
without labels, or with nothing labelled retrieved, count as misses in the flat hit and not at all in
precision and recall; F1 is the harmonic mean of the two averages.

*Positive-only* is the rule to judge by: the set of positive observations of the query against the union of
the positive observations of what was retrieved, as true positives, false positives and false negatives per
observation, from which come the per-class, micro and macro scores of any text book.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOT_MENTIONED = -2
"""The code of an observation that is not mentioned."""

States = NDArray[np.int8]
Kept = NDArray[np.bool_]


@dataclass(frozen=True)
class PublishedCounts:
    """Per query: what the published scores are sums of. All (Q,).

    hits: observations that match. said: labels over the retrieved items. wanted: labels of the query.
    duplicates: retrieved items minus distinct label vectors among them.
    """

    hits: NDArray[np.int64]
    said: NDArray[np.int64]
    wanted: NDArray[np.int64]
    duplicates: NDArray[np.int64]

    @property
    def usable(self) -> Kept:
        """Queries that enter precision and recall: labelled, with something labelled retrieved."""
        return (self.said > 0) & (self.wanted > 0)

    @property
    def flat_hit(self) -> NDArray[np.float64]:
        """1 where at least one observation matches."""
        return (self.hits > 0).astype(np.float64)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Hits over labels said; 0 where unusable."""
        return np.where(self.usable, self.hits / np.maximum(self.said, 1), 0.0)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Hits over labels wanted; 0 where unusable."""
        return np.where(self.usable, self.hits / np.maximum(self.wanted, 1), 0.0)


@dataclass(frozen=True)
class PositiveCounts:
    """Per query and observation, all (Q, C) bool: said and true, said and not true, true and not said."""

    true_positive: Kept
    false_positive: Kept
    false_negative: Kept


def published_counts(query: States, retrieved: States, kept: Kept | None = None) -> PublishedCounts:
    """The published rule: query (Q, C), retrieved (Q, K, C), kept (Q, K) → counts per query."""
    rows = _kept(retrieved, kept)
    states = np.where(rows[:, :, None], retrieved, NOT_MENTIONED)
    equal = (states == query[:, None, :]) & (query[:, None, :] != NOT_MENTIONED)
    return PublishedCounts(
        hits=equal.any(axis=1).sum(axis=1),
        said=(states != NOT_MENTIONED).sum(axis=(1, 2)),
        wanted=(query != NOT_MENTIONED).sum(axis=1),
        duplicates=_duplicates(states, rows),
    )


def _duplicates(states: States, rows: Kept) -> NDArray[np.int64]:
    """Items of each query whose label vector an earlier item of the query already has."""
    repeated = np.zeros(len(states), dtype=np.int64)
    for later in range(1, states.shape[1]):
        same = (states[:, :later] == states[:, later : later + 1]).all(axis=2) & rows[:, :later]
        repeated += same.any(axis=1) & rows[:, later]
    return repeated


def positive_counts(query: States, retrieved: States, kept: Kept | None = None) -> PositiveCounts:
    """Positive-only: query (Q, C), retrieved (Q, K, C), kept (Q, K) → outcomes per query and observation."""
    said = ((retrieved == 1) & _kept(retrieved, kept)[:, :, None]).any(axis=1)
    true = query == 1
    return PositiveCounts(said & true, said & ~true, ~said & true)


def agreement(query: States, item: States) -> NDArray[np.int8]:
    """What an item's states (..., C) are worth against the query's: 1 agrees, -1 contradicts, 0 unknown.

    Equal states agree. Positive against negative contradicts, and so does a positive that the query does
    not mention: a report names what it sees. Anything else that is uncertain or blank stays open.
    """
    equal = (item == query) & (item != NOT_MENTIONED)
    opposite = ((item == 1) & ((query == 0) | (query == NOT_MENTIONED))) | ((item == 0) & (query == 1))
    return equal.astype(np.int8) - opposite.astype(np.int8)


def _kept(retrieved: States, kept: Kept | None) -> Kept:
    return np.ones(retrieved.shape[:2], dtype=bool) if kept is None else kept

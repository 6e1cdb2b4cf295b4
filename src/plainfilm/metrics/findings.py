"""Agreement of retrieved items with the findings of the query, by two rules.

States are int8 codes: 1 positive, 0 negative, -1 uncertain and `NOT_MENTIONED` (-2) not mentioned.
Axes: Q queries, K retrieved items per query (fewer if `kept` is False), C observations.

*Published* is TxtRayAlign's rule, kept to reproduce its numbers: an observation is a hit if the query's state
equals that of any retrieved item, including matching negative and uncertain states; a label in two retrieved
texts counts twice in the precision's denominator and once above it; queries without labels, or without
labelled retrieved items, count as misses in the flat hit and are left out of precision and recall; F1 is the
harmonic mean of the two averages.

*Positive-only* is the recommended rule: it compares the set of positive observations of the query with the
union of the positive observations of the retrieved items, as true positives, false positives and false
negatives per observation, which give the usual per-class, micro and macro scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOT_MENTIONED = -2
"""The code of an observation that is not mentioned."""

States = NDArray[np.int8]
Kept = NDArray[np.bool_]


@dataclass(frozen=True)
class PublishedCounts:
    """The counts behind the published scores, per query. All (Q,).

    hits: observations that match. retrieved_labels: total number over the retrieved items. query_labels:
    number of the query. duplicates: retrieved items minus distinct label vectors among them.
    """

    hits: NDArray[np.int64]
    retrieved_labels: NDArray[np.int64]
    query_labels: NDArray[np.int64]
    duplicates: NDArray[np.int64]

    @property
    def usable(self) -> Kept:
        """Queries that count in precision and recall: labelled, with labelled retrieved items."""
        return (self.retrieved_labels > 0) & (self.query_labels > 0)

    @property
    def flat_hit(self) -> NDArray[np.float64]:
        """1 if at least one observation matches."""
        return (self.hits > 0).astype(np.float64)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Hits over labels of the retrieved items; 0 if unusable."""
        return np.where(self.usable, self.hits / np.maximum(self.retrieved_labels, 1), 0.0)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Hits over labels of the query; 0 if unusable."""
        return np.where(self.usable, self.hits / np.maximum(self.query_labels, 1), 0.0)


@dataclass(frozen=True)
class PositiveCounts:
    """Outcomes per query and observation, all (Q, C) bool: true and false positives, false negatives."""

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
        retrieved_labels=(states != NOT_MENTIONED).sum(axis=(1, 2)),
        query_labels=(query != NOT_MENTIONED).sum(axis=1),
        duplicates=_duplicates(states, rows),
    )


def _duplicates(states: States, rows: Kept) -> NDArray[np.int64]:
    """The number of items of each query with the label vector of an earlier item of the query."""
    repeated = np.zeros(len(states), dtype=np.int64)
    for later in range(1, states.shape[1]):
        same = (states[:, :later] == states[:, later : later + 1]).all(axis=2) & rows[:, :later]
        repeated += same.any(axis=1) & rows[:, later]
    return repeated


def positive_counts(query: States, retrieved: States, kept: Kept | None = None) -> PositiveCounts:
    """Positive-only: query (Q, C), retrieved (Q, K, C), kept (Q, K) → outcomes per query and observation."""
    predicted = ((retrieved == 1) & _kept(retrieved, kept)[:, :, None]).any(axis=1)
    true = query == 1
    return PositiveCounts(predicted & true, predicted & ~true, ~predicted & true)


def agreement(query: States, item: States) -> NDArray[np.int8]:
    """The agreement of an item's states (..., C) with the query's: 1 agrees, -1 contradicts, 0 unknown.

    Equal states agree. Positive and negative contradict, and so does a positive that the query does not
    mention, because reports mention findings. Other uncertain or blank states are unknown.
    """
    equal = (item == query) & (item != NOT_MENTIONED)
    opposite = ((item == 1) & ((query == 0) | (query == NOT_MENTIONED))) | ((item == 0) & (query == 1))
    return equal.astype(np.int8) - opposite.astype(np.int8)


def state_matrix(stated: Sequence[Mapping[str, int]], observations: Sequence[str]) -> States:
    """States (N, C) of N texts from what each states, by observation; `NOT_MENTIONED` for the rest."""
    rows = [[one.get(name, NOT_MENTIONED) for name in observations] for one in stated]
    return np.array(rows, dtype=np.int8).reshape(len(stated), len(observations))


def _kept(retrieved: States, kept: Kept | None) -> Kept:
    return np.ones(retrieved.shape[:2], dtype=bool) if kept is None else kept

"""Selects the answer from a ranking, by number, score and diversity.

Plain top-k answers every query with k items, even if they are poor or similar. With a threshold and a margin
the number depends on the query (and may be 0); diversity trades score against similarity to items already
selected (maximal marginal relevance: Carbonell and Goldstein 1998).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from plainfilm.bank.search import Indices, Vectors, search
from plainfilm.config import Settings

POOL = 32
"""With diversity, items are selected from this many times k of the best."""


Find = Callable[[Vectors, int], tuple[Vectors, Indices]]
"""Scores and indices (Q, k) of the nearest items of queries (Q, D), best first; index -1 is none."""


class SelectionConfig(Settings):
    """The selection of an answer from a ranking.

    k: largest number of items. threshold: items with a lower score are left out. margin: items with a score
    below the best one minus this are left out. diversity: 0 ranks by score only, 1 by difference from the
    selected items only; the next item maximises (1 - diversity) * score - diversity * (largest similarity to
    a selected item).
    """

    k: int = Field(default=2, ge=1)
    threshold: float | None = Field(default=None, ge=-1.0, le=1.0)
    margin: float | None = Field(default=None, ge=0.0)
    diversity: float | None = Field(default=None, ge=0.0, le=1.0)


@dataclass(frozen=True)
class RetrievedItems:
    """For each query up to K items: scores (Q, K) and indices (Q, K); index -1 (score NaN) means no item."""

    scores: Vectors
    indices: Indices

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(Q, K), True for an item."""
        return self.indices >= 0


def answer(
    vectors: Vectors, queries: Vectors, composition: SelectionConfig, find: Find | None = None
) -> RetrievedItems:
    """Retrieve items of `vectors` (N, D) for queries (Q, D), which `find` searches, by default exactly."""
    diverse = bool(composition.diversity)
    pool = composition.k * POOL if diverse else composition.k
    scores, indices = search(vectors, queries, pool) if find is None else find(queries, pool)
    allowed = _allowed(scores, composition) & (indices >= 0)
    if diverse:
        return _diverse(vectors, scores, indices, allowed, composition)
    return RetrievedItems(
        np.where(allowed, scores, np.nan).astype(np.float32), np.where(allowed, indices, -1).astype(np.int64)
    )


def query_leave_self_out(vectors: Vectors, rows: Indices, composition: SelectionConfig) -> RetrievedItems:
    """Retrieve for the items `rows` (Q,) of `vectors` (N, D) from the other items, by score only; no item is
    retrieved for itself."""
    scores, indices = search(vectors, vectors[rows], composition.k + 1)
    # One extra item is searched: drop the item itself or, if copies of it displace it, the last.
    itself = np.where((indices == rows[:, None]).any(axis=1), (indices == rows[:, None]).argmax(axis=1), -1)
    kept = np.arange(scores.shape[1]) != np.where(itself < 0, scores.shape[1] - 1, itself)[:, None]
    shape = (len(rows), scores.shape[1] - 1)
    return RetrievedItems(scores[kept].reshape(shape), indices[kept].reshape(shape))


def _allowed(scores: Vectors, composition: SelectionConfig) -> NDArray[np.bool_]:
    allowed = np.ones(scores.shape, dtype=bool)
    if composition.threshold is not None:
        allowed &= scores >= composition.threshold
    if composition.margin is not None:
        allowed &= scores >= scores[:, :1] - composition.margin
    return allowed


def _diverse(
    vectors: Vectors,
    scores: Vectors,
    indices: Indices,
    allowed: NDArray[np.bool_],
    composition: SelectionConfig,
) -> RetrievedItems:
    width = min(composition.k, scores.shape[1])
    chosen_scores = np.full((len(scores), width), np.nan, dtype=np.float32)
    chosen = np.full((len(scores), width), -1, dtype=np.int64)
    for query, row in enumerate(allowed):
        candidates = np.flatnonzero(row)
        picks = _pick(vectors[indices[query, candidates]], scores[query, candidates], composition)
        places = candidates[picks]
        chosen_scores[query, : len(places)] = scores[query, places]
        chosen[query, : len(places)] = indices[query, places]
    return RetrievedItems(chosen_scores, chosen)


def _pick(vectors: Vectors, scores: Vectors, composition: SelectionConfig) -> list[int]:
    """Positions of up to k of the candidates (M, D), in the order of selection."""
    weight = composition.diversity or 0.0
    likeness = np.full(len(scores), -np.inf)
    free = np.ones(len(scores), dtype=bool)
    picks: list[int] = []
    while len(picks) < composition.k and free.any():
        penalty = weight * likeness if picks else 0.0
        gain = np.where(free, (1.0 - weight) * scores - penalty, -np.inf)
        best = int(np.argmax(gain))
        picks.append(best)
        free[best] = False
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return picks

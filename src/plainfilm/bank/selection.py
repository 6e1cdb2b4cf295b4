"""From a ranking to an answer: how many items, how good, how different from each other.

Plain top-k answers every query with k items however poor or alike they are. A threshold and a margin make the
number depend on the query (none at all is an answer too); diversity trades score against likeness to what
was already chosen (maximal marginal relevance: Carbonell and Goldstein 1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from plainfilm.bank.search import Indices, Vectors, search
from plainfilm.config import Settings

POOL = 32
"""With diversity, the choice is among this many times k of the best."""


class SelectionConfig(Settings):
    """How an answer is made of a ranking.

    k: most items of an answer. threshold: items that score less are left out. margin: items that score
    less than the best one minus this are left out. diversity: 0 ranks by score alone, 1 by difference from
    what was chosen alone; the next item maximises (1 - diversity) * score - diversity * (largest
    similarity to a chosen item).
    """

    k: int = Field(default=2, ge=1)
    threshold: float | None = Field(default=None, ge=-1.0, le=1.0)
    margin: float | None = Field(default=None, ge=0.0)
    diversity: float | None = Field(default=None, ge=0.0, le=1.0)


@dataclass(frozen=True)
class RetrievedItems:
    """Per query up to K items: scores (Q, K) and indices (Q, K); index -1 (score NaN) means no item."""

    scores: Vectors
    indices: Indices

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(Q, K), True where there is an item."""
        return self.indices >= 0


def answer(vectors: Vectors, queries: Vectors, composition: SelectionConfig) -> RetrievedItems:
    """RetrievedItems queries (Q, D) from `vectors` (N, D)."""
    diverse = bool(composition.diversity)
    pool = composition.k * POOL if diverse else composition.k
    scores, indices = search(vectors, queries, pool)
    allowed = _allowed(scores, composition)
    if diverse:
        return _diverse(vectors, scores, indices, allowed, composition)
    return RetrievedItems(
        np.where(allowed, scores, np.nan).astype(np.float32), np.where(allowed, indices, -1).astype(np.int64)
    )


def query_leave_self_out(vectors: Vectors, rows: Indices, composition: SelectionConfig) -> RetrievedItems:
    """RetrievedItems rows (Q,) of `vectors` (N, D) from the others: no item answers itself. By score
    alone."""
    scores, indices = search(vectors, vectors[rows], composition.k + 1)
    # One too many was looked for: drop the item itself or, where copies of it crowd it out, the last.
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
    """Positions of up to k of the candidates (M, D), best first, in the order they are chosen."""
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

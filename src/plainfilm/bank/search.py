"""Exact search by inner product over vectors that may lie on disk.

Faiss finds candidates block by block; their scores are then computed again, each separately and in double
precision, because the rounding of a matrix product depends on its shape. So the same vectors give the same
scores for any block, batch or number of threads, and ties go to the lower index.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.arrays import release

Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]

BLOCK_ROWS = 65_536
BLOCK_NUMBERS = 4_000_000
"""Numbers of candidate vectors in memory at once."""
SPARE = 16
"""Candidates beyond k, so that rounding and ties near rank k change nothing."""
SLACK = 1e-5
"""More than the rounding error of an inner product of two unit vectors in single precision."""


def search(vectors: Vectors, queries: Vectors, k: int) -> tuple[Vectors, Indices]:
    """The `k` rows of `vectors` (N, D) with the largest inner product with each of `queries` (Q, D).

    Returns scores (Q, K) in descending order and indices (Q, K), K = min(k, N); equal scores are in the order
    of their indices. Memory is bounded by a block of vectors and a block of queries.
    """
    wanted = min(k, len(vectors))
    if wanted == 0:
        return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    unit = np.ascontiguousarray(queries, dtype=np.float32)
    rough, candidates = _candidates(vectors, unit, min(wanted + SPARE, len(vectors)))
    scores, indices = rescored(vectors, unit, candidates, wanted)
    if candidates.shape[1] < len(vectors):
        crowded = np.flatnonzero(rough[:, -1] >= scores[:, -1] - SLACK)
        for query in crowded:
            scores[query], indices[query] = _scan(vectors, unit[query], scores[query, -1] - SLACK, wanted)
    return scores, indices


def _candidates(vectors: Vectors, queries: Vectors, count: int) -> tuple[Vectors, Indices]:
    import faiss

    best_scores = np.empty((len(queries), 0), dtype=np.float32)
    best = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = np.ascontiguousarray(vectors[start : start + BLOCK_ROWS])
        block_scores, places = faiss.knn(
            queries, block, min(count, len(block)), metric=faiss.METRIC_INNER_PRODUCT
        )
        best_scores = np.concatenate([best_scores, block_scores], axis=1)
        best = np.concatenate([best, places + start], axis=1)
        order = np.argsort(-best_scores, axis=1, kind="stable")[:, :count]
        best_scores, best = np.take_along_axis(best_scores, order, 1), np.take_along_axis(best, order, 1)
        release(vectors)
    return best_scores, best


def rescored(vectors: Vectors, queries: Vectors, candidates: Indices, k: int) -> tuple[Vectors, Indices]:
    """The best `k` of each query's candidates (Q, M), scored separately: scores and indices (Q, k).

    A candidate of -1 is none; its score is -inf. Many candidates are first reduced to a few by scores in
    single precision. Memory is bounded by a block of queries.
    """
    candidates = _nearest(vectors, queries, candidates, k + SPARE)
    scores = np.empty((len(queries), k), dtype=np.float32)
    indices = np.empty((len(queries), k), dtype=np.int64)
    block = max(1, BLOCK_NUMBERS // max(1, candidates.shape[1] * vectors.shape[1]))
    for start in range(0, len(queries), block):
        rows = slice(start, start + block)
        scores[rows], indices[rows] = _rescored(vectors, queries[rows], candidates[rows], k)
    return scores, indices


def _nearest(vectors: Vectors, queries: Vectors, candidates: Indices, count: int) -> Indices:
    """The best `count` of each query's candidates (Q, M) by their scores in single precision."""
    if candidates.shape[1] <= count:
        return candidates
    import faiss

    library: Any = faiss  # its stubs lack the functions on pointers
    ids = np.ascontiguousarray(candidates)
    rough = np.empty(ids.shape, np.float32)
    pointers = [library.swig_ptr(array) for array in (rough, queries, vectors, ids)]
    library.fvec_inner_products_by_idx(*pointers, vectors.shape[1], *ids.shape)
    worst_first = np.argpartition(np.where(ids < 0, -np.inf, rough), -count, axis=1)
    return np.take_along_axis(ids, worst_first[:, -count:], axis=1)


def _rescored(vectors: Vectors, queries: Vectors, candidates: Indices, k: int) -> tuple[Vectors, Indices]:
    ordered = np.sort(candidates, axis=1)
    chosen = vectors[np.maximum(ordered, 0).ravel()].reshape(*ordered.shape, -1)
    products = (chosen.astype(np.float64) * queries[:, None, :].astype(np.float64)).sum(axis=2)
    exact = np.where(ordered < 0, -np.inf, products).astype(np.float32)
    best = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(exact, best, 1), np.take_along_axis(ordered, best, 1)


def _scan(vectors: Vectors, query: Vectors, floor: float, k: int) -> tuple[Vectors, Indices]:
    """All vectors that score at least `floor` for one query, for rankings with many near ties at rank k."""
    parts = []
    for start in range(0, len(vectors), BLOCK_ROWS):
        products = vectors[start : start + BLOCK_ROWS] @ query
        parts.append(np.flatnonzero(products >= floor) + start)
        release(vectors)
    candidates = np.concatenate(parts)
    exact = np.concatenate(
        [
            (vectors[part].astype(np.float64) * query.astype(np.float64)).sum(axis=1).astype(np.float32)
            for part in np.array_split(candidates, len(candidates) // BLOCK_ROWS + 1)
        ]
    )
    best = np.argsort(-exact, kind="stable")[:k]
    return exact[best], candidates[best]

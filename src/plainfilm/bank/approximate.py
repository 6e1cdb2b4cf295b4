"""Approximate search in large banks through faiss: IVF-PQ and HNSW, with their recall measured.

An index finds candidates; their scores are then computed exactly from the bank's vectors, so that only the
choice of candidates is approximate. It is built in parts from vectors on disk, and mapped from disk when it
is searched. IVF-PQ: Jegou et al., "Product quantization for nearest neighbor search", TPAMI 2011. HNSW:
Malkov and Yashunin, TPAMI 2020 (arXiv:1603.09320). Both as in faiss (arXiv:2401.08281).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from plainfilm.bank.search import Indices, Vectors, rescored, search
from plainfilm.errors import UsageError
from plainfilm.io.arrays import release
from plainfilm.io.json_records import Record
from plainfilm.progress import SILENT, Progress
from plainfilm.seeding import generator

Kind = Literal["ivfpq", "hnsw"]

PART_ROWS = 65_536
"""Vectors read and added at once."""
TRAINED_ON = 40
"""Vectors for each list that k-means learns from; faiss asks for 39 at least."""
NUMBERS_PER_BYTE = 4
"""Numbers of a vector that a byte of its code stands for."""
NEIGHBOURS = 32
"""Links of HNSW for each vector and level."""
CANDIDATES = (5, 10, 20)
"""Candidates that are scored exactly, as a multiple of k: the fewest that reach the recall, or the most."""
TARGET = 0.95
QUERIES, ASKED = 1_000, 10
QUERIES_AT_ONCE = 200
"""Recall is measured by so many items of the bank as queries, and so many nearest of each."""
FEWEST = 10_000
"""A smaller bank is searched exactly in milliseconds."""


class Recall(Record):
    """The share of the exact `k` nearest items that are found, its 95 % interval, and the number of queries,
    which are items of the bank; an item is not counted as near to itself."""

    value: float
    low: float
    high: float
    k: int
    n: int


class IndexFacts(Record):
    """What `bank.json` says of an index. effort: lists that are probed (IVF-PQ), or efSearch (HNSW)."""

    kind: Kind
    effort: int = Field(ge=1)
    most_effort: int = Field(ge=1)
    candidates: int = Field(ge=1)
    target: float
    recall: Recall


@dataclass(frozen=True)
class Index:
    """An opened index over `vectors` (N, D) of a bank."""

    index: Any
    vectors: Vectors
    candidates: int

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Indices]:
        """Scores and indices (Q, min(k, N)), best first; index -1 (score -inf) where fewer were found."""
        wanted = min(k, len(self.vectors))
        unit = np.ascontiguousarray(queries, dtype=np.float32)
        many = min(self.candidates * wanted, len(self.vectors))
        _, found = self.index.search(unit, many)
        return rescored(self.vectors, unit, found, wanted)


def build_index(
    vectors: Vectors, kind: Kind, file: Path, progress: Progress = SILENT, *, target: float = TARGET
) -> IndexFacts:
    """Write an index of `vectors` (N, D) to `file`; return what is known of it, its recall above all.

    The effort of a search is the smallest that reaches the recall `target` on a sample, or the largest.

    Raises:
        UsageError: there are too few vectors for an index to be of use.
    """
    import faiss

    if len(vectors) < FEWEST:
        raise UsageError(
            f"--index {kind}: a bank of {len(vectors):,} items is searched exactly at once; "
            f"an index is for {FEWEST:,} and more, leave it out"
        )
    index = _MAKERS[kind](*vectors.shape)
    progress.log(f"training an index ({kind}) of {len(vectors):,} vectors")
    index.train(_sample(vectors, min(len(vectors), TRAINED_ON * _lists(len(vectors)))))
    starts = range(0, len(vectors), PART_ROWS)
    for start in progress.track(starts, len(starts), "indexing vectors"):
        index.add(np.ascontiguousarray(vectors[start : start + PART_ROWS]))
        release(vectors)
    faiss.write_index(index, str(file))
    del index
    return _measured(vectors, kind, file, target)


def open_index(file: Path, vectors: Vectors, facts: IndexFacts) -> Index:
    """The index in `file`, mapped from disk."""
    index = _mapped(file)
    _set_effort(index, facts.kind, facts.effort)
    return Index(index, vectors, facts.candidates)


def _mapped(file: Path) -> Any:
    import faiss

    return faiss.read_index(str(file), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)


def _set_effort(index: Any, kind: Kind, effort: int) -> None:
    if kind == "ivfpq":
        index.nprobe = effort
    else:
        index.hnsw.efSearch = effort


def _ivfpq(count: int, dimension: int) -> Any:
    import faiss

    # Lists are compared exactly: a graph of them (`_HNSW32`) loses some, and with them every vector in them.
    # Without "np" codes are also ordered for Hamming distances, which takes a second and a half a byte.
    form = f"IVF{_lists(count)},PQ{_code_bytes(dimension)}np"
    index: Any = faiss.index_factory(dimension, form, faiss.METRIC_INNER_PRODUCT)
    for clustering in (index.cp, index.pq.cp):
        clustering.min_points_per_centroid = 1  # below 39 faiss writes a warning; recall says if it matters
    return index


def _hnsw(count: int, dimension: int) -> Any:
    import faiss

    return faiss.index_factory(dimension, f"HNSW{NEIGHBOURS},SQ8", faiss.METRIC_INNER_PRODUCT)


_MAKERS: dict[Kind, Callable[[int, int], Any]] = {"ivfpq": _ivfpq, "hnsw": _hnsw}


def _lists(count: int) -> int:
    """The lists of IVF: about the square root of N, a power of two."""
    return int(2 ** round(math.log2(count) / 2))


def _code_bytes(dimension: int) -> int:
    """The bytes of a code: a divisor of D."""
    wanted = max(1, dimension // NUMBERS_PER_BYTE)
    return max(size for size in range(1, wanted + 1) if dimension % size == 0)


def _sample(vectors: Vectors, count: int) -> Vectors:
    rows = np.sort(generator(0, "index", len(vectors)).choice(len(vectors), count, replace=False))
    sample = np.empty((count, vectors.shape[1]), np.float32)
    for start in range(0, count, PART_ROWS):
        part = slice(start, start + PART_ROWS)
        sample[part] = vectors[rows[part]]
        release(vectors)
    return sample


def _efforts(kind: Kind, vectors: Vectors) -> Iterator[int]:
    most = _lists(len(vectors)) if kind == "ivfpq" else 1024
    effort = 1 if kind == "ivfpq" else 16
    while effort < most:
        yield effort
        effort *= 2
    yield most


def _measured(vectors: Vectors, kind: Kind, file: Path, target: float) -> IndexFacts:
    rows = np.sort(generator(0, "recall", len(vectors)).choice(len(vectors), QUERIES, replace=False))
    queries = np.ascontiguousarray(vectors[rows])
    exact = _others(search(vectors, queries, ASKED + 1)[1], rows)
    opened, most = _mapped(file), list(_efforts(kind, vectors))[-1]

    def recall_with(candidates: int) -> Recall:
        index = Index(opened, vectors, candidates)
        return _recall(exact, _others(_found(index, queries), rows))

    for effort in _efforts(kind, vectors):
        _set_effort(opened, kind, effort)
        candidates, recall = CANDIDATES[-1], recall_with(CANDIDATES[-1])
        if recall.value >= target:
            break
    for fewer in CANDIDATES[:-1]:
        with_fewer = recall_with(fewer)
        if with_fewer.value >= target:
            candidates, recall = fewer, with_fewer
            break
    return IndexFacts(
        kind=kind, effort=effort, most_effort=most, candidates=candidates, target=target, recall=recall
    )


def _found(index: Index, queries: Vectors) -> Indices:
    """What a search finds, of few queries at a time, as each reads vectors from all over the disk."""
    parts = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        parts.append(index.search(queries[start : start + QUERIES_AT_ONCE], ASKED + 1)[1])
        release(index.vectors)
    return np.concatenate(parts)


def _others(indices: Indices, rows: Indices) -> list[set[int]]:
    """The first `ASKED` of each row of `indices` (Q, K) that are not the query itself."""
    kept = (
        [at for at in found.tolist() if at not in (row, -1)] for found, row in zip(indices, rows, strict=True)
    )
    return [set(found[:ASKED]) for found in kept]


def _recall(exact: list[set[int]], found: list[set[int]]) -> Recall:
    """The mean over queries, with its normal interval."""
    each = np.array([len(one & other) / len(one) for one, other in zip(exact, found, strict=True)])
    value, half = float(each.mean()), float(1.96 * each.std(ddof=1) / math.sqrt(len(each)))
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Recall(value=round(value, 4), low=round(low, 4), high=round(high, 4), k=ASKED, n=len(each))

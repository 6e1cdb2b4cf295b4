"""Finds pairs of near-duplicate images among a million, by their perceptual hashes.

Multi-index hashing (Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing",
CVPR 2012), by faiss: of 12 pieces of two hashes that differ in at most 23 bits, some piece differs in at most
one bit. So only images with a piece that is equal or differs in one bit are compared, and no pair is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from plainfilm.image_analysis.perceptual_hash import BITS

RADIUS = 23
"""Images that differ in at most this many of 256 bits are candidates."""

MOST_PAIRS = 1 << 20
"""Largest number of pairs listed; a collection with more is one image repeated many times."""

_PIECES, _PIECE_BITS = 12, 21
# Neighbouring DCT coefficients are correlated, so pieces take bits from everywhere.
_SPREAD = np.random.default_rng(0).permutation(BITS)
_QUERIES = 256
"""Images looked up at once: few enough that a collection of one repeated image fits into memory."""

Pairs = NDArray[np.int32]


def near_duplicate_pairs(hashes: Sequence[str]) -> Pairs:
    """(N, 3) rows: two positions in `hashes`, the first smaller, and their number of different bits; sorted.

    `hashes` are those of `image_analysis.perceptual_hash`. At most `MOST_PAIRS` pairs are returned.
    """
    if len(hashes) < 2:
        return np.empty((0, 3), np.int32)
    raw = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), BITS // 8)
    different, group = np.unique(raw, axis=0, return_inverse=True)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    blocks: list[Pairs] = []
    count = 0
    for one, other, bits in _different_pairs(different):
        pairs = _expanded(members[one], members[other], bits, MOST_PAIRS - count)
        blocks.append(pairs)
        count += len(pairs)
        if count >= MOST_PAIRS:
            break
    pairs = np.concatenate([np.empty((0, 3), np.int32), *blocks])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _different_pairs(hashes: NDArray[np.uint8]) -> Iterator[tuple[int, int, int]]:
    """Pairs of different hashes (N, 32), and each hash with itself: two positions, and their number of
    different bits."""
    import faiss

    spread = np.packbits(np.unpackbits(hashes, axis=1)[:, _SPREAD], axis=1)
    index = faiss.IndexBinaryMultiHash(BITS, _PIECES, _PIECE_BITS)
    index.nflip = 1
    index.add(spread)
    for start in range(0, len(spread), _QUERIES):
        limits, distances, others = index.range_search(spread[start : start + _QUERIES], RADIUS + 1)
        ones = np.repeat(
            np.arange(len(limits) - 1) + start, limits[1:].astype(np.int64) - limits[:-1].astype(np.int64)
        )
        kept = others >= ones
        yield from zip(
            ones[kept].tolist(), others[kept].tolist(), distances[kept].astype(int).tolist(), strict=True
        )


def _expanded(first: NDArray[np.int64], second: NDArray[np.int64], bits: int, most: int) -> Pairs:
    """At most `most` pairs of the images of one hash with those of another, or with each other."""
    if first is second:
        if len(first) > 1 + int(np.sqrt(2 * most)):  # more pairs than are wanted
            first = first[: 2 + int(np.sqrt(2 * most))]
        rows, columns = np.triu_indices(len(first), 1)
        ones, others = first[rows], first[columns]
    else:
        ones, others = (side.ravel() for side in np.meshgrid(first[:most], second[:most], indexing="ij"))
    low, high = np.minimum(ones, others), np.maximum(ones, others)
    pairs = np.stack([low, high, np.full_like(low, bits)], axis=1)[:most]
    return pairs.astype(np.int32)

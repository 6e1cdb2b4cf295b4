"""Finds pairs of near-duplicate images among millions, by their perceptual hashes.

Multi-index hashing (Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing",
CVPR 2012): of 12 pieces of two hashes that differ in at most 23 bits, some piece differs in at most one bit.
So only images with a piece that is equal or differs in one bit are compared, and no pair is missed. One piece
after the other is sorted, which takes 8 bytes an image beside its hash of 32, and 8 MB for places of values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plainfilm.image_analysis.perceptual_hash import BITS

RADIUS = 23
"""Images that differ in at most this many of 256 bits are candidates."""

MOST_PAIRS = 1 << 20
"""Largest number of pairs listed; a collection with more is one image repeated many times."""

_PIECES, _PIECE_BITS = 12, 21
# Neighbouring DCT coefficients are correlated, so pieces take bits from everywhere.
_SPREAD = np.random.default_rng(0).permutation(BITS)[: _PIECES * _PIECE_BITS].reshape(_PIECES, _PIECE_BITS)
_AT_ONCE = 1 << 16
"""Images looked up, and candidates compared, at once: some 40 MB at most."""

Pairs = NDArray[np.int32]
Hashes = NDArray[np.uint8]
Ints = NDArray[np.int64]


def near_duplicate_pairs(hashes: Hashes) -> Pairs:
    """(P, 3) rows: two positions in `hashes`, the first smaller, and their number of different bits; sorted.

    `hashes` (N, 32) are the bytes of those of `image_analysis.perceptual_hash`. At most `MOST_PAIRS` pairs
    are returned, those that are found first.
    """
    blocks = [np.empty((0, 3), np.int32)]
    count = 0
    for pairs in _pairs(hashes.view(np.uint64)):
        blocks.append(pairs[: MOST_PAIRS - count])
        count += len(blocks[-1])
        if count == MOST_PAIRS:
            break
    found = np.concatenate(blocks)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def _pairs(hashes: NDArray[np.uint64]) -> Iterator[Pairs]:
    """Every pair of `hashes` (N, 4) within the radius once, in parts."""
    for piece in range(_PIECES):
        for ones, others in _candidates(_sorted_by_piece(hashes, piece)):
            different = hashes[ones] ^ hashes[others]
            bits = np.bitwise_count(different).sum(axis=1)
            near = np.flatnonzero(bits <= RADIUS)
            near = near[_first_alike_piece(different[near]) == piece]
            low, high = np.minimum(ones[near], others[near]), np.maximum(ones[near], others[near])
            yield np.stack([low, high, bits[near]], axis=1).astype(np.int32)


def _sorted_by_piece(hashes: NDArray[np.uint64], piece: int) -> Ints:
    """(N,) the values of a piece, times 2**32, plus the positions of the hashes; sorted."""
    entries = np.arange(len(hashes))
    octets = hashes.view(np.uint8)
    for start in range(0, len(entries), _AT_ONCE):
        block = slice(start, start + _AT_ONCE)
        for place, bit in enumerate(_SPREAD[piece].tolist()):
            is_set = (octets[block, bit // 8] >> (7 - bit % 8)) & 1
            entries[block] |= is_set.astype(np.int64) << (32 + place)
    entries.sort()
    return entries


def _candidates(entries: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Positions of hashes whose piece is equal or differs in one bit, each pair once, in parts."""
    starts = _starts(entries)
    for first in range(0, len(entries), _AT_ONCE):
        block = entries[first : first + _AT_ONCE]
        rows, values = block & 0xFFFFFFFF, block >> 32
        yield from _joined(entries, rows, np.arange(first, first + len(block)) + 1, starts[values + 1])
        for place in range(_PIECE_BITS):
            lower = np.flatnonzero(values >> place & 1 == 0)
            others = values[lower] | (1 << place)
            yield from _joined(entries, rows[lower], starts[others], starts[others + 1])


def _starts(entries: Ints) -> NDArray[np.int32]:
    """(2**21 + 1,) the place of the first of the sorted `entries` with each value of a piece, or a larger."""
    counts = np.zeros((1 << _PIECE_BITS) + 1, dtype=np.int32)
    for first in range(0, len(entries), _AT_ONCE):
        values, found = np.unique(entries[first : first + _AT_ONCE] >> 32, return_counts=True)
        counts[values + 1] += found.astype(np.int32)
    return np.cumsum(counts, dtype=np.int32)


def _joined(
    entries: Ints, rows: Ints, begins: NDArray[np.int64] | NDArray[np.int32], ends: NDArray[np.int32]
) -> Iterator[tuple[Ints, Ints]]:
    """Each of `rows` (n,) with the positions in `entries[begin:end]` of its own, in parts."""
    counts = (ends - begins).astype(np.int64)
    filled = np.flatnonzero(counts)
    rows, begins, last = rows[filled], begins[filled], np.cumsum(counts[filled])
    total = int(last[-1]) if len(last) else 0
    for first in range(0, total, _AT_ONCE):
        places = np.arange(first, min(first + _AT_ONCE, total))
        owner = np.searchsorted(last, places, side="right")
        before = last[owner] - counts[filled[owner]]
        yield rows[owner], entries[begins[owner] + places - before] & 0xFFFFFFFF


def _first_alike_piece(different: NDArray[np.uint64]) -> Ints:
    """(n,) the first piece with at most one bit set of each of `different` (n, 4)."""
    bits = np.unpackbits(different.view(np.uint8), axis=1)[:, _SPREAD]
    return np.argmax(bits.sum(axis=2) <= 1, axis=1)

"""Pairs of films that show the same, among a million, by their perceptual hashes.

Multi-index hashing (Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing", CVPR
2012): cut into 12 pieces, two hashes that differ in at most 23 bits differ in at most one bit in some piece.
So only films that agree in a piece, or all but one bit of it, are compared, and no pair is missed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from plainfilm.image_analysis.perceptual_hash import BITS

RADIUS = 23
"""Films that differ in at most so many of 256 bits are candidates for being the same."""

MOST_PAIRS = 1 << 20
"""More pairs are not listed: a collection with more is one film over and over."""

_PIECES, _PIECE_BITS = 12, 21
_VALUES = 1 << _PIECE_BITS
_CHUNKS = 64
# Neighbouring waves say nearly the same, so pieces take bits from everywhere.
_SPREAD = np.random.default_rng(0).permutation(BITS)
_FLIPS = np.array([0, *(1 << place for place in range(_PIECE_BITS))], dtype=np.int32)
_BLOCK = 65_536


def alike_pairs(hashes: Sequence[str]) -> NDArray[np.int32]:
    """(N, 3) rows: two positions in `hashes`, the first smaller, and in how many bits they differ; sorted.

    `hashes` are those of `image_analysis.perceptual_hash`. At most `MOST_PAIRS` pairs are returned.
    """
    if len(hashes) < 2:
        return np.empty((0, 3), np.int32)
    raw = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), BITS // 8)
    words = raw.view(np.uint64)
    pieces = np.concatenate([_pieces(raw[start : start + _BLOCK]) for start in range(0, len(raw), _BLOCK)])
    order, starts = _buckets(pieces)
    counts = np.zeros(_CHUNKS, np.int64)
    found = np.empty((_CHUNKS, MOST_PAIRS // _CHUNKS, 3), np.int32)
    _search(words, pieces, order, starts, _FLIPS, RADIUS, counts, found)
    pairs = np.concatenate([found[chunk, : counts[chunk]] for chunk in range(_CHUNKS)])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _pieces(raw: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(N, 12) pieces of hashes (N, 32) as numbers; four bits are in none."""
    bits = np.unpackbits(raw, axis=1)[:, _SPREAD[: _PIECES * _PIECE_BITS]]
    return bits.reshape(-1, _PIECES, _PIECE_BITS) @ (1 << np.arange(_PIECE_BITS, dtype=np.int32))


def _buckets(pieces: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each piece: the films sorted by its value, and where each value begins among them."""
    order = np.empty((_PIECES, len(pieces)), np.int32)
    starts = np.zeros((_PIECES, _VALUES + 1), np.int32)
    for piece in range(_PIECES):
        order[piece] = np.argsort(pieces[:, piece], kind="stable")
        starts[piece, 1:] = np.cumsum(np.bincount(pieces[:, piece], minlength=_VALUES))
    return order, starts


@njit(inline="always")
def _ones(word):  # type: ignore[no-untyped-def]
    """How many bits of 64 are set (Hacker's Delight, 5-1)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(inline="always")
def _distance(words, one, other, radius):  # type: ignore[no-untyped-def]
    """The bits in which two films' hashes differ, or more than `radius` as soon as that is certain."""
    bits = 0
    for word in range(4):
        bits += _ones(words[one, word] ^ words[other, word])
        if bits > radius:
            break
    return bits


@njit(inline="always")
def _was_met(pieces, one, other, piece):  # type: ignore[no-untyped-def]
    """True where an earlier piece has brought two films together already."""
    for earlier in range(piece):
        if _ones(np.uint64(pieces[one, earlier] ^ pieces[other, earlier])) <= 1:
            return True
    return False


@njit(inline="always")
def _compare(film, piece, value, words, pieces, order, starts, radius, chunk, count, found):  # type: ignore[no-untyped-def]
    """Adds the films after `film` that have `value` in `piece` and are alike; returns the count of pairs."""
    for place in range(starts[piece, value], starts[piece, value + 1]):
        other = order[piece, place]
        if other <= film:
            continue
        bits = _distance(words, film, other, radius)
        if bits <= radius and count < found.shape[1] and not _was_met(pieces, film, other, piece):
            found[chunk, count, 0], found[chunk, count, 1], found[chunk, count, 2] = film, other, bits
            count += 1
    return count


# Arrays are never sliced in the loops: a slice counts references, which costs more than a comparison.
@njit(parallel=True, cache=True)
def _search(words, pieces, order, starts, flips, radius, counts, found):  # type: ignore[no-untyped-def]
    films = len(words)
    for chunk in prange(_CHUNKS):
        count = 0
        for film in range(chunk * films // _CHUNKS, (chunk + 1) * films // _CHUNKS):
            for lookup in range(_PIECES * len(flips)):
                piece = lookup // len(flips)
                value = pieces[film, piece] ^ flips[lookup % len(flips)]
                count = _compare(
                    film, piece, value, words, pieces, order, starts, radius, chunk, count, found
                )
        counts[chunk] = count
